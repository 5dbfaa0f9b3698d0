/**
 * Keeps the changes of others outside while a locked program is inside: a lock belongs to the session, not to a fiber
 * (RFC 6241 §7.5). Whoever goes in waits until the changes that are under way have ended.
 *
 * Who is inside travels with the fiber, as a chain of passes: a program may be inside of several sessions at once. Inside
 * of one twice, it takes turns with the others in there, and they wait, because its clean-up would take away what they
 * rely on. A pass ends with its program: a fiber that is left behind is outside again, and what it had inside is cut down.
 *
 * Nobody waits at the gate of a session that has ended: the call says so.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { DeadlineError, type ErrorContext } from "../../errors.ts"
import type { Ending } from "./Ending.ts"

/** One program inside, from before its first lock to after its last unlock. */
interface Stay {
  readonly outer: Stay | undefined
  /** Done when its program is over. */
  readonly over: Deferred.Deferred<void>
  left: boolean
}

interface Pass {
  readonly gate: Gate
  readonly stay: Stay
  readonly outer: Pass | undefined
  ended: boolean
}

const CurrentPass = Context.Reference<Pass | undefined>("effect-netconf/CurrentPass", { defaultValue: () => undefined })

export interface GateOptions {
  readonly ending: Ending
  /** How long a program waits to go in, in milliseconds; `Infinity` for no limit. */
  readonly queueDeadline: number
  readonly context: ErrorContext
}

export class Gate {
  readonly #options: GateOptions
  /** The innermost. */
  #inside: Stay | undefined
  /** Changes that were let through and have not ended. */
  #underWay = 0
  /** Those who wait, in the order of their coming. */
  readonly #asking = new Set<() => void>()
  #waking: "no" | "once" | "again" = "no"

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Runs a change once nobody else is inside. */
  pass<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      let counted = false
      const letThrough = Effect.withFiber<A, E, R>((fiber) => {
        const pass = fiber.getRef(CurrentPass)
        const begin = () => (counted = this.#begin(pass))
        return begin() ? self : Effect.andThen(this.#until(begin), self)
      })
      return Effect.onExitPrimitive(letThrough, () => (counted ? this.#end() : undefined))
    })
  }

  /** Runs an effect as the only one inside, of what its fiber is inside of already. */
  enter<A, E, R>(inside: Effect.Effect<A, E, R>): Effect.Effect<A, E | DeadlineError, R> {
    return Effect.suspend(() => {
      let stay: Stay | undefined
      const goIn = Effect.flatMap(CurrentPass, (pass) => {
        const begin = () => {
          stay ??= this.#place(pass)
          return this.#options.ending.ended || (stay !== undefined && this.#underWay === 0)
        }
        const run = Effect.suspend(() => this.#stayWith(inside, stay!, pass))
        return begin() ? run : Effect.andThen(this.#inTime(this.#until(begin)), run)
      })
      return Effect.onExitPrimitive(goIn, () => (stay === undefined ? undefined : this.#leave(stay)))
    })
  }

  /** Runs a program with a pass that ends with it; to be called inside. */
  lend<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentPass, (outer) => {
      const stay = this.#stayOf(outer)!
      const pass: Pass = { gate: this, stay, outer, ended: false }
      const end = Effect.sync(() => {
        pass.ended = true
        Deferred.doneUnsafe(stay.over, Effect.void)
      })
      return Effect.ensuring(Effect.provideService(program, CurrentPass, pass), end)
    })
  }

  #stayWith<A, E, R>(inside: Effect.Effect<A, E, R>, stay: Stay, outer: Pass | undefined): Effect.Effect<A, E, R> {
    const pass: Pass = { gate: this, stay, outer, ended: false }
    const end = Effect.sync(() => {
      pass.ended = true
    })
    const run = Effect.ensuring(Effect.provideService(inside, CurrentPass, pass), end)
    if (stay.outer === undefined) return run
    // The one around it gives its locks back when its program is over, and nobody may rely on them then.
    return Effect.raceFirst(run, Effect.andThen(Deferred.await(stay.outer.over), Effect.interrupt))
  }

  /** The innermost that a fiber belongs to, of those whose program is not over. */
  #stayOf(pass: Pass | undefined): Stay | undefined {
    for (let link = pass; link !== undefined; link = link.outer) {
      if (link.gate === this && !link.ended) return link.stay
    }
    return undefined
  }

  #begin(pass: Pass | undefined): boolean {
    if (this.#inside !== this.#stayOf(pass) && !this.#options.ending.ended) return false
    this.#underWay++
    return true
  }

  #end(): undefined {
    if (--this.#underWay === 0) this.#wake()
  }

  /** Closes the gate behind a newcomer, who may still have to wait for what is under way. */
  #place(pass: Pass | undefined): Stay | undefined {
    const outer = this.#stayOf(pass)
    const stay = { outer, over: Deferred.makeUnsafe<void>(), left: false }
    if (outer === this.#inside) return (this.#inside = stay)
    return this.#options.ending.ended ? stay : undefined
  }

  #leave(stay: Stay): undefined {
    stay.left = true
    while (this.#inside?.left === true) this.#inside = this.#inside.outer
    this.#wake()
  }

  /** Resuming runs a fiber inline, and it may leave before it returns: then all are asked once more, without recursion. */
  #wake(): void {
    if (this.#waking !== "no") {
      this.#waking = "again"
      return
    }
    try {
      do {
        this.#waking = "once"
        for (const ask of this.#asking) ask()
      } while (this.#isAgain())
    } finally {
      this.#waking = "no"
    }
  }

  #isAgain(): boolean {
    return this.#waking === "again"
  }

  /** Waits until an attempt succeeds. */
  #until(attempt: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const { ending } = this.#options
      const forget = () => {
        ending.delete(ask)
        return this.#asking.delete(ask)
      }
      const ask = () => {
        if (this.#asking.has(ask) && attempt() && forget()) resume(Effect.void)
      }
      this.#asking.add(ask)
      ending.add(ask)
      ask()
      return Effect.sync(() => void forget())
    })
  }

  #inTime(waiting: Effect.Effect<void>): Effect.Effect<void, DeadlineError> {
    const { context, queueDeadline: duration } = this.#options
    if (duration === Infinity) return waiting
    const late = {
      ...context,
      operation: "lock",
      phase: "queue",
      deadline: duration,
      elapsed: duration,
      bytes: 0
    } as const
    return Effect.timeoutOrElse(waiting, { duration, orElse: () => Effect.fail(new DeadlineError(late)) })
  }
}
