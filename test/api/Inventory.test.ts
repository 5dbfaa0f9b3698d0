import { assert, describe, it } from "@effect/vitest"
import { chmodSync, chownSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { execFileSync } from "node:child_process"
import { inspect } from "node:util"
import * as Yaml from "yaml"
import * as Arbitrary from "effect/Arbitrary"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { afterAll } from "vitest"
import type { Device } from "../../src/api/fleet/Devices.ts"
import * as Inventory from "../../src/api/Inventory.ts"
import * as Profile from "../../src/profiles/Profile.ts"
import * as Memory from "../../src/transport/Memory.ts"
import type { SshOptions } from "../../src/transport/Ssh.ts"
import { decode, failure, login, refuses } from "./inventory.ts"

const directory = mkdtempSync(join(tmpdir(), "netconf-inventory-"))
afterAll(() => rmSync(directory, { recursive: true }))

const env = (variables: Readonly<Record<string, string>>) => {
  Object.assign(process.env, variables)
  return Effect.sync(() => {
    for (const name of Object.keys(variables)) delete process.env[name]
  })
}

const file = (name: string, content: string | Uint8Array, mode = 0o600): string => {
  const path = join(directory, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe("Inventory.decode", () => {
  it.effect("takes settings from the device over its groups over the defaults, later groups over earlier ones", () =>
    Effect.gen(function* () {
      const { devices, of, reached } = yield* decode(`
defaults:
  username: admin
  port: 1
  tags: [all]
  deadlines: { rpc: 1 minute, hello: 5 seconds }
  ssh: { keepalive: off, algorithms: legacy }
  limits: { depth: 64 }
groups:
  site: { port: 2, username: site, maxOutstanding: 2, tags: [site] }
  leaf: { groups: [site], port: 3, tags: [leaf], deadlines: { rpc: 2 minutes }, redundancyGroup: pair }
  junos: { framing: end-of-message, port: 4 }
devices:
  spine-01:
  leaf-01: { groups: [leaf], host: 192.0.2.1, tags: [rack-7], deadlines: { queue: none } }
  leaf-02: { groups: [leaf, junos] }
  leaf-03: { groups: [junos, leaf], port: 5, username: own, ssh: { keepalive: 10 seconds }, limits: { bytes: 100 } }
`)
      assert.deepStrictEqual(
        devices.map((device) => device.name),
        ["spine-01", "leaf-01", "leaf-02", "leaf-03"]
      )
      const ssh = { keepalive: "off", algorithms: "legacy" }
      assert.deepStrictEqual([...reached.values()] as unknown, [
        { host: "spine-01", username: "admin", port: 1, ...ssh },
        { host: "192.0.2.1", username: "site", port: 3, ...ssh },
        { host: "leaf-02", username: "site", port: 4, ...ssh },
        { host: "leaf-03", username: "own", port: 5, ...ssh, keepalive: "10 seconds" }
      ])
      const { transport, ...leaf } = of("leaf-01")
      assert.strictEqual(transport.peer, "192.0.2.1:3")
      assert.deepStrictEqual(leaf as unknown, {
        name: "leaf-01",
        maxOutstanding: 2,
        redundancyGroup: "pair",
        tags: ["all", "site", "leaf", "rack-7"],
        deadlines: { rpc: "2 minutes", hello: "5 seconds", queue: "none" },
        limits: { depth: 64 }
      })
      assert.strictEqual(of("leaf-02").framing, "end-of-message")
      assert.deepStrictEqual(of("leaf-03").limits, { depth: 64, bytes: 100 })
      assert.deepStrictEqual(of("spine-01").tags, ["all"])
    })
  )

  it.effect("lets a group win over its parents, however often they are named", () =>
    Effect.gen(function* () {
      const { reached } = yield* decode(`
${login}
groups:
  dc: { port: 1, username: dc }
  leaf: { groups: [dc], port: 2 }
  spine: { groups: [dc], username: spine }
devices:
  a: { groups: [leaf, spine] }
  b: { groups: [leaf, dc] }
`)
      assert.deepInclude(reached.get("a")!, { port: 2, username: "spine" })
      assert.deepInclude(reached.get("b")!, { port: 2, username: "dc" })
    })
  )

  it.effect("gives every option of a connection", () =>
    Effect.gen(function* () {
      const one = `SHA256:${"a".repeat(43)}`
      const other = `SHA256:${"b".repeat(43)}`
      const own: Profile.Profile = { ...Profile.generic, name: "own" }
      const text = `
${login}
devices:
  a:
    profile: ios-xe
    capabilities: [urn:x]
    maxAbandoned: 0
    invalidUtf8: replace
    missingSessionId: tolerate
    keepalive: { every: 1 minute, deadline: 10 seconds, rpc: <x xmlns="urn:x"/> }
    hostKey: { fingerprint: [${one}, ${other}] }
    ssh: { localAddress: 192.0.2.9, subsystem: xmlagent }
  b: { profile: own, hostKey: accept-any }
  c: { hostKey: { knownHosts: keys/known }, auth: { privateKey: { path: ../key } } }
  d: { hostKey: { knownHosts: ~/known }, auth: [{ agent: true, keys: [SHA256:x] }, { agent: /run/agent }] }
`
      const { of, reached } = yield* decode(text, "yaml", { profiles: [own], directory: "/etc/net" })
      const { transport: _, ...a } = of("a")
      assert.deepStrictEqual(a as unknown, {
        name: "a",
        profile: Profile.iosXe,
        capabilities: ["urn:x"],
        maxAbandoned: 0,
        invalidUtf8: "replace",
        missingSessionId: "tolerate",
        keepalive: { every: "1 minute", deadline: "10 seconds", rpc: `<x xmlns="urn:x"/>` }
      })
      assert.strictEqual(of("b").profile, own)
      assert.deepInclude(reached.get("a")!, {
        hostKey: { fingerprint: [one, other] },
        localAddress: "192.0.2.9",
        subsystem: "xmlagent"
      })
      assert.strictEqual(reached.get("b")!.hostKey, "accept-any")
      assert.deepStrictEqual(reached.get("c")!.hostKey, { knownHosts: "/etc/net/keys/known" })
      assert.deepStrictEqual(reached.get("c")!.auth as unknown, [{ privateKey: { path: "/etc/key" } }])
      assert.deepStrictEqual(reached.get("d")!.hostKey, { knownHosts: join(homedir(), "known") })
      assert.deepStrictEqual(reached.get("d")!.auth as unknown, [
        { agent: true, keys: ["SHA256:x"] },
        { agent: "/run/agent" }
      ])
    })
  )

  it.effect("makes SSH transports, which name the address as their peer", () =>
    Effect.gen(function* () {
      const text = `{ "devices": { "a": { "host": "192.0.2.1", "port": 22, "username": "u" } } }`
      const [device] = yield* Inventory.decode(text, { format: "json", name: "lab" })
      assert.strictEqual(device!.transport.peer, "192.0.2.1:22")
    })
  )

  it.effect("tells all that is wrong at once: file, line, path, device, what was expected, and no value", () =>
    Effect.gen(function* () {
      const text = `devices:
  leaf-01:
    prot: 830
    port: hunter2
    username: 12345
  leaf.02: { port: 99999, framing: hunter2, deadlines: { rpc: 30 }, hostKey: hunter2 }
  leaf-03:
    deadlines:
      rpc: soon
    tags: core
    maxOutstanding: 0
    maxAbandoned: 1.5
`
      const error = yield* failure(text)
      assert.isUndefined(error.label)
      assert.match(
        error.message,
        /^inventory: lab: 11 problems\n {2}line 3, devices\.leaf-01\.prot: there is no such key: did you mean port\?\n/
      )
      assert.lengthOf(error.message.split("\n"), 12)
      for (const said of [
        "line 4, devices.leaf-01.port: expected a port from 1 to 65535, found text",
        "line 5, devices.leaf-01.username: expected text, found a number: put it in quotes",
        `line 6, devices."leaf.02".port: expected a port from 1 to 65535`,
        `line 6, devices."leaf.02".framing: expected "auto", "end-of-message", "chunked", found text`,
        `line 6, devices."leaf.02".deadlines.rpc: expected a duration such as "30 seconds", or "none", found a number\n`,
        `devices."leaf.02".hostKey: expected "known-hosts", { knownHosts: FILE }, { fingerprint: "SHA256:..." } or "accept-any", found text`,
        `line 9, devices.leaf-03.deadlines.rpc: expected a duration such as "30 seconds", or "none"`,
        "line 10, devices.leaf-03.tags: expected a list of texts, found text"
      ]) {
        assert.include(error.message, said)
      }
      assert.match(error.message, /\n {2}and 1 more$/)
      assert.notInclude(inspect(error, { depth: 9 }), "hunter2")
      const [json, yaml] = yield* Effect.all([
        failure(JSON.stringify(Yaml.parse(text), undefined, 2), "json"),
        failure(Yaml.stringify(Yaml.parse(text)))
      ])
      const withoutLines = ({ problems = [] }: { readonly problems?: ReadonlyArray<string> | undefined }) =>
        problems.map((problem) => problem.replace(/line \d+, /, ""))
      assert.lengthOf(withoutLines(json), 11)
      assert.deepStrictEqual(withoutLines(json), withoutLines(yaml))
      assert.include(json.message, "line 5, devices.leaf-01.port")
    })
  )

  it.effect("tells problems in the order of their lines, and escapes what a terminal would obey", () =>
    Effect.gen(function* () {
      const error = yield* failure("devices: { a: { prot: 1 } }\ndefaults: { prot: 2 }", "yaml", {
        name: "l\u001b[31mab"
      })
      assert.match(
        error.message,
        /^inventory: l\\u\{1b\}\[31mab: 2 problems\n {2}line 1, devices\.a\.prot.*\n {2}line 2, defaults\.prot/
      )
      const one = yield* failure("devices: { a: { prot: 1, port: x } }")
      assert.match(one.message, /^inventory on a: lab: 2 problems\n/)
    })
  )

  it.effect("says which key was probably meant, and which there are once only", () =>
    Effect.gen(function* () {
      for (const [settings, meant] of [
        ["hostkey: known-hosts", "hostKey"],
        ["host-key: known-hosts", "hostKey"],
        ["hostname: a", "host"],
        ["user: a", "username"],
        ["tag: [a]", "tags"],
        ["redundencyGroup: a", "redundancyGroup"],
        ["prot: 1", "port"],
        ["auth: { passwrod: { env: P } }", "password"],
        ["keepalive: { every: 1 minute, interval: 1 minute }", "every"]
      ])
        yield* refuses(`${login}devices: { a: { ${settings} } }`, `there is no such key: did you mean ${meant}?`)
      yield* refuses("default: {}\ndevices: {}", "line 1, default: there is no such key: did you mean defaults?")
      const many = yield* failure(`${login}devices: { a: { x: 1 }, b: { y: 1 }, c: { z: 1 } }`)
      assert.lengthOf(many.message.split("there are host, port, username"), 2)
      assert.match(many.message, /devices\.c\.z: there is no such key$/)
    })
  )

  it.effect("says how a duration is written", () =>
    Effect.gen(function* () {
      for (const [given, unit] of [
        ["30s", "seconds"],
        ["5 min", "minutes"],
        ["250ms", "millis"],
        ["1.5 h", "hours"],
        ["2d", "days"]
      ])
        yield* refuses(
          `${login}devices: { a: { deadlines: { rpc: ${given} } } }`,
          `expected a duration such as "30 seconds", or "none": write ${unit} behind the number and a space`
        )
      yield* refuses(`${login}devices: { a: { deadlines: { rpc: hunter2 } } }`, /or "none"$/)
    })
  )

  it.effect("refuses what nothing could be dialled by: hosts that are none, and files that are not there", () =>
    Effect.gen(function* () {
      const key = join(directory, "a-key")
      writeFileSync(key, "x")
      const told = (settings: string, name = "a") =>
        Effect.map(
          Effect.flip(
            Inventory.decode(`${login}devices:\n  "${name}": ${settings}`, { format: "yaml", name: "lab", directory })
          ),
          (error) => error.message
        )
      for (const [settings, said] of [
        [
          "{ host: 127.0.0.1:10801 }",
          "devices.a.host: expected a host alone: what stands behind the colon is the key port"
        ],
        ["{ host: hunter2@leaf }", "expected a host alone: what stands before the @ is the key username"],
        ["{ host: ssh://hunter2@leaf }", "expected a host alone, without ssh:// before it"],
        ["{ host: '[2001:db8::1]' }", "expected an IPv6 address without brackets"],
        ["{ host: '[2001:db8::1]:830' }", "what stands behind the colon is the key port"],
        ["{ host: hunter2 x }", "devices.a.host: expected a host name or an IP address"],
        ["{ ssh: { localAddress: eth0 } }", "devices.a.ssh.localAddress: expected an IP address of this machine"],
        ["{ auth: { privateKey: { path: none } } }", "devices.a.auth.privateKey.path: there is no such file"],
        [
          "{ auth: [{ agent: true }, { privateKey: { path: . } }] }",
          "devices.a.auth[1].privateKey.path: it is not a file"
        ],
        ["{ hostKey: { knownHosts: none } }", "devices.a.hostKey.knownHosts: there is no such file"]
      ] as const) {
        const message = yield* told(settings)
        assert.include(message, "inventory on a: lab at line 3, ")
        assert.include(message, said)
        assert.notInclude(message, "hunter2")
      }
      assert.include(yield* told("{}", "leaf 01"), "it has no host, and its name is none: expected a host name")
      const text = `${login}devices: { a: { auth: { privateKey: { path: a-key } } }, b: { host: 2001:db8::1 } }`
      assert.lengthOf(yield* Inventory.decode(text, { format: "yaml", name: "lab", directory }), 2)
      assert.lengthOf(
        (yield* decode(`${login}devices: { "a b": { auth: { privateKey: { path: none } } } }`)).devices,
        1
      )
      rmSync(key)
    })
  )

  it.effect("refuses groups that do not exist, and cycles of them", () =>
    Effect.gen(function* () {
      yield* refuses(
        `${login}groups: { a: { groups: [b] }, b: { groups: [c] }, c: { groups: [a] } }\ndevices: { x: }`,
        "groups.a.groups: a group cannot be its own parent: a -> b -> c -> a"
      )
      yield* refuses(`${login}groups: { a: { groups: [a] } }\ndevices: {}`, "a -> a")
      yield* refuses(
        `${login}groups: { leaf: {} }\ndevices: { x: { groups: [leaf, laef] } }`,
        `inventory on x: lab at line 3, devices.x.groups[1]: there is no group "laef"; there are leaf`
      )
      yield* refuses(
        `${login}groups: { leaf: { groups: [none] } }\ndevices: { a: { groups: [leaf] } }`,
        /^[^;]*groups\.leaf\.groups\[0\]: there is no group "none"; there are leaf$/
      )
      yield* refuses(
        `${login}groups: { leaf: { host: 192.0.2.1 } }\ndevices: {}`,
        "groups.leaf.host: there is no such key"
      )
    })
  )

  it.effect("refuses a device without username, a profile that does not exist, and names that cannot be printed", () =>
    Effect.gen(function* () {
      yield* refuses("devices:\n  a: {}", "inventory on a: lab at line 2, devices.a.username: it is missing")
      yield* refuses(
        `${login}devices: { a: { profile: junox } }`,
        `there is no profile "junox"; there are generic, yuma`
      )
      yield* refuses(
        "defaults: { username: u, profile: junox }\ndevices: { a: , b: }",
        "lab at line 1, defaults.profile:",
        /^[^;]*;[^;]*$/
      )
      yield* refuses(
        `${login}devices: { a: { hostKey: { fingerprint: MD5:00 } } }`,
        "devices.a.hostKey.fingerprint: expected a fingerprint as ssh-keygen -l prints it"
      )
      yield* refuses(`${login}devices: { "a ": {} }`, "neither begins nor ends with a space")
      yield* refuses(`${login}devices: { "": {} }`, "a device's name is not empty")
      yield* refuses(`${login}devices: { "a\\e[31m": {} }`, "no control characters", "a\\u{1b}[31m")
    })
  )

  it.effect("keeps the order of the file, though names may look like numbers", () =>
    Effect.gen(function* () {
      for (const [text, format] of [
        [`${login}devices: { b: , 10: , a: , 2: }`, "yaml"],
        [`{ "defaults": { "username": "u" }, "devices": { "b": {}, "10": {}, "a": {}, "2": {} } }`, "json"]
      ] as const) {
        const { devices } = yield* decode(text, format)
        assert.deepStrictEqual(
          devices.map((device) => device.name),
          ["b", "10", "a", "2"]
        )
      }
    })
  )

  it.effect("keeps devices whose names are those of an object's own things", () =>
    Effect.gen(function* () {
      const text = `{ "defaults": { "username": "u" }, "devices": { "__proto__": {}, "constructor": {}, "toString": {} } }`
      for (const format of ["json", "yaml"] as const) {
        const { devices } = yield* decode(text, format)
        assert.deepStrictEqual(
          devices.map((device) => device.name),
          ["__proto__", "constructor", "toString"]
        )
      }
      yield* refuses(`${login}devices: { a: { groups: [constructor] } }`, `there is no group "constructor"`)
    })
  )

  const file = Arbitrary.schema(Inventory.InventoryFile)
  it.effect.prop(
    "reads what was written from data, in JSON as in YAML",
    [file],
    ([data]) =>
      Effect.gen(function* () {
        const oneLine = { collectionStyle: "flow", lineWidth: 0 } as const
        const told = yield* Effect.forEach(
          [
            ["json", JSON.stringify(data)],
            ["yaml", Yaml.stringify(data, oneLine)],
            ["json", JSON.stringify(data, undefined, 3).replaceAll("\n", "\r\n")],
            ["yaml", Yaml.stringify(data)]
          ] as const,
          ([format, text]) => Effect.result(decode(text, format))
        )
        const said = told.map((result, i) => {
          if (result._tag === "Success") return [plain(result.success.devices), result.success.reached]
          return i < 2 ? result.failure.message : "refused"
        })
        assert.deepStrictEqual(said[1], said[0])
        assert.deepStrictEqual(said[3], said[2])
        assert.deepStrictEqual(
          told.map(({ _tag }) => _tag),
          told.map(() => told[0]!._tag)
        )
      }),
    { arbitrary: { seed: 1, runs: 200 } }
  )

  it("has a schema that encodes what it decodes", () => {
    const data = { devices: { a: { deadlines: { rpc: "1 minute" }, auth: { password: { env: "P" } } } } }
    assert.deepStrictEqual(
      Schema.encodeSync(Inventory.InventoryFile)(Schema.decodeUnknownSync(Inventory.InventoryFile)(data)),
      data
    )
  })
})

const plain = (devices: ReadonlyArray<Device>) =>
  devices.map(({ transport, ...device }) => ({ ...device, peer: transport.peer }))

describe("secrets", () => {
  const auths = (reached: ReadonlyMap<string, SshOptions>, name: string) =>
    reached.get(name)!.auth as ReadonlyArray<{ password: Redacted.Redacted }>

  it.effect("come from the environment and from the Config", () =>
    Effect.gen(function* () {
      const restore = yield* Effect.sync(() => env({ NETCONF_TEST_A: "s3cret-a", NETCONF_TEST_A_B: "s3cret-b" }))
      const text = `${login}
devices:
  a: { auth: { password: { env: NETCONF_TEST_A } } }
  b: { auth: { privateKey: { env: NETCONF_TEST_A_B }, passphrase: { config: lab.pass } } }
  c: { auth: { password: { config: lab.word } } }
`
      const config = ConfigProvider.fromUnknown({
        lab: { word: "s3cret-c", pass: "s3cret-d" },
        NETCONF_TEST_A: "not this"
      })
      const { reached } = yield* Effect.provideService(decode(text), ConfigProvider.ConfigProvider, config)
      assert.strictEqual(Redacted.value(auths(reached, "a")[0]!.password), "s3cret-a")
      assert.strictEqual(Redacted.value(auths(reached, "c")[0]!.password), "s3cret-c")
      const [key] = reached.get("b")!.auth as ReadonlyArray<Record<string, Redacted.Redacted>>
      assert.deepStrictEqual(
        [Redacted.value(key!["privateKey"]!), Redacted.value(key!["passphrase"]!)],
        ["s3cret-b", "s3cret-d"]
      )
      assert.notInclude(inspect(reached, { depth: 9 }) + JSON.stringify([...reached]), "s3cret")
      yield* restore
    })
  )

  it.effect("come from the environment when the Config says nothing else", () =>
    Effect.gen(function* () {
      const restore = yield* Effect.sync(() => env({ LAB_WORD: "s3cret" }))
      const { reached } = yield* decode(`${login}devices: { a: { auth: { password: { config: LAB.WORD } } } }`)
      assert.strictEqual(Redacted.value(auths(reached, "a")[0]!.password), "s3cret")
      yield* restore
    })
  )

  it.effect("are told when they are not there, by their names and once for all devices", () =>
    Effect.gen(function* () {
      const restore = yield* Effect.sync(() => env({ NETCONF_TEST_EMPTY: "" }))
      yield* refuses(
        `defaults:\n  username: a\n  auth: { password: { env: NETCONF_NOT_SET } }\ndevices: { a: , b: , c: { auth: { password: { config: x.y } } } }`,
        "inventory: lab: 2 problems\n  line 3, defaults.auth.password: the environment variable NETCONF_NOT_SET is not set",
        "line 4, devices.c.auth.password: the Config has no text at this path",
        /^(?!.*NETCONF_NOT_SET.*NETCONF_NOT_SET)/
      )
      yield* refuses(
        `${login}devices: { a: { auth: { password: { env: NETCONF_TEST_EMPTY } } } }`,
        "TEST_EMPTY is empty"
      )
      // Nobody uses it.
      yield* decode(`${login}groups: { g: { auth: { password: { env: NETCONF_NOT_SET } } } }\ndevices: { a: }`)
      yield* restore
    })
  )

  it.effect("are the same value for all that share them, so that a key is decrypted once", () =>
    Effect.gen(function* () {
      const restore = yield* Effect.sync(() => env({ NETCONF_TEST_A: "s3cret" }))
      const { reached } = yield* decode(`
defaults: { username: u, auth: { privateKey: { path: /key }, passphrase: { env: NETCONF_TEST_A } } }
devices: { a: , b: { port: 1 } }
`)
      assert.strictEqual(auths(reached, "a")[0], auths(reached, "b")[0])
      yield* restore
    })
  )

  it.effect("are not what a file's name is taken for where a key is expected", () =>
    Effect.gen(function* () {
      const text = `${login}devices: { a: { auth: { privateKey: ~/.ssh/s3cret } } }`
      for (const error of [yield* failure(text), yield* failure(text, "yaml", { private: true })]) {
        assert.include(error.message, "privateKey: it is not the text of a private key; a key file is { path: FILE }")
        assert.notInclude(error.message, "no secret")
        assert.notInclude(inspect(error, { depth: 9 }), "s3cret")
      }
    })
  )

  it.effect("are refused in text, of a group that nobody uses too, and never shown", () =>
    Effect.gen(function* () {
      for (const auth of [
        "{ password: s3cret }",
        "[{ agent: true }, { password: s3cret }]",
        "{ privateKey: -----BEGIN s3cret }",
        "{ privateKey: { path: /k }, passphrase: s3cret }"
      ]) {
        for (const text of [
          `${login}devices: { a: { auth: ${auth} } }`,
          `${login}groups: { g: { auth: ${auth} } }\ndevices: { a: }`,
          `defaults: { username: a, auth: ${auth} }\ndevices: { a: }`
        ]) {
          const error = yield* failure(text)
          assert.include(error.message, "name an environment variable ({ env: NAME })")
          assert.notInclude(inspect(error, { depth: 9 }), "s3cret")
          yield* decode(text, "yaml", { private: true })
        }
      }
      const wrong = [
        "{ password: { env: a, config: s3cret } }",
        "{ password: { command: s3cret } }",
        "{ password: [s3cret] }",
        "{ pasword: s3cret }",
        "{ password: s3cret, agent: true }",
        "{ password: s3cret, keys: [a] }",
        "{ agent: true, passphrase: s3cret }",
        "s3cret",
        "[s3cret]"
      ]
      for (const auth of wrong) {
        const error = yield* failure(`${login}devices: { a: { auth: ${auth} } }`, "yaml", { private: true })
        assert.match(error.message, /devices\.a\.auth/)
        assert.notInclude(inspect(error, { depth: 9 }), "s3cret")
      }
      yield* refuses(
        `${login}devices: { a: { auth: { password: 1234 } } }`,
        "found a number: put it in quotes",
        /^(?!.*1234)/
      )
    })
  )
})

describe("Inventory.fromFile", () => {
  const simple = `${login}devices: { a: { host: 192.0.2.1 } }`
  const refused = (path: string, options: Inventory.FileOptions = {}) =>
    Effect.map(Effect.flip(Inventory.fromFile(path, options)), (error) => error.message)

  it.effect("reads JSON and YAML by the extension, or as it is told", () =>
    Effect.gen(function* () {
      const json = `{ "devices": { "a": { "username": "u" } } }`
      for (const [name, text, options] of [
        ["a.yaml", simple, {}],
        ["a.YML", simple, {}],
        ["a.json", json, {}],
        ["a.conf", simple, { format: "yaml" }]
      ] as const) {
        const devices = yield* Inventory.fromFile(file(name, text, 0o644), options)
        assert.deepStrictEqual(
          devices.map((device) => device.name),
          ["a"]
        )
      }
      assert.include(yield* refused(file("a.ini", simple)), "expected a file that ends in .json, .yaml or .yml")
    })
  )

  it.effect("names the file, and what stands in the way of reading it", () =>
    Effect.gen(function* () {
      const none = join(directory, "none.yaml")
      assert.strictEqual(yield* refused(none), `inventory: ${none}: there is no such file`)
      assert.include(yield* refused(directory, { format: "yaml" }), "it is not a file")
      const pipe = join(directory, "pipe.yaml")
      execFileSync("mkfifo", [pipe])
      assert.include(yield* refused(pipe), "it is not a file")
      assert.include(
        yield* refused(file("l1.yaml", Buffer.from(`devices: { \xe9: }`, "latin1"))),
        "it is not text in UTF-8"
      )
      const utf16 = Buffer.from(`\ufeff${simple}`, "utf16le")
      assert.include(yield* refused(file("u16.yaml", utf16)), "it is not text in UTF-8")
      const huge = file("huge.yaml", "")
      truncateSync(huge, 16 * 1024 * 1024 + 1)
      assert.include(yield* refused(huge), "it is larger than 16 MB")
      assert.include(yield* refused(file("bad.yaml", "devices: [")), `bad.yaml at line 1`)
    })
  )

  it.effect("accepts secrets in a file of the user's own that nobody else can read, and says how to mend one", () =>
    Effect.gen(function* () {
      const text = `${login}devices: { a: { auth: { password: s3cret } } }`
      assert.lengthOf(yield* Inventory.fromFile(file("private.yaml", text, 0o600)), 1)
      assert.lengthOf(yield* Inventory.fromFile(file("private.yaml", text, 0o400)), 1)
      for (const mode of [0o640, 0o604, 0o620, 0o601]) {
        const path = file("shared.yaml", text, mode)
        const message = yield* refused(path)
        assert.include(message, "devices.a.auth.password: others can read this file, so no secret may stand in it")
        assert.include(message, `chmod 600 ${path}`)
        assert.notInclude(message, "s3cret")
      }
      if (process.getuid?.() !== 0) return
      const path = file("another.yaml", text, 0o600)
      chownSync(path, 65_534, 65_534)
      assert.include(yield* refused(path), "this file is another user's, so no secret may stand in it")
    })
  )

  it.effect("takes relative paths from the file's directory", () =>
    Effect.gen(function* () {
      const path = file("paths.yaml", `${login}devices: { a: { auth: { privateKey: { path: keys/a } } } }`)
      let seen: unknown
      yield* Inventory.fromFile(path, {
        transport: (options) => {
          seen = options.auth
          return Memory.make(() => {})
        }
      })
      assert.deepStrictEqual(seen, [{ privateKey: { path: join(dirname(path), "keys/a") } }])
    })
  )
})
