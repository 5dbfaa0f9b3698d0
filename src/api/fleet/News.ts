/**
 * A state that changes, as a stream of its latest values: whoever is slow finds that there is news, not how often, so
 * a reader holds back nothing.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export class News<A> {
  readonly #state: () => A
  readonly #readers = new Set<Queue.Queue<void, Cause.Done>>()
  #over = false

  constructor(state: () => A) {
    this.#state = state
  }

  /** There is news; readers see it later, not now. */
  tell(): void {
    for (const reader of this.#readers) Queue.offerUnsafe(reader, undefined)
  }

  /** There will be no more. What was told before is read first. */
  end(): void {
    this.#over = true
    for (const reader of this.#readers) Queue.endUnsafe(reader)
  }

  /** The state as it is, then each time that it has changed since it was read, up to the last one. */
  get stream(): Stream.Stream<A> {
    const open = Effect.gen({ self: this }, function* () {
      const reader = yield* Queue.sliding<void, Cause.Done>(1)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#readers.delete(reader)))
      this.#readers.add(reader)
      Queue.offerUnsafe(reader, undefined)
      if (this.#over) Queue.endUnsafe(reader)
      return Stream.map(Stream.fromQueue(reader), () => this.#state())
    })
    return Stream.unwrap(open)
  }
}
