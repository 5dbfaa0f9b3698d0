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

/**
 * Bytes of one session before it is the next one's turn. What a reader of small notifications does with so many is over
 * before its fiber has to yield, so it is done at once, and counted.
 */
const piece = 32_768

/** Milliseconds of handing on before the loop goes on with everything else. */
const budget = 2

export class Turns {
  readonly #now: () => number
  readonly #ready = new Set<Deliverable>()
  #spent = 0
  #began = 0
  /** A piece has been handed on, and those whom it woke have their go; or the loop has. */
  #busy = false

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** It is handed on from at once, or after those that wait. */
  add(one: Deliverable): void {
    this.#ready.add(one)
    if (!this.#busy) this.#run()
  }

  #run(): void {
    this.#busy = true
    this.#began = this.#now()
    const [one] = this.#ready
    this.#ready.delete(one!)
    // Behind the others.
    if (one!.deliver(piece)) this.#ready.add(one!)
    // Readers are woken in microtasks: what they do counts as well.
    process.nextTick(queueMicrotask, this.#next)
  }

  readonly #next = (): void => {
    this.#spent += this.#now() - this.#began
    if (this.#spent > budget) setImmediate(this.#rested)
    else this.#goOn()
  }

  readonly #rested = (): void => {
    this.#spent = 0
    this.#goOn()
  }

  #goOn(): void {
    if (this.#ready.size > 0) this.#run()
    else this.#busy = false
  }
}

/** Those of this loop, whatever reactors there are. */
export const ofLoop: Turns = new Turns()
