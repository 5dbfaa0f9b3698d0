/**
 * A cheap rpc on an idle session, so that a device that is gone without a word is noticed though TCP says nothing. Off
 * unless asked for: it fills accounting logs.
 *
 * A device serves the rpcs of a session one after the other (RFC 6241 §4.5). So none is sent while any other may still be
 * worked on, and while a caller waits for one, nothing is judged: a commit of five minutes is no death, and an rpc has a
 * deadline of its own. One that was given up may be worked on until an interval after its deadline; later it is taken for
 * lost, or a device that died during a read would be believed alive for ever. Any byte is a sign of life, an rpc-error too.
 */
import type * as Clock from "effect/Clock"
import * as Monotonic from "../transport/Monotonic.ts"
import { SignsOfLife } from "../transport/SignsOfLife.ts"
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

interface Watched {
  readonly calls: Calls
  /** Bytes received so far. */
  readonly received: () => number
  /** Whether the session holds its peer back: then silence is our own. */
  readonly paused: () => boolean
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
  /** A value of this session's own: what a caller sends is not mistaken for it. */
  readonly #operation: Operation<unknown>
  readonly #life: SignsOfLife
  readonly #clock: Clock.Clock
  #asked = 0

  constructor(options: Options, clock: Clock.Clock, watched: Watched) {
    const ticker = Ticker.of(clock)
    this.#options = options
    this.#clock = clock
    this.#watched = watched
    this.#operation = { ...options.operation }
    this.#life = new SignsOfLife(watched.received, ticker.now())
    // The last byte, the silence and the missing answer are each noticed one look late: three of these are less than a
    // quarter of the interval.
    this.stop = ticker.every(Math.min(options.every, options.deadline) / 16, (now) => this.#look(now))
  }

  #look(now: number): void {
    if (this.#watched.paused()) return this.#life.seen(now)
    this.#life.look(now)
    if (this.#watched.calls.holds(this.#operation)) this.#judge(now)
    else if (now - this.#life.last >= this.#options.every && this.#isIdle()) this.#ask(now)
  }

  /** By the session's clock, which the calls go by; that of the looks may count from another moment. */
  #isIdle(): boolean {
    return this.#watched.calls.isIdle(Monotonic.millis(this.#clock), this.#options.every)
  }

  #ask(now: number): void {
    this.#asked = now
    this.#watched.send(this.#operation)
  }

  #judge(now: number): void {
    const { deadline } = this.#options
    if (this.#watched.calls.awaitsOther(this.#operation)) return
    if (now - Math.max(this.#asked, this.#life.last) < deadline) return
    this.stop()
    this.#watched.dead(`no answer came to the keepalive within ${deadline} ms`)
  }
}

/** Watches a session until the result is called. */
export const watch = (options: Options, clock: Clock.Clock, watched: Watched): (() => void) =>
  new Watch(options, clock, watched).stop
