/**
 * How many connects may begin within a second: in any window of one second never more than so many, by the Clock.
 *
 * A connect costs a device and its AAA server far more than an rpc, and a thousand logins at once look like an attack.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Monotonic from "../../transport/Monotonic.ts"
import { Line, type Restore } from "./Line.ts"

export type Fork = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

const window = 1000

export class Pacer {
  readonly #perSecond: number
  readonly #clock: Clock.Clock
  readonly #fork: Fork
  /** When the connects of the last second began, oldest first; those before `#head` are longer ago. */
  #begun: Array<number> = []
  #head = 0
  readonly #urgent = new Line()
  readonly #line = new Line()
  #timer: Fiber.Fiber<void> | undefined
  #stopped = false

  constructor(perSecond: number, clock: Clock.Clock, fork: Fork) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#fork = fork
  }

  get waiting(): number {
    return this.#urgent.size + this.#line.size
  }

  /** Waits for its turn; an urgent one comes before the others. A turn that nobody uses any more goes to the next one. */
  turn(restore: Restore, urgent: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const ahead = this.#urgent.size + (urgent ? 0 : this.#line.size)
      if (ahead === 0 && this.#begin()) return Effect.void
      this.#arm()
      return (urgent ? this.#urgent : this.#line).wait(restore, () => this.#giveBack())
    })
  }

  /** From now on nobody waits: what connects at the end of a fleet takes a change back. */
  stop(): void {
    this.#timer?.interruptUnsafe()
    this.#stopped = true
    this.#serve()
  }

  /** Counts one more, unless the second is full. */
  #begin(): boolean {
    if (this.#perSecond === Infinity || this.#stopped) return true
    const now = this.#now()
    this.#forget(now)
    if (this.#begun.length - this.#head >= this.#perSecond) return false
    this.#begun.push(now)
    return true
  }

  #giveBack(): void {
    this.#begun.pop()
    this.#serve()
  }

  #forget(now: number): void {
    while (this.#head < this.#begun.length && this.#begun[this.#head]! <= now - window) this.#head++
    if (this.#head < 32 || this.#head * 2 < this.#begun.length) return
    this.#begun.splice(0, this.#head)
    this.#head = 0
  }

  #now(): number {
    return Monotonic.millis(this.#clock)
  }

  #serve(): void {
    while (this.waiting > 0 && this.#begin()) (this.#urgent.next() ?? this.#line.next())?.()
    if (this.waiting > 0) this.#arm()
  }

  /** One timer, for the moment at which the oldest connect of this second is a second old. */
  #arm(): void {
    if (this.#timer !== undefined) return
    const now = this.#now()
    const due = Math.max(1, Math.ceil((this.#begun[this.#head] ?? now) + window - now))
    const serve = Effect.sync(() => {
      this.#timer = undefined
      this.#serve()
    })
    this.#timer = this.#fork(Effect.andThen(Effect.sleep(due), serve))
  }
}
