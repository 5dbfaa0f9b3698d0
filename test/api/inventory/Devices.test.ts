import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { decode, login, refuses } from "../inventory.ts"

describe("groups of an inventory", () => {
  it.effect("refuses groups that are nested without end, in long chains and in cycles", () =>
    Effect.gen(function* () {
      const chain = (length: number, last: string) =>
        Array.from({ length }, (_, i) => `  g${i}: { groups: [${i + 1 < length ? `g${i + 1}` : last}] }`).join("\n")
      const file = (groups: string) => `${login}groups:\n${groups}\ndevices: { x: { groups: [g0] } }`
      for (const last of ["", "g0"]) {
        yield* refuses(file(chain(20_000, last)), "groups of groups are nested too deeply: at most 64")
      }
      assert.lengthOf((yield* decode(file(chain(64, "")))).devices, 1)
      yield* refuses(file(chain(65, "")), "nested too deeply")
    })
  )
})
