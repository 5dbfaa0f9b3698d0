/**
 * One direction of a conversation as whole messages, for the servers and recordings of this folder: each message in the
 * pieces that it came in, which are views of what was pushed. What messages mean is for whoever reads them.
 */
import * as Framing from "../framing/Framing.ts"

export class Messages {
  readonly #decoder = Framing.makeDecoder()
  readonly #receiver: Framing.Receiver
  #pieces: Array<Buffer> = []
  #broken: string | undefined

  /** A message of more than `limit` bytes breaks it, as wrong framing does. */
  constructor(message: (pieces: ReadonlyArray<Buffer>) => void, limit = Infinity) {
    this.#receiver = {
      span: (piece) => {
        this.#pieces.push(piece)
        if (this.#decoder.messageBytes > limit) {
          throw new Framing.FramingError("the message is too large for this device", this.#decoder.offset)
        }
      },
      end: () => {
        const pieces = this.#pieces
        this.#pieces = []
        message(pieces)
      }
    }
  }

  /** Does nothing once it is broken. */
  push(bytes: Uint8Array): void {
    if (this.#broken !== undefined) return
    try {
      this.#decoder.push(bytes, this.#receiver)
    } catch (error) {
      if (!(error instanceof Framing.FramingError)) throw error
      this.#broken = error.message
    }
  }

  /** Chunked from the next byte on; to be called between two messages, or while one is handed out. */
  upgrade(): void {
    this.#decoder.upgrade()
  }

  get mode(): Framing.Mode {
    return this.#decoder.mode
  }

  get inMessage(): boolean {
    return this.#decoder.inMessage
  }

  /** Why nothing more can be read. */
  get broken(): string | undefined {
    return this.#broken
  }

  /** The pieces of the message that has not ended. */
  get unfinished(): ReadonlyArray<Buffer> {
    return this.#pieces
  }

  /** Bytes read so far; when it is broken, up to the last whole message or push. */
  get offset(): number {
    return this.#decoder.offset
  }
}

/** The message as one buffer. */
export const join = (pieces: ReadonlyArray<Buffer>): Buffer =>
  pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
