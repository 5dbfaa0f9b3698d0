/**
 * Secrets are planted wherever a device, a person or a model puts them, things are made to fail in every way, and nothing
 * that the library emits may hold one. A new way to fail is a new row in test/secrets.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { logins } from "./secrets/logins.ts"
import { type Emitted, emittedBy, mark, planted, type Tools } from "./secrets/planted.ts"
import { devices, inventories, promises } from "./secrets/programs.ts"
import { hellos, over, type Program, refusing, type Row, sessions } from "./secrets/requests.ts"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "a session": sessions,
  "the hello": hellos,
  SSH: logins,
  "a simulated device": devices,
  "the Promise API": promises,
  "an inventory": inventories
}

const endOf = ({ exit }: Emitted): unknown => {
  if (Exit.isSuccess(exit)) return "success"
  const fail = exit.cause.reasons.find(Cause.isFailReason)
  if (fail === undefined) return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : Cause.pretty(exit.cause)
  return (fail.error as { readonly _tag?: string })._tag
}

/** Where a secret was found, with what stands around it. */
const leaks = ({ all }: Emitted): ReadonlyArray<string> =>
  all.flatMap(({ text, where }) => {
    const at = text.indexOf(mark)
    return at === -1 ? [] : [`${where}: ${text.slice(Math.max(0, at - 100), at + 50)}`]
  })

for (const [where, rows] of Object.entries(tables)) {
  describe(`no secret is emitted by ${where}`, () => {
    for (const [what, end, program] of rows) {
      for (const sink of ["lines", "entries"] as const) {
        it.live(`when ${what} (wire log as ${sink})`, () =>
          Effect.gen(function* () {
            const emitted = yield* emittedBy(program, sink)
            assert.strictEqual(
              endOf(emitted),
              end,
              JSON.stringify(emitted.all.find(({ where: from }) => from === "cause"))
            )
            assert.strictEqual([...new Set(leaks(emitted))].join("\n"), "")
          })
        )
      }
    }
  })
}

describe("this test", () => {
  it.live("sees what is logged, wire-logged, failed with, traced and measured", () =>
    Effect.gen(function* () {
      const program: Program = (tools) =>
        over(refusing("<error-message>a thing</error-message>"), (session) => session.get(), {})(tools)
      for (const [sink, expected] of [
        ["lines", ["log", "cause", "exit", "error", "span", "metric"]],
        ["entries", ["wire log", "log", "cause"]]
      ] as const) {
        const { all } = yield* emittedBy(program, sink)
        for (const where of expected)
          assert.isTrue(
            all.some((one) => one.where === where),
            where
          )
      }
      const { all } = yield* emittedBy(program, "lines")
      assert.isTrue(
        all.some(({ text, where }) => where === "log" && text.includes("&lt;") === false && text.includes("a thing"))
      )
    })
  )

  it.live("finds a secret that is let through", () =>
    Effect.gen(function* () {
      for (const program of [
        () => Effect.logTrace("x", { a: planted.crypt }),
        () => Effect.fail({ why: planted.url }),
        () => Effect.die(planted.pem),
        () => Effect.annotateCurrentSpan("a", planted.short).pipe(Effect.withSpan("b")),
        ({ wireLog }: Tools) => (wireLog === true ? Effect.void : wireLog({ xml: planted.cli } as never))
      ]) {
        assert.isNotEmpty(leaks(yield* emittedBy(program, "entries")))
      }
    })
  )
})
