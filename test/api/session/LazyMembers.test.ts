import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LazyMembers from "../../../src/api/session/LazyMembers.ts"
import { connect } from "../../rpc/peer.ts"

class Counter {
  readonly start: number
  constructor(start: number) {
    this.start = start
  }
}

const made: Array<number> = []
LazyMembers.define<Counter, { readonly next: () => number }>(Counter.prototype, {
  next: ({ start }) => {
    made.push(start)
    return () => start + 1
  }
})
type Counting = Counter & { readonly next: () => number }

describe("LazyMembers", () => {
  it("makes a member when it is first asked for, once for each object", () => {
    made.length = 0
    const [a, b] = [new Counter(1) as Counting, new Counter(5) as Counting]
    assert.deepStrictEqual(made, [])
    assert.isTrue("next" in a)
    assert.strictEqual(a.next, a.next)
    assert.strictEqual(b.next(), 6)
    assert.strictEqual(a.next(), 2)
    assert.deepStrictEqual(made, [1, 5])
  })

  it("gives what works without the object", () => {
    const { next } = new Counter(1) as Counting
    assert.strictEqual(next(), 2)
  })

  it("makes it for whatever inherits from an object, or stands in for it", () => {
    const counter = new Counter(1) as Counting
    assert.strictEqual((Object.create(counter) as Counting).next(), 2)
    assert.strictEqual(new Proxy(counter, {}).next(), 2)
  })
})

describe("a session's members", () => {
  it.effect("can be taken off it, and are the same each time", () =>
    Effect.gen(function* () {
      const { session } = yield* connect()
      const taken = { ...pick(session, "get", "getConfig", "run", "locked", "edit", "confirmedCommit", "save") }
      for (const [name, member] of Object.entries(taken)) assert.typeOf(member, "function", name)
      assert.strictEqual(session.getConfig, taken.getConfig)
      const { locked, statistics } = session
      assert.strictEqual(
        yield* locked([], Effect.void).pipe(
          Effect.flip,
          Effect.map(({ _tag }) => _tag)
        ),
        "InputError"
      )
      assert.isAbove(statistics().bytesIn, 0)
    })
  )

  it.effect("work through a proxy and for what inherits from it", () =>
    Effect.gen(function* () {
      const { session } = yield* connect({ label: "leaf" })
      for (const other of [new Proxy(session, {}), Object.create(session) as typeof session]) {
        assert.strictEqual(other.label, "leaf")
        assert.strictEqual(other.statistics().bytesIn, session.statistics().bytesIn)
        assert.typeOf(other.getConfig, "function")
      }
    })
  )
})

const pick = <A extends object, Name extends keyof A>(from: A, ...names: ReadonlyArray<Name>): Pick<A, Name> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<A, Name>
