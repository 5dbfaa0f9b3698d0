import { assert, describe, it } from "@effect/vitest"
import { inspect } from "node:util"
import * as Effect from "effect/Effect"
import { failure, login } from "../inventory.ts"

describe("secrets of an inventory", () => {
  it.effect("are not shown where their names were expected", () =>
    Effect.gen(function* () {
      for (const secret of ["Hunter2x", "hunter2", "HUNTER-2", "2HUNTER"]) {
        for (const source of [`env: ${secret}`, `config: ${secret}.y`, `config: ${secret}`]) {
          const error = yield* failure(`${login}devices: { a: { auth: { password: { ${source} } } } }`)
          assert.notInclude(inspect(error, { depth: 9 }), secret)
          assert.match(error.message, /of this name is not set|no text at this path/)
        }
      }
    })
  )
})
