/**
 * What a thread has to say to the caller's loop, gathered within one turn of its own loop: the bytes of each session are
 * joined into one buffer, all of them cross in one message, and the buffers are transferred.
 */
import type { Batch, Event } from "./Protocol.ts"

type Post = (batch: Batch, transfer: ReadonlyArray<ArrayBuffer>) => void

/** Where a session says what it has to say. */
export interface Out {
  readonly bytes: (session: number, bytes: Uint8Array) => void
  readonly event: (event: Event) => void
}

export class Outgoing implements Out {
  readonly #post: Post
  #bytes = new Map<number, Array<Uint8Array>>()
  #events: Array<Event> = []
  #scheduled = false

  constructor(post: Post) {
    this.#post = post
  }

  bytes(session: number, bytes: Uint8Array): void {
    const before = this.#bytes.get(session)
    if (before === undefined) this.#bytes.set(session, [bytes])
    else before.push(bytes)
    this.#schedule()
  }

  event(event: Event): void {
    this.#events.push(event)
    this.#schedule()
  }

  /** An immediate runs when all sockets that had something have been read. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const pieces = [...this.#bytes.values()].map(joined)
    const batch: Batch = { sessions: [...this.#bytes.keys()], pieces, events: this.#events }
    this.#bytes = new Map()
    this.#events = []
    this.#post(batch, pieces)
  }
}

/** In memory of its own: what is transferred is gone here, and a pooled buffer is shared. */
const joined = (bytes: ReadonlyArray<Uint8Array>): ArrayBuffer => {
  const length = bytes.reduce((sum, piece) => sum + piece.length, 0)
  const whole = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const piece of bytes) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole.buffer as ArrayBuffer
}
