/**
 * Frames on their way to the transport: written whole, in order, one write each, and held back while the transport
 * is full. A call that is taken back before its turn was certainly never sent.
 */
import type { Connection } from "../transport/Transport.ts"
import type { Call } from "./Calls.ts"

export class Outbox {
  readonly #onWritten: (call: Call) => void
  #connection: Connection | undefined
  #waiting: Array<Call> = []
  #full = false
  bytes = 0

  constructor(onWritten: (call: Call) => void) {
    this.#onWritten = onWritten
  }

  /** Writes our hello and opens the way for calls. */
  open(connection: Connection, hello: Buffer): void {
    this.#connection = connection
    this.#write(hello)
  }

  send(call: Call): void {
    if (this.#full || this.#waiting.length > 0) this.#waiting.push(call)
    else this.#writeCall(call)
  }

  /** The transport has room again. */
  drain(): void {
    this.#full = false
    const waiting = this.#waiting
    let sent = 0
    while (!this.#full && sent < waiting.length) this.#writeCall(waiting[sent++]!)
    this.#waiting = waiting.slice(sent)
  }

  /** Takes back a call that has not been written. */
  remove(call: Call): void {
    this.#waiting = this.#waiting.filter((other) => other !== call)
  }

  clear(): void {
    this.#waiting = []
    this.#connection = undefined
  }

  #writeCall(call: Call): void {
    const frame = call.frame!
    call.frame = undefined
    this.#onWritten(call)
    this.#write(frame)
  }

  #write(frame: Buffer): void {
    this.bytes += frame.length
    if (this.#connection?.write(frame) === false) this.#full = true
  }
}
