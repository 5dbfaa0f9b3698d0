/**
 * What one subscription still has to send to its receiver: replayed events first, then live ones, in order, never before
 * the reply that accepted it (RFC 5277 §2.1.1, RFC 8639 §2.6), and no faster than the writer takes them.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RunFork } from "./Server.ts"

/** A session as notifications see it. */
export interface Receiver {
  readonly session: number
  /** Whether the writer takes more at once. */
  readonly hasRoom: boolean
  /** Waits until it does, or until the session is gone. */
  readonly room: Effect.Effect<void>
  /** Sends one message in a frame. */
  readonly send: (message: string) => void
}

interface Item {
  readonly message: string
  /** Milliseconds to wait behind it. */
  readonly pause: number
}

export class Delivery {
  readonly #receiver: Receiver
  readonly #runFork: RunFork
  #queue: Array<Item> = []
  #next = 0
  #started = false
  #ended = false
  #waiting: Fiber.Fiber<void> | undefined

  constructor(receiver: Receiver, runFork: RunFork) {
    this.#receiver = receiver
    this.#runFork = runFork
  }

  push(message: string, pause = 0): void {
    if (this.#ended) return
    this.#queue.push({ message, pause })
    this.#pump()
  }

  /** The reply is out: what has been waiting for it follows. */
  start(): void {
    this.#started = true
    this.#pump()
  }

  /** Nothing more is sent, whatever waits. */
  end(): void {
    this.#ended = true
    this.#queue = []
    this.#waiting?.interruptUnsafe()
  }

  #pump(): void {
    if (!this.#started || this.#ended || this.#waiting !== undefined) return
    while (this.#next < this.#queue.length) {
      if (!this.#receiver.hasRoom) return this.#wait(this.#receiver.room)
      const { message, pause } = this.#queue[this.#next++]!
      this.#receiver.send(message)
      if (pause > 0) return this.#wait(Effect.sleep(pause))
    }
    this.#queue = []
    this.#next = 0
  }

  #wait(effect: Effect.Effect<void>): void {
    const resume = Effect.sync(() => {
      this.#waiting = undefined
      this.#pump()
    })
    this.#waiting = this.#runFork(Effect.andThen(effect, resume))
  }
}
