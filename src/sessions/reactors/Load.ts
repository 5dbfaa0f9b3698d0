/**
 * How busy a reactor is: the bytes of the last few seconds and how late its loop came, as a share of what one thread can
 * do. Computed when somebody asks, so that an idle reactor costs nothing.
 */
import type { Delay } from "../../transport/thread/Protocol.ts"

/** For how long what was counted weighs, in milliseconds. */
const memory = 5_000

/** What a thread decrypts in a second, roughly (docs/decisions/0009-reactors.md). */
const bytesPerSecond = 100_000_000

/** A loop that mostly comes this late, in milliseconds, has no room left; now and then any is late on a busy machine. */
const fullDelay = 100

export class Load {
  #bytes = 0
  #at = 0
  #delay: Delay | undefined
  #delayAt = -Infinity

  get delay(): Delay | undefined {
    return this.#delay
  }

  add(bytes: number, now: number): void {
    this.#bytes = this.#left(now) + bytes
    this.#at = now
  }

  late(delay: Delay, now: number): void {
    this.#delay = delay
    this.#delayAt = now
  }

  /** In twentieths of what a thread can do: smaller differences mean nothing. */
  level(now: number): number {
    const busy = this.#left(now) / (bytesPerSecond * (memory / 1_000))
    const late = now - this.#delayAt < memory ? (this.#delay?.p50 ?? 0) / fullDelay : 0
    return Math.floor((busy + late) * 20)
  }

  #left(now: number): number {
    return this.#bytes * Math.exp((this.#at - now) / memory)
  }
}
