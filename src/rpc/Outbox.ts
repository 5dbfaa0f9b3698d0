/**
 * Frames on their way to the transport: written whole, in order, one write each, and held back while the transport
 * is full. A call that is taken back before its turn was certainly never sent.
 */
import type { Connection } from "../transport/Transport.ts"
import type { Call } from "./Calls.ts"

export class Outbox {
  readonly #onWritten: (call: Call) => void
  /** Sees each frame, while somebody logs. */
  readonly #onFrame: ((frame: Buffer) => void) | undefined
  #connection: Connection | undefined
  /** In order; a set, because taking one back must not cost a walk. */
  readonly #waiting = new Set<Call>()
  #full = false
  bytes = 0

  constructor(onWritten: (call: Call) => void, onFrame?: (frame: Buffer) => void) {
    this.#onWritten = onWritten
    this.#onFrame = onFrame
  }

  /** Writes our hello and opens the way for calls. */
  open(connection: Connection, hello: Buffer): void {
    this.#connection = connection
    this.#write(hello)
  }

  send(call: Call): void {
    if (this.#full || this.#waiting.size > 0) this.#waiting.add(call)
    else this.#writeCall(call)
  }

  /** The transport has room again. What is too late by now is not written: whoever watches it will take it back. */
  drain(now: number): void {
    this.#full = false
    for (const call of this.#waiting) {
      if (this.#isFull()) return
      this.#waiting.delete(call)
      if (call.sendBefore === undefined || now < call.sendBefore) this.#writeCall(call)
    }
  }

  /** Takes back a call that has not been written. */
  remove(call: Call): void {
    this.#waiting.delete(call)
  }

  clear(): void {
    this.#waiting.clear()
    this.#connection = undefined
  }

  /** Writing may fill it: TypeScript must not believe what it read before. */
  #isFull(): boolean {
    return this.#full
  }

  #writeCall(call: Call): void {
    const frame = call.frame!
    call.frame = undefined
    this.#onWritten(call)
    this.#write(frame)
  }

  #write(frame: Buffer): void {
    this.bytes += frame.length
    this.#onFrame?.(frame)
    if (this.#connection?.write(frame) === false) this.#full = true
  }
}
