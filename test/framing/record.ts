/** Runs the frame decoder over pieces and writes down all that can be seen from outside. */
import * as Framing from "../../src/framing/Framing.ts"

export interface Recorded {
  /** Whole messages, in order. */
  readonly messages: ReadonlyArray<string>
  /** What had come of a message that did not end. */
  readonly rest: string
  readonly error: string | undefined
  readonly errorOffset: number | undefined
  readonly mode: Framing.Mode
  readonly inMessage: boolean
  readonly messageBytes: number
  readonly tolerated: Record<string, number>
}

export interface RecordOptions {
  readonly mode?: Framing.Mode
  /** Upgrades after this many messages. */
  readonly upgradeAfter?: number
}

const nonZero = (counters: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0))

const attempt = (work: () => void): Framing.FramingError | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof Framing.FramingError) return error
    throw error
  }
}

/** Latin-1 on purpose: every byte stays visible, UTF-8 or not. */
export const record = (pieces: ReadonlyArray<Uint8Array>, options: RecordOptions = {}): Recorded => {
  const decoder = Framing.makeDecoder(options.mode === undefined ? {} : { mode: options.mode })
  const messages: Array<string> = []
  let spans: Array<Buffer> = []
  const text = () => Buffer.concat(spans).toString("latin1")
  const receiver: Framing.Receiver = {
    span: (bytes) => spans.push(bytes),
    end: () => {
      messages.push(text())
      spans = []
      if (messages.length === options.upgradeAfter) decoder.upgrade()
    }
  }
  const error = attempt(() => pieces.forEach((piece) => decoder.push(piece, receiver)))
  return {
    messages,
    rest: text(),
    error: error?.detail,
    errorOffset: error?.offset,
    mode: decoder.mode,
    inMessage: decoder.inMessage,
    messageBytes: decoder.messageBytes,
    tolerated: nonZero({ ...decoder.tolerated })
  }
}
