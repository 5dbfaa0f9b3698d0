/**
 * A cheap rpc on an idle session, so that a device that is gone without a word is noticed though TCP says nothing. Off
 * unless asked for: it fills accounting logs.
 *
 * A device serves the rpcs of a session one after the other (RFC 6241 §4.5). So none is sent while any other is
 * unanswered, and while a caller waits for one, nothing is judged: a commit of five minutes is no death, and an rpc has a
 * deadline of its own. Any byte is a sign of life, an rpc-error too.
 */
import type * as Clock from "effect/Clock"
import * as Ticker from "../transport/Ticker.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import type { Calls } from "./Calls.ts"
import type { Operation } from "./Operation.ts"

export interface Options {
  /** Milliseconds of silence after which an idle session is asked. */
  readonly every: number
  /** Milliseconds within which anything must come. */
  readonly deadline: number
  readonly operation: Operation<unknown>
}

export interface Watched {
  readonly calls: Calls
  /** Bytes received so far. */
  readonly received: () => number
  /** Sends an rpc that waits for its reply without a deadline. */
  readonly send: (operation: Operation<unknown>) => void
  /** Called once; the watch is over then. */
  readonly dead: (detail: string) => void
}

/** An empty subtree filter selects nothing (RFC 6241 §6.4.2). */
export const emptyGet: Operation<unknown> = {
  name: "get",
  kind: "read",
  needs: [],
  expects: "data",
  encode: () =>
    Element.make("get", Namespaces.base, {
      children: [Element.make("filter", Namespaces.base, { attributes: { type: "subtree" } })]
    }),
  decode: (reply) => reply
}

class Watch {
  readonly stop: () => void
  readonly #options: Options
  readonly #watched: Watched
  /** A value of this session's own: what the caller sends himself is not mistaken for it. */
  readonly #operation: Operation<unknown>
  #bytes: number
  #lastByte: number
  #asked = 0

  constructor(options: Options, ticker: Ticker.Ticker, watched: Watched) {
    this.#options = options
    this.#watched = watched
    this.#operation = { ...options.operation }
    this.#bytes = watched.received()
    this.#lastByte = ticker.now()
    // The last byte, the silence and the missing answer are each noticed one look late: three of these are less than a
    // quarter of the interval.
    this.stop = ticker.every(Math.min(options.every, options.deadline) / 16, (now) => this.#look(now))
  }

  #look(now: number): void {
    const bytes = this.#watched.received()
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#lastByte = now
    }
    if (this.#watched.calls.holds(this.#operation)) this.#judge(now)
    else if (this.#watched.calls.size === 0 && now - this.#lastByte >= this.#options.every) this.#ask(now)
  }

  #ask(now: number): void {
    this.#asked = now
    this.#watched.send(this.#operation)
  }

  #judge(now: number): void {
    const { deadline } = this.#options
    if (this.#watched.calls.awaitsOther(this.#operation)) return
    if (now - Math.max(this.#asked, this.#lastByte) < deadline) return
    this.stop()
    this.#watched.dead(`no answer came to the keepalive within ${deadline} ms`)
  }
}

/** Watches a session until the result is called. */
export const watch = (options: Options, clock: Clock.Clock, watched: Watched): (() => void) =>
  new Watch(options, Ticker.of(clock), watched).stop
