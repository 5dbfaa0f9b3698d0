/**
 * The receiving half of a connection, for transports whose source of bytes cannot do what the seam asks.
 *
 * A socket that is not read does not notice that the peer has gone. So while paused an inbox lets the source go on for
 * `limit` bytes and keeps them, stops it only then, hands them on before the end, and gives the end exactly once.
 */
import type { EndReason, Handler } from "./Transport.ts"

/** What the bytes come from. */
export interface Source {
  /** Bytes that may wait while paused before the source is stopped. Default: 65536. */
  readonly limit?: number | undefined
  /** Stops reading, soon: what still comes is taken. */
  readonly stop: () => void
  /** Reads again; called only after `stop`. */
  readonly start: () => void
}

export interface Inbox {
  /** Bytes have come. */
  readonly take: (bytes: Uint8Array) => void
  /**
   * It is over: what waits is handed on, even while paused, and then the reason. By `us` it is over at once, and what
   * waits is dropped. Any later call does nothing.
   */
  readonly end: (reason: EndReason) => void
  readonly pause: () => void
  readonly resume: () => void
  readonly ended: boolean
}

class HandlerInbox implements Inbox {
  readonly #handler: Handler
  readonly #source: Source
  #waiting: Array<Uint8Array> = []
  #bytes = 0
  #paused = false
  #stopped = false
  #delivering = false
  #ending: EndReason | undefined
  #ended = false

  constructor(handler: Handler, source: Source) {
    this.#handler = handler
    this.#source = source
  }

  get ended(): boolean {
    return this.#ended
  }

  take(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#ended || this.#ending !== undefined) return
    if (this.#waiting.length === 0 && !this.#paused && !this.#delivering) return this.#deliver(bytes)
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    this.#deliver()
    if (this.#stopped || this.#ended || this.#bytes <= (this.#source.limit ?? 65_536)) return
    this.#stopped = true
    this.#source.stop()
  }

  pause(): void {
    this.#paused = true
  }

  /** Delivers in a microtask, because whoever resumes may be in the middle of something. */
  resume(): void {
    this.#paused = false
    if (this.#waiting.length > 0 || this.#stopped) queueMicrotask(() => this.#deliver())
  }

  end(reason: EndReason): void {
    if (reason.by === "us") return this.#end(reason)
    this.#ending ??= reason
    this.#deliver()
  }

  /** Hands on these bytes, when nothing waits before them, and then what waits. */
  #deliver(fresh?: Uint8Array): void {
    if (this.#delivering || this.#ended) return
    this.#delivering = true
    try {
      if (fresh !== undefined) this.#handler.data(fresh)
      if (this.#waiting.length > 0) this.#handOn()
    } catch (error) {
      this.#end({ by: "us", detail: `the handler failed: ${error instanceof Error ? error.message : String(error)}` })
    } finally {
      this.#delivering = false
    }
    if (this.#waiting.length > 0) return
    if (this.#ending !== undefined) this.#end(this.#ending)
    else this.#restart()
  }

  #handOn(): void {
    const waiting = this.#waiting
    let next = 0
    while (next < waiting.length && !this.#ended && (!this.#paused || this.#ending !== undefined)) {
      const bytes = waiting[next++]!
      this.#bytes -= bytes.length
      this.#handler.data(bytes)
    }
    if (!this.#ended) this.#waiting = waiting.slice(next)
  }

  #restart(): void {
    if (!this.#stopped || this.#ended) return
    this.#stopped = false
    this.#source.start()
  }

  #end(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting = []
    this.#handler.end(reason)
  }
}

/** Makes the inbox of one connection; its source may call `take` and `end` from now on. */
export const make = (handler: Handler, source: Source): Inbox => new HandlerInbox(handler, source)
