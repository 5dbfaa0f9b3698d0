import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as HostKey from "../../src/transport/HostKey.ts"
import { blob, ecdsa, ed25519, other, type PublicKey, rsa, text } from "./keys.ts"

const file = (content: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const directory = await Fs.mkdtemp(Path.join(Os.tmpdir(), "known-hosts-"))
      const path = Path.join(directory, "known_hosts")
      await Fs.writeFile(path, content)
      return path
    }),
    (path) => Effect.promise(() => Fs.rm(Path.dirname(path), { recursive: true }))
  )

const check = (content: string, key: PublicKey, host = "leaf-01", port = 830) =>
  Effect.gen(function* () {
    const path = yield* file(content)
    const verifier = yield* HostKey.prepare({ knownHosts: path }, host, port)
    const verdict = verifier.check(blob(key))
    return verdict._tag === "accepted"
      ? { because: verdict.because.replace(path, "FILE"), keyTypes: verifier.keyTypes }
      : { ...verdict.refusal, path }
  })

const refused = (content: string, key: PublicKey, host?: string, port?: number) =>
  Effect.map(check(content, key, host, port), (result) => {
    assert.property(result, "why")
    return result as HostKey.Refusal & { path: string }
  })

describe("HostKey with known_hosts", () => {
  it.live("accepts a key under [host]:port, and says which line holds it", () =>
    Effect.gen(function* () {
      const result = yield* check(`# mine\n[leaf-01]:830 ${text(ed25519)}`, ed25519)
      assert.deepStrictEqual(result, { because: "FILE:2 ([leaf-01]:830)", keyTypes: ["ssh-ed25519"] })
    })
  )

  it.live("accepts an equal key under the bare host, and says so", () =>
    Effect.gen(function* () {
      const result = yield* check(`leaf-01 ${text(ed25519)}`, ed25519)
      assert.deepStrictEqual(result, { because: "FILE:1 (leaf-01, without the port)", keyTypes: ["ssh-ed25519"] })
    })
  )

  it.live("accepts any of several keys, and lists their types in the file's order", () =>
    Effect.gen(function* () {
      const result = yield* check(`leaf-01 ${text(rsa)}\n[leaf-01]:830 ${text(ecdsa)}\n[leaf-01]:830 ${text(rsa)}`, rsa)
      assert.deepStrictEqual(result, {
        because: "FILE:3 ([leaf-01]:830)",
        keyTypes: ["ecdsa-sha2-nistp256", "ssh-rsa"]
      })
    })
  )

  it.live("refuses an unknown host, with the fingerprint and the commands that add it", () =>
    Effect.gen(function* () {
      const { path, ...refusal } = yield* refused(`leaf-02 ${text(ed25519)}`, ed25519)
      assert.deepStrictEqual(
        [refusal.why, refusal.fingerprint, refusal.keyType],
        ["unknown", ed25519.fingerprint, "ssh-ed25519"]
      )
      assert.include(refusal.detail, "no line for [leaf-01]:830")
      assert.include(refusal.howToAccept, `ssh-keyscan -p 830 leaf-01 >> ${path}`)
      assert.include(refusal.howToAccept, "ssh-keyscan -p 830 leaf-01 | ssh-keygen -lf -")
      assert.include(refusal.howToAccept, `hostKey: { fingerprint: "${ed25519.fingerprint}" }`)
    })
  )

  it.live("refuses a changed key, and says where the other one is and how to remove it", () =>
    Effect.gen(function* () {
      const refusal = yield* refused(`\n[leaf-01]:830 ${text(other)}`, ed25519)
      assert.strictEqual(refusal.why, "changed")
      assert.include(
        refusal.detail,
        `${refusal.path}:2 holds another ssh-ed25519 key for [leaf-01]:830 (${other.fingerprint})`
      )
      assert.include(refusal.howToAccept, `ssh-keygen -f ${refusal.path} -R '[leaf-01]:830'`)
    })
  )

  it.live("does not call a key changed because the bare host has another one", () =>
    Effect.gen(function* () {
      const refusal = yield* refused(`leaf-01 ${text(other)}`, ed25519)
      assert.strictEqual(refusal.why, "unknown")
      assert.include(refusal.detail, `leaf-01 without the port has other keys: ssh-ed25519 at ${refusal.path}:1`)
    })
  )

  it.live("lets [host]:port decide over the bare host", () =>
    Effect.gen(function* () {
      const refusal = yield* refused(`leaf-01 ${text(ed25519)}\n[leaf-01]:830 ${text(other)}`, ed25519)
      assert.strictEqual(refusal.why, "changed")
    })
  )

  it.live("calls a key of a new type unknown, and names the types that are known", () =>
    Effect.gen(function* () {
      const refusal = yield* refused(`[leaf-01]:830 ${text(rsa)}`, ed25519)
      assert.strictEqual(refusal.why, "unknown")
      assert.include(refusal.detail, `known by keys of other types only: ssh-rsa at ${refusal.path}:1`)
    })
  )

  it.live.each(["[leaf-01]:830", "leaf-01", "*"])("lets @revoked %s win over a matching line", (name) =>
    Effect.gen(function* () {
      const refusal = yield* refused(`[leaf-01]:830 ${text(ed25519)}\n@revoked ${name} ${text(ed25519)}`, ed25519)
      assert.strictEqual(refusal.why, "revoked")
      assert.include(refusal.detail, `${refusal.path}:2`)
    })
  )

  it.live("does not mind that another key is revoked", () =>
    Effect.gen(function* () {
      const result = yield* check(`leaf-01 ${text(ed25519)}\n@revoked * ${text(other)}`, ed25519)
      assert.property(result, "because")
    })
  )

  it.live("mentions certificate authorities that would have matched, and does not take them for keys", () =>
    Effect.gen(function* () {
      const refusal = yield* refused(`@cert-authority leaf-* ${text(ed25519)}`, ed25519)
      assert.strictEqual(refusal.why, "unknown")
      assert.include(refusal.detail, "host certificates are not supported")
    })
  )

  it.live("reads the file again each time", () =>
    Effect.gen(function* () {
      const path = yield* file("")
      const verdict = Effect.map(
        HostKey.prepare({ knownHosts: path }, "leaf-01", 830),
        (verifier) => verifier.check(blob(rsa))._tag
      )
      assert.strictEqual(yield* verdict, "refused")
      yield* Effect.promise(() => Fs.writeFile(path, `leaf-01 ${text(rsa)}`))
      assert.strictEqual(yield* verdict, "accepted")
      yield* Effect.promise(() => Fs.writeFile(path, `leaf-02 ${text(rsa)}`))
      assert.strictEqual(yield* verdict, "refused")
    })
  )

  it.live("fails closed when the file is missing, and says that it is", () =>
    Effect.gen(function* () {
      const path = yield* file("")
      const missing = `${path} o'there`
      const verifier = yield* HostKey.prepare({ knownHosts: missing }, "leaf-01", 830)
      const verdict = verifier.check(blob(ed25519))
      assert(verdict._tag === "refused")
      assert.include(verdict.refusal.detail, `${missing} does not exist`)
      assert.include(verdict.refusal.howToAccept, `>> '${path} o'\\''there'`)
    })
  )

  it.live("fails closed when the file cannot be read", () =>
    Effect.gen(function* () {
      const path = Path.dirname(yield* file(""))
      const verifier = yield* HostKey.prepare({ knownHosts: path }, "leaf-01", 830)
      const verdict = verifier.check(blob(ed25519))
      assert(verdict._tag === "refused")
      assert.include(verdict.refusal.detail, "cannot be read (EISDIR)")
    })
  )
})

