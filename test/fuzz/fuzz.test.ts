import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { record, run } from "./fuzz.ts"

describe("fuzz", () => {
  it.live("records sessions with replies of every kind", () =>
    Effect.gen(function* () {
      for (const { name, packets } of yield* record) {
        const text = Buffer.concat(packets)
          .toString()
          .replaceAll(/\n#\d+\n/g, "")
        for (const part of ["hello", "data", "ok/>", "rpc-error"]) assert.include(text, part, name)
        assert.isAbove(packets.length, 10, name)
      }
    })
  )

  it("meets nothing but values and typed errors in three seconds of damaged sessions", async () => {
    const { findings, rounds } = await run({ seconds: 3, seed: 20_261_122 })
    assert.deepStrictEqual(findings, [])
    assert.isAbove(rounds, 0)
  })
})
