/**
 * Those who wait, oldest first: for a slot, or for their turn to connect. All bookkeeping is synchronous and costs the
 * same for one and for thousands; whoever goes away leaves an entry behind that is skipped.
 */
import * as Effect from "effect/Effect"

/** What makes the waiting itself interruptible; what comes after it must not be. */
export type Restore = <A>(self: Effect.Effect<A>) => Effect.Effect<A>

/** Takes one out of the line, if it still stands there; calling what it returns lets it go on, inline. */
export type Serve = () => (() => void) | undefined

/** One who wants a slot. */
export interface Wish {
  /** Does not wait: whoever waits for it keeps a slot meanwhile. */
  urgent: boolean
  /** To be called when that turns out while it waits. */
  hurry: (() => void) | undefined
}

interface Place {
  /** Undefined once it was served or has left. */
  resume: (() => void) | undefined
}

export class Line {
  #places: Array<Place> = []
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /**
   * Waits to be served. `giveBack` is called when that comes too late: it was served and then interrupted. `stands` is given
   * what takes it out before its turn.
   */
  wait(restore: Restore, giveBack: () => void, stands?: (serve: Serve) => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      let place: Place | undefined
      const waiting = Effect.callback<void>((resume) => {
        const entered: Place = { resume: () => resume(Effect.void) }
        place = entered
        this.#places.push(entered)
        this.#size++
        stands?.(() => this.#serve(entered))
      })
      const left = Effect.sync(() => {
        if (place === undefined) return
        if (place.resume === undefined) return giveBack()
        place.resume = undefined
        this.#size--
      })
      return Effect.onError(restore(waiting), () => left)
    })
  }

  /** Takes the oldest one out; calling what it returns lets it go on, inline. */
  next(): (() => void) | undefined {
    while (this.#head < this.#places.length) {
      const place = this.#places[this.#head++]!
      this.#compact()
      const resume = this.#serve(place)
      if (resume !== undefined) return resume
    }
    return undefined
  }

  #serve(place: Place): (() => void) | undefined {
    const { resume } = place
    if (resume === undefined) return undefined
    place.resume = undefined
    this.#size--
    return resume
  }

  #compact(): void {
    if (this.#head < 32 || this.#head * 2 < this.#places.length) return
    this.#places.splice(0, this.#head)
    this.#head = 0
  }
}

/** So many at once, in the order of asking. */
export class Slots {
  readonly max: number
  #used = 0
  #draining = false
  readonly #line = new Line()

  constructor(max: number) {
    this.max = max
  }

  /** Those that are taken; above `max` by what did not wait. */
  get used(): number {
    return this.#used
  }

  get waiting(): number {
    return this.#line.size
  }

  /** Whether whoever comes now has to wait. */
  get full(): boolean {
    return this.#used >= this.max || this.#line.size > 0
  }

  /** Takes a slot when it is its turn; within an uninterruptible region. */
  take(restore: Restore, wish?: Wish): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.full && wish?.urgent !== true) return this.#wait(restore, wish)
      this.#used++
      return Effect.void
    })
  }

  #wait(restore: Restore, wish: Wish | undefined): Effect.Effect<void> {
    const stands = (serve: Serve): void => {
      if (wish !== undefined) wish.hurry = () => this.#hurry(serve)
    }
    return this.#line.wait(restore, () => this.give(), stands)
  }

  #hurry(serve: Serve): void {
    const resume = serve()
    if (resume === undefined) return
    this.#used++
    resume()
  }

  /** Takes one without waiting, above `max` where need be. */
  force(): void {
    this.#used++
  }

  /** Resuming runs a fiber inline, and it may give its slot back before it returns: the flag turns recursion into a loop. */
  give(): void {
    this.#used--
    if (this.#draining) return
    this.#draining = true
    try {
      while (this.#used < this.max) {
        const resume = this.#line.next()
        if (resume === undefined) return
        this.#used++
        resume()
      }
    } finally {
      this.#draining = false
    }
  }
}
