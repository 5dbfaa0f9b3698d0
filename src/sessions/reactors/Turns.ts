/**
 * How the caller's loop takes the bytes that threads have sent it: the sessions take turns, a piece each, and after a few
 * milliseconds the rest waits until the loop has looked after its timers and sockets. So no flood delays anybody else,
 * however many threads send it. Nothing is scheduled while nothing waits.
 */

/** A session with bytes to hand on. */
export interface Deliverable {
  /** Hands on at most so many bytes; whether there are more that may be handed on. */
  readonly deliver: (most: number) => boolean
}

/** Bytes of one session before it is the next one's turn. */
const piece = 65_536

/** Milliseconds of handing on before the loop goes on with everything else. */
const budget = 5

export class Turns {
  readonly #ready = new Set<Deliverable>()
  #spent = 0
  #running = false
  #resting = false

  /** It is handed on from at once, or after those that wait. */
  add(one: Deliverable): void {
    this.#ready.add(one)
    if (!this.#running && !this.#resting) this.#run()
  }

  #run(): void {
    const began = performance.now()
    const before = this.#spent
    this.#running = true
    for (const one of this.#ready) {
      this.#ready.delete(one)
      // Behind the others, who come before it in this very loop.
      if (one.deliver(piece)) this.#ready.add(one)
      this.#spent = before + performance.now() - began
      if (this.#spent > budget) break
    }
    this.#running = false
    if (this.#spent > budget) this.#rest()
  }

  #rest(): void {
    this.#resting = true
    setImmediate(() => {
      this.#resting = false
      this.#spent = 0
      if (this.#ready.size > 0) this.#run()
    })
  }
}

/** Those of this loop, whatever reactors there are. */
export const ofLoop: Turns = new Turns()