describe("HostKey with pinned fingerprints", () => {
  const pin = (fingerprint: string | ReadonlyArray<string>) => HostKey.prepare({ fingerprint }, "leaf-01", 830)

  it.effect.each([ed25519.fingerprint, `${ed25519.fingerprint}=`])("accepts the key of %s", (fingerprint) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* pin(fingerprint)).check(blob(ed25519))._tag, "accepted")
    })
  )

  it.effect("accepts one of several", () =>
    Effect.gen(function* () {
      const verifier = yield* pin([rsa.fingerprint, ed25519.fingerprint])
      assert.deepStrictEqual(
        [rsa, ed25519, other].map((key) => verifier.check(blob(key))._tag),
        ["accepted", "accepted", "refused"]
      )
    })
  )

  it.effect("says which key it saw and which it wanted", () =>
    Effect.gen(function* () {
      const verdict = (yield* pin(other.fingerprint)).check(blob(ed25519))
      assert(verdict._tag === "refused")
      assert.deepStrictEqual([verdict.refusal.why, verdict.refusal.fingerprint], ["changed", ed25519.fingerprint])
      assert.include(verdict.refusal.detail, `not the pinned key (${other.fingerprint})`)
      assert.include(verdict.refusal.detail, "the pin is for another key, the device has a new one, or")
      assert.include(verdict.refusal.howToAccept, `hostKey: { fingerprint: "${ed25519.fingerprint}" }`)
      assert.include(verdict.refusal.howToAccept, `--fingerprint ${ed25519.fingerprint}`)
    })
  )

  it.effect.each([
    ["MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "MD5"],
    ["16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "MD5"],
    ["SHA256:short", "43 characters"],
    [ed25519.fingerprint.slice(7), "43 characters"],
    ["", "43 characters"]
  ])("refuses %s as a fingerprint", ([fingerprint, why]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(pin(fingerprint!))
      assert.strictEqual(error._tag, "InputError")
      assert.include(error.why, why!)
    })
  )

  it.effect("refuses an empty list, which would accept nothing", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(pin([])))._tag, "InputError")
    })
  )
})

describe("HostKey with accept-any", () => {
  it.effect("accepts every key, and is to be warned about", () =>
    Effect.gen(function* () {
      const verifier = yield* HostKey.prepare("accept-any", "leaf-01", 830)
      assert.deepStrictEqual([verifier.check(blob(other))._tag, verifier.warns], ["accepted", true])
    })
  )
})

describe("HostKey with what is no policy", () => {
  for (const policy of [false, "accept", "known_hosts", {}, { knownHosts: 7 }, null, undefined]) {
    it.effect(`refuses ${JSON.stringify(policy)} and names the ones there are`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(HostKey.prepare(policy as never, "leaf-01", 830))
        assert.strictEqual(error.what, "hostKey")
        assert.include(error.why, "known-hosts")
      })
    )
  }
})

describe("HostKey with a pipe for known_hosts", () => {
  it.live("does not wait for it, and fails closed", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "known-hosts-")))
      const pipe = Path.join(folder, "known_hosts")
      execFileSync("mkfifo", [pipe])
      const verifier = yield* HostKey.prepare({ knownHosts: pipe }, "leaf-01", 830)
      yield* Effect.promise(() => Fs.rm(folder, { recursive: true }))
      const verdict = verifier.check(blob(ed25519))
      assert.strictEqual(verdict._tag, "refused")
      assert.include(JSON.stringify(verdict), "it is a pipe")
    })
  )
})
