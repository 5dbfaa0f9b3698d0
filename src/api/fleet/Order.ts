/**
 * Which device of a run is next: step by step, in the order given, but for those that wait until another one of their
 * redundancy group is done. Such a one comes before all others as soon as its group is free.
 */
import type { Device } from "./Devices.ts"
import type { Groups } from "./RedundancyGroups.ts"

export class Order<T extends { readonly device: Device }> {
  readonly #steps: ReadonlyArray<ReadonlyArray<T>>
  readonly #groups: Groups
  #step = 0
  /** How many of the step have been looked at. */
  #seen = 0
  /** Those that wait for their group, and the groups that have become free since. */
  readonly #blocked = new Map<string, Array<T>>()
  #freed: Array<string> = []

  constructor(steps: ReadonlyArray<ReadonlyArray<T>>, groups: Groups) {
    this.#steps = steps
    this.#groups = groups
  }

  /** The number of the step that is under way, from 0. */
  get step(): number {
    return this.#step
  }

  /** Whether everything of this step has been taken. */
  get taken(): boolean {
    return this.#blocked.size === 0 && this.#seen >= this.#steps[this.#step]!.length
  }

  get isLast(): boolean {
    return this.#step + 1 >= this.#steps.length
  }

  advance(): void {
    this.#step++
    this.#seen = 0
  }

  /** A device of the group is done; false if nobody waits for that. */
  freed(group: string): boolean {
    if (!this.#blocked.has(group)) return false
    this.#freed.push(group)
    return true
  }

  /** Takes the next one that may start now, with its group. */
  take(): T | undefined {
    for (let group = this.#freed.shift(); group !== undefined; group = this.#freed.shift()) {
      const found = this.#unblock(group)
      if (found !== undefined) return found
    }
    const step = this.#steps[this.#step]!
    while (this.#seen < step.length) {
      const found = step[this.#seen++]!
      const group = found.device.redundancyGroup
      if (this.#groups.take(group)) return found
      if (group !== undefined) this.#block(group, found)
    }
    return undefined
  }

  #block(group: string, found: T): void {
    const others = this.#blocked.get(group)
    if (others === undefined) this.#blocked.set(group, [found])
    else others.push(found)
  }

  #unblock(group: string): T | undefined {
    const waiting = this.#blocked.get(group)
    if (waiting === undefined || !this.#groups.take(group)) return undefined
    const found = waiting.shift()
    if (waiting.length === 0) this.#blocked.delete(group)
    return found
  }
}
