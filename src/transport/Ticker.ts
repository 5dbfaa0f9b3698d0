/**
 * One timer for everything that looks now and then whether a peer still lives, however many peers there are; it keeps
 * nothing alive. What a look means is the business of Keepalive here, and of rpc/Keepalive.
 *
 * The timer of the process runs on its own clock; a session on another clock (a test's) gets a timer on that one.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Monotonic from "./Monotonic.ts"

/** Calls back once after so many milliseconds, unless the result is called before. */
type Alarm = (millis: number, ring: () => void) => () => void

/** Called with the time in milliseconds, of which only differences are taken. */
type Look = (now: number) => void

/** No look is asked for more often than this. */
const shortest = 10

export class Ticker {
  readonly now: () => number
  readonly #alarm: Alarm
  readonly #looks = new Set<{ readonly period: number; readonly look: Look }>()
  /** How many looks have each period: a thousand sessions have one or two. */
  readonly #periods = new Map<number, number>()
  #period = Infinity
  #due = Infinity
  #cancel: (() => void) | undefined

  constructor(now: () => number, alarm: Alarm) {
    this.now = now
    this.#alarm = alarm
  }

  /** How many looks there are, and whether the timer runs. */
  get status(): { readonly looks: number; readonly running: boolean } {
    return { looks: this.#looks.size, running: this.#cancel !== undefined }
  }

  /** Looks every `period` milliseconds, or more often when somebody else asks for it, until the result is called. */
  every(period: number, look: Look): () => void {
    const entry = { period: Math.max(period, shortest), look }
    this.#looks.add(entry)
    this.#count(entry.period, 1)
    return () => {
      if (this.#looks.delete(entry)) this.#count(entry.period, -1)
    }
  }

  #count(period: number, change: 1 | -1): void {
    const count = (this.#periods.get(period) ?? 0) + change
    if (count === 0) this.#periods.delete(period)
    else this.#periods.set(period, count)
    this.#arm()
  }

  #arm(): void {
    const period = Math.min(...this.#periods.keys())
    if (period === this.#period && this.#cancel !== undefined) return
    this.#period = period
    this.#cancel?.()
    this.#cancel = undefined
    if (period === Infinity) {
      this.#due = Infinity
      return
    }
    const now = this.now()
    // What is due stays due: others that come and go put no look off.
    const left = Math.max(0, Math.min(this.#due - now, period))
    this.#due = now + left
    this.#cancel = this.#alarm(left, () => this.#ring())
  }

  #ring(): void {
    this.#cancel = undefined
    this.#due = Infinity
    const now = this.now()
    for (const { look } of this.#looks) look(now)
    this.#arm()
  }
}

/** What setTimeout can count. Ringing early costs a look. */
const longest = 2_147_483_647

/** By more than so many milliseconds a timer is late only when the process has stood still. */
const tolerance = 5

/** The timer of the process. */
export const ofProcess: Ticker = new Ticker(
  () => performance.now(),
  (millis, ring) => {
    const due = performance.now() + millis
    let immediate: NodeJS.Immediate | undefined
    const onTime = (): void => {
      // After the process has stood still, a timer comes before the bytes that arrived meanwhile, an immediate after them.
      if (performance.now() - due > tolerance) immediate = setImmediate(ring)
      else ring()
    }
    const timer = setTimeout(onTime, Math.min(millis, longest)).unref()
    return () => {
      clearTimeout(timer)
      clearImmediate(immediate)
    }
  }
)

const live = Context.get(Context.empty(), Clock.Clock)
const others = new WeakMap<Clock.Clock, Ticker>()

/** The timer that goes by this clock: the one of the process, unless the clock is a test's. */
export const of = (clock: Clock.Clock): Ticker => {
  if (clock === live) return ofProcess
  const found = others.get(clock) ?? onClock(clock)
  others.set(clock, found)
  return found
}

const onClock = (clock: Clock.Clock): Ticker =>
  new Ticker(
    () => Monotonic.millis(clock),
    (millis, ring) => {
      const fiber = Effect.runFork(Effect.andThen(clock.sleep(Duration.millis(millis)), Effect.sync(ring)))
      return () => fiber.interruptUnsafe()
    }
  )
