/**
 * A Connection whose other half, with the socket, is in a thread: what the session of the caller's loop reads and writes.
 *
 * What has crossed and cannot be handed on yet, because the session is paused or others have their turn, is held here; the
 * thread's credit bounds it. The order of bytes and end is that of the thread.
 */
import type { Connection, EndReason, Handler, Transport } from "../../transport/Transport.ts"
import { writeCredit } from "../../transport/thread/Protocol.ts"
import type { Deliverable, Turns } from "./Turns.ts"

/** The way to the thread. */
export interface Wire {
  /** The reactor's. */
  readonly id: string
  readonly write: (session: number, frame: Uint8Array) => void
  /** Whether the session is paused has changed, perhaps. */
  readonly flow: (crossed: Crossed) => void
  /** So many bytes have been handed on. */
  readonly took: (session: number, bytes: number) => void
}

export class Crossed implements Connection, Deliverable {
  readonly session: number
  readonly reactor: string
  details: Readonly<Record<string, string>> = {}
  notes: ReadonlyArray<string> = []
  beside?: Transport["open"]
  paused = false
  readonly #wire: Wire
  readonly #handler: Handler
  readonly #turns: Turns
  #pieces: Array<Uint8Array> = []
  #unwritten = 0
  #full = false
  #up = false
  #ending: EndReason | undefined
  #ended = false

  constructor(session: number, handler: Handler, wire: Wire, turns: Turns) {
    this.session = session
    this.reactor = wire.id
    this.#handler = handler
    this.#wire = wire
    this.#turns = turns
  }

  /** It is open: from now on it may end. */
  opened({ details, notes }: Pick<Connection, "details" | "notes">, beside: Transport["open"] | undefined): void {
    this.details = details
    this.notes = notes
    if (beside !== undefined) this.beside = beside
    this.#up = true
    if (this.#ending !== undefined) this.#turns.add(this)
  }

  /** Bytes have crossed. */
  take(bytes: Uint8Array): void {
    if (this.#ended || this.#ending !== undefined) return
    this.#pieces.push(bytes)
    if (!this.paused) this.#turns.add(this)
  }

  readonly deliver = (most: number): boolean => {
    let left = most
    try {
      while (left > 0 && this.#mayDeliver()) left -= this.#handOn(left)
    } catch (error) {
      this.#handlerFailed(error)
    }
    if (this.#mayDeliver()) return true
    if (this.#ending !== undefined && this.#up) this.#end(this.#ending)
    return false
  }

  #mayDeliver(): boolean {
    return !this.#ended && this.#pieces.length > 0 && (!this.paused || this.#ending !== undefined)
  }

  #handOn(most: number): number {
    const piece = this.#pieces[0]!
    const bytes = piece.length <= most ? piece : piece.subarray(0, most)
    if (bytes === piece) this.#pieces.shift()
    else this.#pieces[0] = piece.subarray(most)
    this.#wire.took(this.session, bytes.length)
    this.#handler.data(bytes)
    return bytes.length
  }

  /** It is over once what waits has been handed on, also while paused; by `us` at once. */
  finish(reason: EndReason): void {
    if (this.#ended) return
    if (reason.by === "us") return this.#end(reason)
    this.#ending ??= reason
    this.#turns.add(this)
  }

  #end(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.#pieces = []
    try {
      this.#handler.end(reason)
    } catch {
      // It has been told; there is nobody else to tell.
    }
  }

  /** Nobody is told any more: it was given up before it was open. */
  abandon(): void {
    this.#ended = true
    this.#pieces = []
  }

  readonly write = (frame: Uint8Array): boolean => {
    if (this.#ended || this.#ending !== undefined) return false
    this.#unwritten += frame.length
    this.#wire.write(this.session, frame)
    this.#full = this.#unwritten > writeCredit
    return !this.#full
  }

  /** The thread has written so many bytes. */
  wrote(bytes: number): void {
    this.#unwritten -= bytes
    if (!this.#full || this.#ended || this.#unwritten > writeCredit / 2) return
    this.#full = false
    try {
      this.#handler.drain()
    } catch (error) {
      this.#handlerFailed(error)
    }
  }

  #handlerFailed(error: unknown): void {
    const why = error instanceof Error ? error.message : "unknown"
    this.finish({ by: "us", detail: `the handler failed: ${why}` })
  }

  readonly pause = (): void => {
    if (this.paused) return
    this.paused = true
    this.#wire.flow(this)
  }

  /** Hands on in a microtask, because whoever resumes may be in the middle of something. */
  readonly resume = (): void => {
    if (!this.paused) return
    this.paused = false
    this.#wire.flow(this)
    if (this.#pieces.length > 0) queueMicrotask(() => this.#turns.add(this))
  }
}
