import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { operations } from "../../src/api/operations/Operations.ts"
import { type Call, Calls } from "../../src/rpc/Calls.ts"

const asked = {
  operation: operations.get(),
  warnings: undefined,
  deadline: 60_000,
  total: Infinity,
  resume: () => {},
  since: 0
}

const make = (calls: Calls, sent = true): Call => {
  const call = calls.make(asked)
  if (!sent) call.frame = Buffer.from("x")
  calls.add(call)
  return call
}

const matched = (calls: Calls, id: string | undefined, foreign: "fail" | "oldest" = "fail"): Call | undefined => {
  const match = calls.match(id, foreign)
  return match._tag === "Matched" ? match.call : undefined
}

describe("Calls", () => {
  it("gives every call an id of its own", () => {
    const calls = new Calls()
    assert.strictEqual(new Set(Array.from({ length: 100 }, () => calls.make(asked).id)).size, 100)
  })

  it("matches a reply by its id, in any order, once", () => {
    const calls = new Calls()
    const [one, two, three] = [make(calls), make(calls), make(calls)]
    assert.strictEqual(matched(calls, two.id), two)
    assert.strictEqual(matched(calls, three.id), three)
    assert.deepStrictEqual(calls.match(two.id, "fail"), { _tag: "Nobody" })
    assert.deepStrictEqual(calls.match(two.id, "oldest"), { _tag: "Nobody" })
    assert.strictEqual(matched(calls, one.id), one)
    assert.strictEqual(calls.all().length, 0)
  })

  it("keeps an abandoned call as a tombstone that its late reply removes", () => {
    const calls = new Calls()
    const [one, two] = [make(calls), make(calls)]
    calls.abandon(one)
    calls.abandon(one)
    assert.deepStrictEqual([calls.abandoned, calls.all().length], [1, 2])
    assert.strictEqual(matched(calls, one.id), one)
    assert.deepStrictEqual([calls.abandoned, calls.all().length], [0, 1])
    assert.strictEqual(matched(calls, two.id), two)
  })

  it("gives a reply without id to the oldest call, abandoned ones included", () => {
    const calls = new Calls()
    const [one, two] = [make(calls), make(calls)]
    calls.abandon(one)
    assert.strictEqual(matched(calls, undefined), one)
    assert.strictEqual(matched(calls, undefined), two)
    assert.deepStrictEqual(calls.match(undefined, "fail"), { _tag: "Nobody" })
  })

  it("never gives a reply to a call that was not sent", () => {
    const calls = new Calls()
    const waiting = make(calls, false)
    assert.deepStrictEqual(calls.match(waiting.id, "oldest"), { _tag: "Nobody" })
    assert.deepStrictEqual(calls.match(undefined, "oldest"), { _tag: "Nobody" })
    assert.deepStrictEqual(calls.match("foreign", "oldest"), { _tag: "Foreign", concerned: undefined })
    const sent = make(calls)
    assert.strictEqual(matched(calls, undefined), sent)
  })

  it("blames the oldest call for a foreign id only while no tombstone stands", () => {
    const calls = new Calls()
    const [one, two] = [make(calls), make(calls)]
    assert.deepStrictEqual(calls.match("not-yours", "fail"), { _tag: "Foreign", concerned: one })
    assert.strictEqual(calls.all().length, 2)
    calls.abandon(two)
    assert.deepStrictEqual(calls.match("not-yours", "fail"), { _tag: "Foreign", concerned: undefined })
    assert.deepStrictEqual(calls.match("not-yours", "oldest"), { _tag: "Foreign", concerned: undefined })
  })

  it("gives a foreign id to the oldest where the device garbles ids", () => {
    const calls = new Calls()
    const [one, two] = [make(calls), make(calls)]
    assert.strictEqual(matched(calls, "not-yours", "oldest"), one)
    assert.strictEqual(matched(calls, two.id, "oldest"), two)
  })

  it.each(["", "0", "-1", "01", "1.0", "1e0", "999", "0x1", "٣", "18446744073709551617"])(
    "takes %j for an id that was never issued",
    (id) => {
      const calls = new Calls()
      make(calls)
      assert.strictEqual(calls.match(id, "fail")._tag, "Foreign")
    }
  )

  it("forgets everything when the session ends", () => {
    const calls = new Calls()
    const [one, two] = [make(calls), make(calls)]
    calls.abandon(one)
    assert.deepStrictEqual(calls.clear(), [one, two])
    assert.deepStrictEqual([calls.abandoned, calls.all().length], [0, 0])
  })

  const step = Schema.Struct({
    what: Schema.Literals(["issue", "abandon", "answer", "answer", "twice", "foreign"]),
    which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 }))
  })

  it.prop(
    "gives every answer to its own call or to nobody, whatever the order",
    [Arbitrary.array(Arbitrary.schema(step), { maxLength: 60 })],
    ([steps]) => {
      const calls = new Calls()
      const open: Array<Call> = []
      const answered: Array<Call> = []
      for (const { what, which } of steps) {
        const call = open[which % Math.max(1, open.length)]
        if (what === "issue") open.push(make(calls))
        else if (what === "abandon" && call !== undefined) calls.abandon(call)
        else if (what === "answer" && call !== undefined) {
          assert.strictEqual(matched(calls, call.id), call)
          answered.push(...open.splice(open.indexOf(call), 1))
        } else if (what === "twice" && answered.length > 0) {
          assert.strictEqual(calls.match(answered[which % answered.length]!.id, "oldest")._tag, "Nobody")
        } else if (what === "foreign") {
          const match = calls.match(`foreign-${which}`, "fail")
          assert.strictEqual(match._tag, "Foreign")
          const concerned = open.some((one) => one.abandoned) ? undefined : open[0]
          assert.strictEqual(match._tag === "Foreign" ? match.concerned : null, concerned)
        }
        assert.strictEqual(calls.abandoned, open.filter((one) => one.abandoned).length)
        assert.deepStrictEqual(
          calls.all().map((one) => one.id),
          open.map((one) => one.id)
        )
      }
      return true
    },
    { arbitrary: { seed: 1, runs: 300, size: 60 } }
  )

  it.prop(
    "without ids, answers in request order reach their own calls",
    [Arbitrary.array(Arbitrary.schema(Schema.Literals(["issue", "abandon", "answer"])), { maxLength: 60 })],
    ([steps]) => {
      const calls = new Calls()
      const open: Array<Call> = []
      for (const what of steps) {
        if (what === "issue") open.push(make(calls))
        else if (what === "abandon" && open.length > 0) calls.abandon(open.at(-1)!)
        else if (what === "answer") assert.strictEqual(matched(calls, undefined), open.shift())
      }
      return true
    },
    { arbitrary: { seed: 1, runs: 300, size: 60 } }
  )
})
