/** The audit as a file: who may write it, what stands in it, and when it is on the disk. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Audit from "../../../src/api/Audit.ts"
import * as Netconf from "../../../src/api/Netconf.ts"
import { Faults, SimulatedDevice } from "../../../src/testing.ts"
import { xml } from "../../../src/xml/Template.ts"

const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>leaf-01</hostname></system>`

const connected = () =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make()
    const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })
    return { device, session }
  })

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "audit-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1)

describe("layerFile", () => {
  it.live("appends one JSON object a line to a file that nobody else can read", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      const audit = Audit.layerFile(path)
      yield* Effect.provide(session.edit(config), audit)
      yield* Effect.provide(session.save(), audit)
      const entries = linesOf(path).map((line) => JSON.parse(line) as Audit.Entry)
      assert.deepStrictEqual(
        entries.map(({ operation, outcome }) => `${operation} ${outcome}`),
        ["edit-config", "commit", "copy-config"].flatMap((name) => [`${name} started`, `${name} ok`])
      )
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.live("escapes what a terminal would obey", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      const evil = "x\u009b2J\u202e\u2028y"
      device.faults.add(Faults.refuse({ tag: evil }), { on: "commit" })
      yield* Effect.provide(Effect.flip(session.commit()), Audit.layerFile(path))
      const [before, after] = linesOf(path)
      // oxlint-disable-next-line no-control-regex -- these are what must not be there
      assert.match(before! + after!, /^[\u0020-\u007e]+$/)
      assert.include((JSON.parse(after!) as Audit.Entry).error, evil)
    })
  )

  it.live("keeps the records of many sessions whole and apart", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "audit.jsonl")
      const big = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><contact>${"x".repeat(50_000)}</contact></system>`
      const one = Effect.gen(function* () {
        const { session } = yield* connected()
        yield* session.editConfig({ config: big })
      })
      yield* Effect.provide(
        Effect.all(
          Array.from({ length: 20 }, () => one),
          { concurrency: 20 }
        ),
        Audit.layerFile(path)
      )
      const ids = linesOf(path).map((line) => (JSON.parse(line) as Audit.Entry).id)
      assert.lengthOf(ids, 40)
      assert.lengthOf(new Set(ids), 20)
    })
  )

  it.live("goes on in a new file after a rotation, and on a new line after one that was cut short", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      const directory = yield* temporary
      const path = join(directory, "audit.jsonl")
      const edit = session.editConfig({ config })
      yield* Effect.gen(function* () {
        yield* edit
        renameSync(path, `${path}.1`)
        yield* edit
        truncateSync(path, statSync(path).size - 10)
        yield* edit
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.lengthOf(linesOf(`${path}.1`), 2)
      const lines = linesOf(path)
      assert.lengthOf(lines, 4)
      for (const line of lines.slice(2)) assert.strictEqual((JSON.parse(line) as Audit.Entry).operation, "edit-config")
    })
  )

  const unusable: ReadonlyArray<readonly [string, RegExp, (directory: string) => string]> = [
    [
      "a file that others can write",
      /others can write .*audit\.jsonl \(mode 0620\): chmod 600 it/,
      (directory) => {
        const path = join(directory, "audit.jsonl")
        writeFileSync(path, "")
        chmodSync(path, 0o620)
        return path
      }
    ],
    [
      "a file that others can read",
      /others can read .*audit\.jsonl \(mode 0640\): chmod 600 it/,
      (directory) => {
        const path = join(directory, "audit.jsonl")
        writeFileSync(path, "")
        chmodSync(path, 0o640)
        return path
      }
    ],
    [
      "a symbolic link, wherever it points",
      /audit\.jsonl is a symbolic link: give the file itself/,
      (directory) => {
        symlinkSync(join(directory, "missing"), join(directory, "audit.jsonl"))
        return join(directory, "audit.jsonl")
      }
    ],
    [
      "a file with another name",
      /audit\.jsonl has another name, .* \(2 hard links\)/,
      (directory) => {
        const path = join(directory, "audit.jsonl")
        writeFileSync(path, "", { mode: 0o600 })
        linkSync(path, join(directory, "other"))
        return path
      }
    ],
    [
      "a directory that others can write",
      /others can write the directory .* \(mode 0777\): chmod go-w it/,
      (directory) => {
        chmodSync(directory, 0o777)
        return join(directory, "audit.jsonl")
      }
    ],
    ["a directory", /EISDIR/, (directory) => directory],
    ["a path that is not there", /ENOENT/, (directory) => join(directory, "missing", "audit.jsonl")],
    [
      "a pipe",
      /is not a file/,
      (directory) => {
        const path = join(directory, "audit.jsonl")
        execFileSync("mkfifo", ["-m", "600", path])
        return path
      }
    ]
  ]
  for (const [what, why, make] of unusable) {
    it.live(`refuses ${what}, before anything is done`, () =>
      Effect.gen(function* () {
        const path = make(yield* temporary)
        const error = yield* Effect.flip(Effect.provide(Effect.void, Audit.layerFile(path)))
        assert.strictEqual(error._tag, "InputError")
        assert.match(error.message, why)
        assert.include(error.message, path)
      })
    )
  }

  it.live("takes a file in a directory like /tmp, where each can remove only his own", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      chmodSync(directory, 0o1777)
      yield* Effect.provide(Effect.void, Audit.layerFile(join(directory, "audit.jsonl")))
    })
  )

  it.live("creates nothing where a link points, and writes nothing once the file has become one", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const directory = yield* temporary
      const [path, aim] = [join(directory, "audit.jsonl"), join(directory, "aim")]
      yield* Effect.gen(function* () {
        yield* session.editConfig({ config })
        renameSync(path, `${path}.1`)
        symlinkSync(aim, path)
        assert.strictEqual((yield* Effect.flip(session.commit()))._tag, "AuditError")
        assert.isFalse(existsSync(aim))
        writeFileSync(aim, "", { mode: 0o600 })
        assert.include((yield* Effect.flip(session.commit())).message, "is a symbolic link")
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.strictEqual(readFileSync(aim, "utf8"), "")
      assert.strictEqual(device.commits, 0)
    })
  )

  it.live("refuses a file in a directory of somebody else", () =>
    Effect.gen(function* () {
      if (process.getuid?.() !== 0) return
      const directory = yield* temporary
      chownSync(directory, 65534, 65534)
      const path = join(directory, "audit.jsonl")
      const error = yield* Effect.flip(Effect.provide(Effect.void, Audit.layerFile(path)))
      assert.match(error.message, /belongs to user id 65534, not to 0/)
    })
  )

  it.live("refuses a file of somebody else", () =>
    Effect.gen(function* () {
      if (process.getuid?.() !== 0) return
      const path = join(yield* temporary, "audit.jsonl")
      writeFileSync(path, "", { mode: 0o600 })
      chownSync(path, 65534, 65534)
      const error = yield* Effect.flip(Effect.provide(Effect.void, Audit.layerFile(path)))
      assert.match(error.message, /belongs to user id 65534, not to 0/)
    })
  )

  it.live("lets no write start while the file cannot be relied on, and lets it again afterwards", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      yield* Effect.gen(function* () {
        chmodSync(path, 0o666)
        const error = yield* Effect.flip(session.edit(config))
        assert.strictEqual(error._tag, "AuditError")
        assert.include(error.message, "others can write")
        assert.strictEqual(device.commits, 0)
        chmodSync(path, 0o600)
        yield* session.edit(config)
      }).pipe(Effect.provide(Audit.layerFile(path)))
      assert.strictEqual(device.commits, 1)
    })
  )

  /** Replaces a method of every open file for the length of the scope. */
  const patched = (
    name: "read" | "sync" | "write",
    replaced: (real: (...args: ReadonlyArray<unknown>) => unknown) => unknown
  ) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const file = await open(process.execPath)
        const prototype = Object.getPrototypeOf(file) as Record<string, (...args: ReadonlyArray<unknown>) => unknown>
        await file.close()
        const real = prototype[name]!
        prototype[name] = function (this: unknown, ...args: ReadonlyArray<unknown>) {
          return replaced(() => real.apply(this, [...args]))
        }
        return () => void (prototype[name] = real)
      }),
      (restore) => Effect.sync(restore)
    )

  it.live("waits a moment for the end of a line that another process is just writing", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      yield* Effect.gen(function* () {
        const half = `{"id":"other`
        writeFileSync(path, half, { mode: 0o600 })
        let looks = 0
        yield* patched("read", (real) => {
          // Between the first look and the second.
          if (++looks === 2) appendFileSync(path, `"}\n`)
          return real()
        })
        yield* session.editConfig({ config })
        assert.deepStrictEqual(linesOf(path)[0], `${half}"}`)
        assert.lengthOf(linesOf(path), 3)
      }).pipe(Effect.provide(Audit.layerFile(path)))
    })
  )

  it.live("has the first record on the disk before anything is sent", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      const synced: Array<string> = []
      const context = yield* Layer.build(Audit.layerFile(path))
      yield* patched("sync", (real) => {
        synced.push(`${linesOf(path).length} lines, ${device.log.length} sent`)
        return real()
      })
      yield* Effect.provideContext(session.editConfig({ config }), context)
      assert.deepStrictEqual(synced, ["1 lines, 0 sent"])
    })
  )

  it.live("takes a record that was written in part for none", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      yield* patched("write", async () => ({ bytesWritten: 5 }))
      const error = yield* Effect.flip(Effect.provide(session.editConfig({ config }), Audit.layerFile(path)))
      assert.match(error.message, /only 5 of \d+ bytes were written \(not sent\)/)
      assert.lengthOf(device.log, 0)
    })
  )

  it.live("holds no secret of what was sent or answered", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const path = join(yield* temporary, "audit.jsonl")
      const secret = "Sw0rdf1sh"
      device.faults.add(Faults.refuse({ tag: "invalid-value", message: `bad password ${secret}` }), { on: "commit" })
      const user = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><authentication><user><name>ann</name><password>${secret}</password></user></authentication></system>`
      yield* Effect.ignore(Effect.provide(session.edit(user), Audit.layerFile(path)))
      const text = readFileSync(path, "utf8")
      assert.include(text, "<name>ann</name>")
      assert.notInclude(text, secret)
      const other = yield* Netconf.connect({ transport: device.transport, redaction: { names: ["contact"] } })
      const contact = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><contact>${secret}</contact></system>`
      yield* Effect.provide(other.editConfig({ config: contact }), Audit.layerFile(path))
      assert.include(linesOf(path).at(-2), "<contact>")
      assert.notInclude(readFileSync(path, "utf8"), secret)
    })
  )
})
