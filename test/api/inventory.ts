/** Inventories for tests, with what each device is reached with in the place of a transport. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Inventory from "../../src/api/Inventory.ts"
import type { InputError } from "../../src/errors.ts"
import * as Memory from "../../src/transport/Memory.ts"
import type { SshOptions } from "../../src/transport/Ssh.ts"

/** What each device is reached with, in the place of a transport. */
export const decode = Effect.fnUntraced(function* (
  text: string,
  format: Inventory.Format = "yaml",
  more: Partial<Inventory.TextOptions> = {}
) {
  const reached = new Map<string, SshOptions>()
  const devices = yield* Inventory.decode(text, {
    format,
    name: "lab",
    transport: (options, name) => {
      reached.set(name, options)
      return Memory.make(() => {}, { peer: `${options.host}:${options.port ?? 830}` })
    },
    ...more
  })
  return { devices, of: (name: string) => devices.find((device) => device.name === name)!, reached }
})

export const failure = (text: string, format: Inventory.Format = "yaml", more: Partial<Inventory.TextOptions> = {}) =>
  Effect.flip(decode(text, format, more)) as Effect.Effect<InputError>

/** That a text is refused, with these words, in YAML. */
export const refuses = (text: string, ...said: ReadonlyArray<string | RegExp>) =>
  Effect.map(failure(text), (error) => {
    assert.strictEqual(error._tag, "InputError")
    for (const words of said) {
      if (typeof words === "string") assert.include(error.message, words)
      else assert.match(error.message, words)
    }
  })

export const login = "defaults: { username: admin }\n"
