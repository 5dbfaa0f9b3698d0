/** The traps of YAML and JSON, through an inventory. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { inspect } from "node:util"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as LocatedJson from "../../../src/api/inventory/LocatedJson.ts"
import { decode, failure, login, refuses } from "../inventory.ts"

describe("YAML", () => {
  it.effect("reads yes, no, on and off as text (1.2), and numbers as numbers, which are no names of hosts", () =>
    Effect.gen(function* () {
      const { devices, of, reached } = yield* decode(`${login}
devices:
  no: { tags: [no, off, on, yes, y, NO] }
  007: { host: "10" }
  0x10: {}
  1e3: {}
  v6: { host: 2001:db8::1, tags: [1:20, 12:30:45] }
`)
      assert.deepStrictEqual(
        devices.map((device) => device.name),
        ["no", "007", "0x10", "1e3", "v6"]
      )
      assert.deepStrictEqual(of("no").tags, ["no", "off", "on", "yes", "y", "NO"])
      assert.strictEqual(reached.get("007")!.host, "10")
      assert.strictEqual(reached.get("1e3")!.host, "1e3")
      assert.strictEqual(reached.get("v6")!.host, "2001:db8::1")
      assert.deepStrictEqual(of("v6").tags, ["1:20", "12:30:45"])
      for (const host of ["10", "1.10", "192.168", "0x0a", "true", "1e3"]) {
        yield* refuses(
          `${login}devices: { a: { host: ${host} } }`,
          "devices.a.host: expected text, found",
          "put it in quotes"
        )
      }
      yield* refuses(`${login}devices: { a: { host: ~ } }`, "expected text, found nothing")
      yield* refuses(`%YAML 1.1\n---\n${login}devices: { a: { tags: [no] } }`, "expected YAML 1.2")
    })
  )

  it.effect("refuses keys that stand twice, in JSON too", () =>
    Effect.gen(function* () {
      yield* refuses(
        `${login}devices:\n  a:\n    port: 1\n    port: 2\n`,
        "inventory on a: lab at line 5, devices.a.port: column 5: this key stands there twice"
      )
      yield* refuses(`${login}devices:\n  a: {}\n  b: {}\n  a: {}\n`, "line 5, devices.a")
      yield* refuses(`${login}devices: { 1: {}, "1": {} }`, "twice")
      const error = yield* failure(`{"devices": {\n"a": {},\n"\\u0061": {}}}`, "json")
      assert.include(error.message, "inventory on a: lab at line 3, devices.a: this key stands there twice")
    })
  )

  it.effect("follows aliases, within a limit, and refuses those that cannot be followed", () =>
    Effect.gen(function* () {
      const { reached } = yield* decode(`
defaults: { username: u, ssh: &ssh { algorithms: legacy } }
devices:
  a: &a { port: 1, ssh: *ssh }
  b: *a
`)
      assert.deepStrictEqual({ ...reached.get("b")!, host: "" }, { ...reached.get("a")!, host: "" })
      let bomb = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
      for (let i = 1; i < 12; i++)
        bomb += `x${i}: &x${i} [${Array.from({ length: 10 }, () => `*x${i - 1}`).join(", ")}]\n`
      yield* refuses(bomb, "its aliases stand for too much")
      yield* refuses(`devices: &d { a: *d }`, "stands inside of what it stands for")
      yield* refuses(`devices: { a: *nowhere }`, "there is no such anchor before this alias", "line 1")
      yield* refuses(
        `${login}devices: { a: &a { port: 1 }, b: { <<: *a } }`,
        "merge keys (<<) are not read: use groups"
      )
    })
  )

  it.effect("follows one alias as fast as another, however many there are", () =>
    Effect.gen(function* () {
      const devices = Array.from({ length: 20_000 }, (_, i) => `  d${i}: *d`).join("\n")
      const text = `${login}groups:\n  g: &d { port: 22 }\ndevices:\n${devices}\n`
      const { reached } = yield* decode(text)
      assert.strictEqual(reached.get("d19999")!.port, 22)
    })
  )

  it.effect("takes an alias for the latest anchor before it, also below another alias", () =>
    Effect.gen(function* () {
      const { reached } = yield* decode(`${login}
devices:
  a: { port: &p 1 }
  b: &b { port: *p }
  c: { port: &p 2 }
  d: *b
  e: { port: *p }
  f: &f { port: &q 3 }
  g: { port: &q 4 }
  h: *f
  i: { port: *q }
  &k j: { username: *k }
`)
      const ports = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map((name) => reached.get(name)!.port)
      assert.deepStrictEqual(ports, [1, 1, 2, 1, 2, 3, 4, 3, 4])
      assert.strictEqual(reached.get("j")!.username, "j")
      yield* refuses(`${login}devices: { a: { port: *p }, b: { port: &p 1 } }`, "no such anchor before this alias")
    })
  )

  it.effect("says what is wrong with tabs, tags, keys that are no text, further documents, and broken text", () =>
    Effect.gen(function* () {
      yield* refuses(`devices:\n\ta: {}`, "lab at line 2: column 1: a tab in the indentation: use spaces")
      yield* refuses(`devices: { a: { username: !vault hunter2 } }`, "this tag is not known")
      yield* refuses(`devices: { a: { username: !!binary aGVsbG8= } }`, "this tag is not known")
      yield* refuses(`%FOO bar\n---\ndevices: {}`, "this directive is not known")
      yield* refuses(`devices: !!set { a }`, "this tag is not known")
      yield* refuses(`devices: { [a]: {} }`, "expected text as a key")
      yield* refuses(`devices: { ~: {} }`, "expected text as a key")
      yield* refuses(`${login}devices: {}\n---\n${login}devices: {}`, "a second document begins")
      yield* refuses(`devices: {`, "lab at line 1", "a bracket")
      yield* refuses(`devices: ${"[".repeat(100)}${"]".repeat(100)}`, "it is nested too deeply")
      yield* refuses(`devices: ${"[".repeat(20_000)}`, /nested|bracket|indentation/)
      for (const broken of [
        "password: hunter2: hunter2",
        "password: @hunter2",
        "password: 'a' hunter2",
        "password: *hunter2",
        `password: "\\qhunter2"`,
        "password: `hunter2",
        "hunter2\nhunter2",
        "password: |\n  hunter2\n hunter2",
        "%hunter2\n---\na: 1",
        "}hunter2"
      ]) {
        const error = yield* failure(broken)
        assert.notInclude(inspect(error, { depth: 9 }), "hunter2", broken)
      }
      const { devices } = yield* decode(`${login}devices: { a: { tags: [!!str 10] } }`)
      assert.deepStrictEqual(devices[0]!.tags, ["10"])
    })
  )

  it.effect("reads a byte order mark and lines that end in CRLF, and counts them right", () =>
    Effect.gen(function* () {
      const text = `\ufeff${login}devices:\r\n  a:\r\n    port: 1\r\n  b: {}\r\n`
      const { devices } = yield* decode(text)
      assert.lengthOf(devices, 2)
      yield* refuses(text.replace("port", "prot"), "line 4, devices.a.prot")
      const error = yield* failure(`\ufeff{\r\n"devices": {\r\n"a": {\r\n"prot": 1}}}`, "json")
      assert.include(error.message, "line 4, devices.a.prot")
    })
  )

  it.effect("refuses an empty file, a list, and text alone", () =>
    Effect.gen(function* () {
      for (const text of ["", "  \n", "\ufeff"])
        yield* refuses(text, "it is empty: expected a map with the key devices")
      yield* refuses(" ".repeat(16 * 1024 * 1024 + 1), "it is larger than 16 MB")
      yield* refuses("# nothing yet\n", "expected a map with the key devices, found nothing")
      yield* refuses("- a\n- b\n", "expected a map with the key devices, found a list")
      yield* refuses("leaf-01\n", "expected a map with the key devices, found text")
      yield* refuses("devices: [a, b]", "devices: expected a map of devices by their names, found a list")
      yield* refuses("defaults: {}", "lab at devices: it is missing")
      yield* refuses("device: {}", "device: there is no such key: did you mean devices?")
      yield* refuses("x: {}\ndevices: {}", "x: there is no such key; there are defaults, groups, devices")
      for (const empty of ["devices: {}", "devices:"]) assert.deepStrictEqual((yield* decode(empty)).devices, [])
    })
  )

  it("loads the package that reads it only when there is YAML to read", () => {
    const program = `
      import { createRequire } from "node:module"
      import { Inventory, NetconfFleet } from "./src/promise.ts"
      import * as Effect from "effect/Effect"
      const { cache } = createRequire(import.meta.url)
      const loaded = () => Object.keys(cache).some((path) => path.includes("/node_modules/yaml/"))
      const decode = (text, format) => Effect.runPromise(Inventory.decode(text, { format, name: "lab" }))
      await decode('{ "devices": {} }', "json")
      const before = loaded()
      await decode("devices: {}", "yaml")
      console.log(before, loaded())
    `
    const told = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: process.cwd() })
    assert.strictEqual(String(told), "false true\n")
  })

  it.effect("reads ten thousand devices in time that grows with their number", () =>
    Effect.gen(function* () {
      const lines = Array.from({ length: 10_000 }, (_, i) => `  leaf-${i}: { groups: [g], port: ${(i % 60_000) + 1} }`)
      const text = `${login}groups: { g: { tags: [x] } }\ndevices:\n${lines.join("\n")}\n`
      const began = performance.now()
      const { devices } = yield* decode(text)
      assert.lengthOf(devices, 10_000)
      assert.isBelow(performance.now() - began, 15_000)
    })
  )
})

describe("JSON", () => {
  it.effect("is refused with line and column, and without the text", () =>
    Effect.gen(function* () {
      for (const [text, said] of [
        [`{"a": hunter2}`, "line 1: column 7: expected a value"],
        [`{\n  "a": 1,\n}`, "line 3: column 1: expected a key in double quotes"],
        [`{"a": 1 "hunter2": 2}`, `expected "," or "}"`],
        [`{"a" 1}`, `expected ":"`],
        [`{"a": [1, 2}`, `expected "," or "]"`],
        [`{"a": 01}`, "expected a value"],
        [`{"a": 1.}`, "expected a value"],
        [`{"a": truehunter2}`, "expected a value"],
        [`{"a": "hunter2\n"}`, "expected a value"],
        [`{"a": "\\x"}`, "expected a value"],
        [`{"a": "${"hunter2".repeat(100_000)}`, "expected a value"],
        [`{"a": "${"\\\\".repeat(100_000)}\\"`, "expected a value"],
        [`{"${"hunter2".repeat(100_000)}`, "expected a key in double quotes"],
        [`{} hunter2`, "expected nothing more after the value"],
        [`{"a": `, "expected a value"],
        [`{'a': 1}`, "expected a key in double quotes"],
        [`// hunter2\n{}`, "expected a value"],
        [`[`.repeat(100_000), "nested too deeply"],
        [`[]`, "found a list"]
      ] as const) {
        const error = yield* failure(text, "json")
        assert.include(error.message, said)
        assert.notInclude(inspect(error, { depth: 9 }), "hunter2")
      }
    })
  )

  it.effect.prop(
    "is read as JSON.parse reads it",
    [Arbitrary.schema(Schema.Record(Schema.String, Schema.Union([Schema.Finite, Schema.Array(Schema.String)])))],
    ([value]) =>
      Effect.sync(() => {
        const text = JSON.stringify({ x: value, y: `\\"${Object.keys(value).join(`"\\`)}\\\\` })
        assert.deepStrictEqual(LocatedJson.read(text).value, JSON.parse(text))
      }),
    { arbitrary: { seed: 2, runs: 200 } }
  )
})
