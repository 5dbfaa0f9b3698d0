/**
 * One session in a reactor, from the moment its opening is asked for until the thread has let it go: who waits for that,
 * and the Connection that it has meanwhile.
 */
import * as Effect from "effect/Effect"
import { type ConnectError, ConnectionError } from "../../errors.ts"
import * as Protocol from "../../transport/thread/Protocol.ts"
import type { Connection, EndReason, OpenContext, Transport } from "../../transport/Transport.ts"
import type { Caller } from "./Answers.ts"
import type { Crossed } from "./Crossed.ts"

type Opened = (result: Effect.Effect<Connection, ConnectError>) => void

/** What a thread may take to close beyond the deadline, in milliseconds: it counts by its own clock. */
const grace = 250

export class Guest {
  readonly caller: Caller
  readonly context: OpenContext
  readonly crossed: Crossed
  #opened: Opened | undefined
  #gone = false
  readonly #waiting = new Set<() => void>()

  constructor(caller: Caller, context: OpenContext, crossed: Crossed, opened: Opened) {
    this.caller = caller
    this.context = context
    this.crossed = crossed
    this.#opened = opened
  }

  get opening(): boolean {
    return this.#opened !== undefined
  }

  opened(event: Extract<Protocol.Event, { readonly _tag: "opened" }>, beside: Transport["open"]): void {
    this.crossed.opened(event, event.beside ? beside : undefined)
    this.#answer(Effect.succeed(this.crossed))
  }

  failed({ defect, error }: Extract<Protocol.Event, { readonly _tag: "failed" }>): void {
    this.#answer(error === undefined ? Effect.die(new Error(defect)) : Effect.fail(Protocol.decodeError(error)))
    this.gone()
  }

  /** The thread is no more. */
  lost(reason: EndReason): void {
    const { label } = this.context
    const { peer } = this.caller.crossing
    if (this.opening) {
      this.#answer(Effect.fail(new ConnectionError({ label, peer, reason: "reset", detail: reason.detail })))
    } else this.crossed.finish(reason)
    this.gone()
  }

  #answer(result: Effect.Effect<Connection, ConnectError>): void {
    const opened = this.#opened
    this.#opened = undefined
    opened?.(result)
  }

  /** Nobody waits for its opening any more. */
  giveUp(): void {
    this.#opened = undefined
    this.crossed.abandon()
  }

  /** The thread holds nothing of it. */
  gone(): void {
    this.#gone = true
    for (const tell of this.#waiting) tell()
    this.#waiting.clear()
  }

  /** Waits until the thread holds nothing of it; false if it says nothing in time. */
  get awaitGone(): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      if (this.#gone) return resume(Effect.succeed(true))
      const { close } = this.context.deadlines
      const late = () => {
        this.#waiting.delete(told)
        resume(Effect.succeed(false))
      }
      const timer = close === Infinity ? undefined : setTimeout(late, close + grace)
      const told = () => {
        clearTimeout(timer)
        resume(Effect.succeed(true))
      }
      this.#waiting.add(told)
      return Effect.sync(() => {
        clearTimeout(timer)
        this.#waiting.delete(told)
      })
    })
  }
}
