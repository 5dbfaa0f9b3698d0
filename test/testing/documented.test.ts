/** The examples of docs/testing.md and docs/profiles.md, compiled and run; the last test holds the pages to what is written here. */
import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Element, Filter, Netconf, Profile, Ssh, xml } from "../../src/index.ts"
import { BrokenNotifications, Dialects, Faults, Model, Refusal } from "../../src/testing.ts"
import { ScriptedServer, SimulatedDevice, Transcript } from "../../src/testing.ts"

const system = "urn:ietf:params:xml:ns:yang:ietf-system"

describe("docs/testing.md", () => {
  it.effect("a device in memory", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })

      yield* session.edit(xml`<system xmlns="${system}"><hostname>r1</hostname></system>`)

      const hostname = Element.find(device.running, ["system", "hostname"])
      assert.strictEqual(hostname && Element.text(hostname), "r1")
      assert.strictEqual(device.locks.size, 0)
      assert.include(
        device.log.map((entry) => entry.operation),
        "commit"
      )
    })
  )

  it.live("a device over SSH", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const ssh = yield* device.ssh({ users: { ops: { password: "secret" } } })
      const session = yield* Netconf.connect({
        label: "sim",
        transport: Ssh.make({
          host: ssh.host,
          port: ssh.port,
          username: ssh.username,
          auth: { password: ssh.password },
          hostKey: { fingerprint: ssh.fingerprint }
        })
      })
      assert.strictEqual(session.sessionId, 1)
    })
  )

  it.effect("a device of one's own", () =>
    Effect.gen(function* () {
      const vendor = "http://example.com/vlans"
      const device = yield* SimulatedDevice.make({
        model: Model.make(Model.open(vendor, { "vlans/vlan": ["id"] })),
        running: `<vlans xmlns="${vendor}"><vlan><id>1</id><name>default</name></vlan></vlans>`,
        without: [":writable-running", ":startup"],
        validate: (config) =>
          Element.findAll(config, ["vlans", "vlan"]).length > 2 ? [Refusal.operationFailed("too many VLANs")] : [],
        operations: { "save-config": () => "ok" }
      })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      yield* session.edit(xml`<vlans xmlns="${vendor}"><vlan><id>2</id></vlan></vlans>`)
      const refused = yield* Effect.flip(session.edit(xml`<vlans xmlns="${vendor}"><vlan><id>3</id></vlan></vlans>`))
      assert.strictEqual(refused._tag, "RpcError")
    })
  )

  it.effect("faults", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })

      const off = device.faults.add(Faults.refuse(Refusal.accessDenied("not you")), { on: "edit-config" })
      const refused = yield* Effect.flip(session.edit(xml`<system xmlns="${system}"><contact>x</contact></system>`))
      assert.strictEqual(refused._tag, "RpcError")
      off()

      device.faults.add(Faults.closeAfter("network"), { on: "commit", times: 1 })
      const unknown = yield* Effect.flip(session.edit(xml`<system xmlns="${system}"><contact>x</contact></system>`))
      assert.strictEqual(unknown._tag, "CommitUnknownError")
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("time", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: [Dialects.oneLock, Dialects.slowCommit] })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      const commit = yield* Effect.forkChild(session.commit(), { startImmediately: true })
      while (device.log.length === 0) yield* Effect.yieldNow
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(commit)
    })
  )

  it.effect("events", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({
        notifications: { logSize: 100, streams: [{ name: "alarms", replay: false }] }
      })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      yield* session.rpc(xml`<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`)

      device.notify(`<link-down xmlns="http://example.com/events"><port>3</port></link-down>`)
      device.notify(`<alarm xmlns="http://example.com/events"/>`, {
        stream: "alarms",
        eventTime: "2026-01-01T00:00:00.5Z"
      })
      yield* session.edit(xml`<system xmlns="${system}"><hostname>r1</hostname></system>`)
      device.ageReplayLog({ count: 1 })
      yield* device.flood(1000, (n) => `<tick xmlns="http://example.com/events"><n>${n}</n></tick>`)
    })
  )

  it.effect("a program that subscribes", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ notifications: { standardEvents: false } })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      const down = Effect.scoped(
        Effect.gen(function* () {
          const subscription = yield* session.openSubscription()
          const [event] = yield* subscription.take(1)
          return event?._tag === "Notification" ? event.name : undefined
        })
      )
      const program = yield* Effect.forkChild(down, { startImmediately: true })
      while (device.log.at(-1)?.operation !== "create-subscription") yield* Effect.yieldNow
      device.notify(`<link-down xmlns="http://example.com/events"><port>3</port></link-down>`)
      assert.strictEqual(yield* Fiber.join(program), "link-down")
    })
  )

  it.effect("dynamic subscriptions", () =>
    Effect.gen(function* () {
      const subscribed = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
      const push = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
      const datastores = "urn:ietf:params:xml:ns:yang:ietf-datastores"
      const device = yield* SimulatedDevice.make({ notifications: { push: { minimumDampening: 100 } } })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      const establish = (dampening: number) =>
        session.rpc(xml`<establish-subscription xmlns="${subscribed}" xmlns:yp="${push}">
          <yp:datastore xmlns:ds="${datastores}">ds:running</yp:datastore>
          <yp:on-change><yp:dampening-period>${dampening}</yp:dampening-period></yp:on-change>
        </establish-subscription>`)

      const refused = yield* Effect.flip(establish(10))
      assert(refused._tag === "RpcError")
      assert.strictEqual(refused.errors[0]?.appTag, "ietf-yang-push:period-unsupported")

      yield* establish(100)
      const [subscription] = device.subscriptions.all()
      assert.deepStrictEqual(subscription, { id: 1, session: 1, state: "active" })
      device.subscriptions.skipPatchId(1)
      device.edit(`<system xmlns="${system}"><hostname>r1</hostname></system>`)
      device.subscriptions.suspend(1, "insufficient-resources")
      device.subscriptions.terminate(1, "suspension-timeout")
    })
  )

  it.effect("notifications that go wrong", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.wholeSeconds })
      device.faults.add(Faults.eventsWithReply("<a/>", "<b/>"), { on: "create-subscription" })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      yield* session.rpc(xml`<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`)
      device.sendBroken(BrokenNotifications.malformed)
      device.sendBroken(BrokenNotifications.missingEndMark())
    })
  )

  it.effect("an end that is held up", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.silentClose })
      const program = Effect.gen(function* () {
        const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
        yield* session.edit(xml`<system xmlns="${system}"><contact>noc</contact></system>`)
      })
      const fiber = yield* Effect.forkChild(Effect.scoped(program))
      while (device.log.at(-1)?.operation !== "close-session") yield* Effect.yieldNow
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(device.commits, 1)
    })
  )

  it.live("an end that is held up, in real time", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.silentClose })
      const session = yield* Netconf.connect({
        label: "sim",
        transport: device.transport,
        deadlines: { close: "10 millis" }
      })
      yield* session.edit(xml`<system xmlns="${system}"><contact>noc</contact></system>`)
    })
  )

  it.live("a dialect with its profile", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.yuma })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport, profile: Profile.yuma })
      yield* session.edit(xml`<system xmlns="${system}"><contact>noc</contact></system>`)
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("another operator", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.staleCandidate })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
      device.edit(`<system xmlns="${system}"><location>rack 7</location></system>`)
      yield* session.edit(xml`<system xmlns="${system}"><contact>noc</contact></system>`)
      const location = Element.find(device.running, ["system", "location"])
      assert.strictEqual(location && Element.text(location), "rack 7")
    })
  )

  it.effect("a script", () =>
    Effect.gen(function* () {
      const server = yield* ScriptedServer.make([
        ScriptedServer.hello({ base: ["1.0"], sessionId: 7 }),
        ScriptedServer.expect("<hello"),
        ScriptedServer.expect(/<get\/>/),
        ScriptedServer.send(`<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-`),
        ScriptedServer.cut
      ])
      const session = yield* Netconf.connect({ label: "scripted", transport: server.transport })
      const error = yield* Effect.flip(session.get())
      assert.strictEqual(error._tag, "ChannelError")
      yield* server.done
    })
  )

  it.effect("a transcript", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const filter = Filter.subtree(xml`<system xmlns="${system}"/>`)

      const recorder = Transcript.record(device.transport)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* Netconf.connect({ label: "real", transport: recorder.transport })
          yield* session.getConfig({ source: "running", filter })
        })
      )
      const json = Transcript.toJson(recorder.transcripts()[0]!)

      const transcript = yield* Transcript.fromJson(json)
      const session = yield* Netconf.connect({ label: "replayed", transport: Transcript.replay(transcript) })
      const reply = yield* session.getConfig({ source: "running", filter })
      assert.include(reply.xml, "<hostname>sim</hostname>")
      assert.notInclude(json, "SkZOQ1hSZkM0bDJYYzRsMg")
    })
  )

  it.effect("a profile of one's own", () =>
    Effect.gen(function* () {
      const acme: Profile.Profile = {
        ...Profile.generic,
        name: "acme",
        save: `<save-config xmlns="http://example.com/acme"/>`
      }
      const device = yield* SimulatedDevice.make({ without: [":startup"], operations: { "save-config": () => "ok" } })
      const session = yield* Netconf.connect({ label: "sim", transport: device.transport, profile: acme })

      const report = yield* session.edit(xml`<system xmlns="${system}"><contact>noc</contact></system>`, { save: true })
      assert.strictEqual(report.saved, "yes")
      assert.strictEqual(device.log.at(-1)?.operation, "save-config")
    })
  )

  it("says which imports its examples have", () => {
    const read = (path: string) => fs.readFileSync(new URL(path, import.meta.url), "utf8")
    const imports = (text: string) => text.split("\n").filter((line) => line.startsWith("import "))
    const here = imports(read(import.meta.url))
      .filter((line) => !line.includes("node:fs"))
      .map((line) => line.replace("assert, describe, it", "assert, it"))
      .map((line) => line.replace("../../src/index.ts", "effect-netconf"))
      .map((line) => line.replace("../../src/testing.ts", "effect-netconf/testing"))
    assert.deepStrictEqual(imports(read("../../docs/testing.md")), here)
  })

  it("shows nothing that is not run here", () => {
    const flat = (text: string) =>
      text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .join("\n")
    const page = ["../../docs/testing.md", "../../docs/profiles.md"]
      .map((path) => fs.readFileSync(new URL(path, import.meta.url), "utf8"))
      .join("\n")
    const here = flat(fs.readFileSync(new URL(import.meta.url), "utf8"))
    const blocks = [...page.matchAll(/```ts\n([^]*?)```/g)].map((match) => match[1]!)
    assert.isAbove(blocks.length, 12)
    for (const block of blocks) {
      const body = block
        .split("\n")
        .filter((line) => !line.startsWith("import "))
        .join("\n")
      assert.include(here, flat(body), body)
    }
  })
})
