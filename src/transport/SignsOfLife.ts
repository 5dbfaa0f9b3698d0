/**
 * When something last came from a peer, as seen by whoever looks now and then. Any byte is a sign of life; what silence
 * means is the business of Keepalive here, and of rpc/Keepalive.
 */
export class SignsOfLife {
  readonly #received: () => number
  #bytes: number
  #last: number

  /** `received` says how many bytes came so far. */
  constructor(received: () => number, now: number) {
    this.#received = received
    this.#bytes = received()
    this.#last = now
  }

  /** When the last one was seen, in milliseconds, of which only differences are taken. */
  get last(): number {
    return this.#last
  }

  /** It lives, as is known from elsewhere. */
  seen(now: number): void {
    this.#last = now
  }

  /** Whether there was one since the last look. */
  look(now: number): boolean {
    const bytes = this.#received()
    if (bytes === this.#bytes) return false
    this.#bytes = bytes
    this.#last = now
    return true
  }
}
