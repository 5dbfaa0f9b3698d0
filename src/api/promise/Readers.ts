/**
 * Readers of plain async code in one line: who came first is served first, each gets items of its own, and one that gives up
 * (by its time limit, its signal, or by leaving its loop) has taken nothing.
 *
 * What there is to read, and when to look again, belongs to whoever makes them. Waiting without a limit does not keep the
 * process alive.
 */
import type * as Duration from "effect/Duration"
import { knownNames, seconds, signal as checkSignal } from "../Checks.ts"

/** What a reader finds: an item, that it is over, or undefined as long as there is nothing. Throws what readers are to get. */
export type Look<A> = () => IteratorResult<A, undefined> | undefined

export interface WaitOptions {
  /** How long to wait, 0 for not at all; undefined is what comes then. */
  readonly timeout?: Duration.Input | "none"
  /** Gives up waiting: the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal
}

/** The time limit of a wait, in milliseconds; throws an `InputError` for options that are none. */
export const limitOf = (options: WaitOptions, otherwise: Duration.Input | "none"): number => {
  knownNames("", options, ["timeout", "signal"])
  checkSignal(options.signal)
  const { timeout = otherwise } = options
  return timeout === 0 ? 0 : seconds("timeout", timeout)
}

export class Readers {
  readonly #watch: (wake: () => void) => () => void
  /** What each of them does when there may be something; in the order in which they came. */
  readonly #waiting = new Set<() => void>()
  #unwatch: (() => void) | undefined

  /** `watch` calls back once, when another look is worth it; it returns how to stop. */
  constructor(watch: (wake: () => void) => () => void) {
    this.#watch = watch
  }

  /** The next item, or that it is over; undefined when `millis` pass first. Rejects with the signal's reason. */
  read<A>(
    look: Look<A>,
    { millis = Infinity, signal }: { readonly millis?: number; readonly signal?: AbortSignal | undefined } = {}
  ): Promise<IteratorResult<A, undefined> | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error)
      let timer: NodeJS.Timeout | undefined
      const leave = (): void => {
        this.#waiting.delete(attempt)
        clearTimeout(timer)
        signal?.removeEventListener("abort", abort)
        this.#settle()
      }
      const abort = (): void => {
        leave()
        reject(signal!.reason as Error)
      }
      const giveUp = (): void => {
        leave()
        resolve(undefined)
      }
      const attempt = (): void => {
        try {
          const found = look()
          if (found === undefined) return
          leave()
          resolve(found)
        } catch (error) {
          leave()
          reject(error as Error)
        }
      }
      this.#waiting.add(attempt)
      this.serve()
      if (!this.#waiting.has(attempt)) return
      if (millis === 0) return giveUp()
      signal?.addEventListener("abort", abort)
      if (millis !== Infinity) timer = setTimeout(giveUp, Math.min(millis, longest))
    })
  }

  /** Lets those who wait look again. */
  serve(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    for (const attempt of Array.from(this.#waiting)) attempt()
    this.#settle()
  }

  #settle(): void {
    if (this.#waiting.size > 0) this.#unwatch ??= this.#watch(() => this.serve())
    else if (this.#unwatch !== undefined) {
      this.#unwatch()
      this.#unwatch = undefined
    }
  }
}

/** A timer that is told more fires at once. */
const longest = 2 ** 31 - 1

/**
 * Items one after the other, for `for await`. Leaving the loop takes nothing with it, nor does an aborted signal, with whose
 * reason the loop fails.
 */
export class Items<A> implements AsyncIterableIterator<A, undefined> {
  readonly #readers: Readers
  readonly #look: Look<A>
  readonly #leaving = new AbortController()
  readonly #signal: AbortSignal
  readonly #left: (() => void) | undefined
  #isOver = false

  /** `left` is called when it is left. */
  constructor(readers: Readers, look: Look<A>, signal: AbortSignal | undefined, left?: () => void) {
    this.#readers = readers
    this.#look = look
    this.#left = left
    this.#signal = signal === undefined ? this.#leaving.signal : AbortSignal.any([signal, this.#leaving.signal])
  }

  async next(): Promise<IteratorResult<A, undefined>> {
    if (this.#isOver) return over
    try {
      const found = (await this.#readers.read(this.#look, { signal: this.#signal }))!
      if (found.done === true) this.#end()
      return found
    } catch (error) {
      this.#end()
      if (this.#leaving.signal.aborted) return over
      throw error
    }
  }

  async return(): Promise<IteratorResult<A, undefined>> {
    this.#end()
    this.#leaving.abort()
    return over
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#left?.()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** What a reader finds when there will be no more. */
export const over: IteratorReturnResult<undefined> = { done: true, value: undefined }
