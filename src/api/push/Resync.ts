/**
 * Asking for the whole selection again (RFC 8641 §4.4.4): at once, then less and less often where that does not help. Where
 * a device refuses, or says ok and sends nothing, whoever asks is told to establish another subscription.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { steadyAfter } from "../reconnecting/Options.ts"
import type { DynamicSubscription } from "./Established.ts"

export interface Asker {
  readonly subscription: DynamicSubscription
  /** Whether the whole selection has not come. */
  readonly waits: () => boolean
  /** Another subscription has to follow. */
  readonly again: (why: string) => Effect.Effect<void>
}

export class Resync {
  /** How often it was asked. */
  count = 0
  readonly #patience: number
  /** How often, less than a minute apart. */
  #often = 0
  #askedAt = -Infinity
  #fiber: Fiber.Fiber<void> | undefined
  /** It is asked for, or will be, and the device has not answered. */
  #pending = false
  /** It has been asked for. */
  #sent = false
  /** It is asked for once more when it is answered. */
  #anew = false

  /** `patience` in milliseconds: how long the selection may take. */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** `isAnew`: what is on its way may be without it, because it waits in front of what was dropped. */
  ask(asker: Asker, why: string, isAnew = false): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      // What is on its way answers this too.
      if (this.#pending) {
        this.#anew ||= isAnew && this.#sent
        return
      }
      yield* this.stop
      this.#pending = true
      const sent = Effect.ensuring(this.#send(asker), this.#answered)
      const asked = Effect.matchEffect(sent, {
        onFailure: (error) => asker.again(`${why}; ${error.summary}`),
        onSuccess: () => this.#patient(asker)
      })
      this.#fiber = yield* Effect.forkDetach(asked)
    })
  }

  /** It is due without being asked for. */
  expect(asker: Asker): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      yield* this.stop
      this.#fiber = yield* Effect.forkDetach(this.#patient(asker))
    })
  }

  /** It has come, or nobody needs it any more. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fiber = this.#fiber
      this.#fiber = undefined
      this.#pending = false
      this.#anew = false
      return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
    })
  }

  readonly #answered = Effect.sync(() => {
    this.#pending = false
  })

  #send({ subscription }: Asker) {
    return Effect.gen({ self: this }, function* () {
      do {
        this.#anew = false
        this.#sent = false
        const wait = yield* this.#wait
        if (wait > 0) yield* Effect.sleep(wait)
        this.#sent = true
        this.count++
        yield* subscription.resync()
      } while (this.#anew)
    })
  }

  /** Milliseconds until it is asked: a device is not asked at every change. */
  get #wait(): Effect.Effect<number> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (now - this.#askedAt > steadyAfter) this.#often = 0
      this.#askedAt = now
      return this.#often++ === 0 ? 0 : Math.min(500 * 2 ** (this.#often - 1), steadyAfter)
    })
  }

  #patient({ again, subscription, waits }: Asker): Effect.Effect<void> {
    return Effect.flatMap(Effect.sleep(this.#patience), () => {
      // Suspended, it is silent for a reason.
      const isLate = waits() && subscription.state() === "active"
      return isLate ? again(`no push-update came within ${this.#patience} ms`) : Effect.void
    })
  }
}
