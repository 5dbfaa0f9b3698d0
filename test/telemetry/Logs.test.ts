import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Logs from "../../src/telemetry/Logs.ts"
import { Eyes } from "./eyes.ts"

const src = join(import.meta.dirname, "..", "..", "src")

describe("Logs", () => {
  it.effect("annotates a line with what is known, and with nothing that is not", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const context = { label: undefined, peer: "192.0.2.1:830", sessionId: 7 }
      yield* eyes.heard(Logs.annotated(context, Effect.logWarning("seen")))
      assert.deepStrictEqual(eyes.lines, [
        { level: "Warn", message: "seen", annotations: { peer: "192.0.2.1:830", sessionId: 7 } }
      ])
    })
  )

  it("stand at every line that the library logs", () => {
    const lines = globSync("**/*.ts", { cwd: src }).flatMap((file) => {
      const text = readFileSync(join(src, file), "utf8").replace(/^ *\*.*$/gm, "")
      return [...text.matchAll(/Effect\.log(?:[A-Z]\w*)?\(/g)].map(({ index }) => ({
        file,
        around: text.slice(Math.max(0, index - 250), index + 250)
      }))
    })
    assert.isAtLeast(lines.length, 4)
    const bare = lines.filter(({ around }) => !/Logs\.annotated\(|annotateLogs\(/.test(around))
    assert.deepStrictEqual(
      bare.map(({ file }) => file),
      []
    )
  })
})
