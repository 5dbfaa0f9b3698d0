import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as Element from "../../src/xml/Element.ts"
import { base, open } from "./client.ts"
import {
  accepted,
  edit,
  getConfig,
  hostname,
  hostnameOf,
  lock,
  refused,
  source,
  system,
  target,
  unlock
} from "./requests.ts"

const setup = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    return { device, one: yield* open(device.transport), two: yield* open(device.transport) }
  })

const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"

describe("Operations: reading", () => {
  it.effect("get shows state with configuration, get-config does not", () =>
    Effect.gen(function* () {
      const { one } = yield* setup()
      assert.include(yield* one.rpc("<get/>"), "<oper-status>up</oper-status>")
      assert.notInclude(yield* one.rpc(getConfig()), "oper-status")
    })
  )
  it.effect("get shows who is connected", () =>
    Effect.gen(function* () {
      const { one } = yield* setup()
      const filter = `<filter><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state></filter>`
      const reply = yield* one.rpc(`<get>${filter}</get>`)
      assert.strictEqual(reply.match(/<session-id>/g)?.length, 2)
      assert.include(reply, "<login-time>1970-01-01T00:00:00.000Z</login-time>")
    })
  )
  it.effect("filters by subtree and by XPath", () =>
    Effect.gen(function* () {
      const { one } = yield* setup()
      const byTree = `<filter><interfaces xmlns="${interfaces}"><interface><name>eth1</name></interface></interfaces></filter>`
      const byPath = `<filter type="xpath" xmlns:i="${interfaces}" select="/i:interfaces/i:interface[i:name='eth1']"/>`
      const tree = yield* one.rpc(getConfig("running", byTree))
      assert.match(tree, /<name>eth1<\/name>.*<enabled>false/)
      assert.notMatch(tree, /eth0|hostname/)
      assert.strictEqual(yield* one.rpc(getConfig("running", byPath)), tree)
      assert.include(yield* one.rpc(getConfig("running", "<filter/>")), "<data/>")
      yield* refused(one, getConfig("running", `<filter type="regexp"/>`), "bad-attribute")
      yield* refused(one, getConfig("running", `<filter type="xpath"/>`), "missing-attribute")
      yield* refused(one, getConfig("running", `<filter type="xpath" select="/i:x"/>`), "invalid-value")
    })
  )
  it.effect("refuses XPath, candidate and startup where it lacks the capability", () =>
    Effect.gen(function* () {
      const { one } = yield* setup({ without: [":xpath", ":candidate", ":startup"] })
      yield* refused(one, getConfig("running", `<filter type="xpath" select="/"/>`), "operation-not-supported")
      yield* refused(one, getConfig("candidate"), "unknown-element")
      yield* refused(one, getConfig("startup"), "unknown-element")
      for (const body of ["<commit/>", "<discard-changes/>"]) yield* refused(one, body, "operation-not-supported")
      assert.notInclude(one.hello, "candidate")
    })
  )
  it.effect("refuses parameters that are missing or in a foreign namespace", () =>
    Effect.gen(function* () {
      const { one } = yield* setup()
      yield* refused(one, "<get-config/>", "missing-element")
      yield* refused(one, "<get-config><source/></get-config>", "missing-element")
      yield* refused(one, `<get-config><source><running xmlns="urn:x"/></source></get-config>`, "unknown-namespace")
      yield* refused(
        one,
        `<get-config xmlns="urn:x"><source><running/></source></get-config>`,
        "operation-not-supported"
      )
      yield* refused(one, `<no-such-operation/>`, "operation-not-supported")
    })
  )
})

describe("Operations: writing", () => {
  it.effect("edits running and candidate, never startup", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      yield* accepted(one, edit("running", hostname("r1")))
      assert.strictEqual(yield* hostnameOf(one), "r1")
      assert.strictEqual(yield* hostnameOf(one, "candidate"), "r1")
      assert.strictEqual(yield* hostnameOf(one, "startup"), "sim")
      yield* refused(one, edit("startup", hostname("r1")), "unknown-element")
      yield* accepted(one, `<copy-config>${target("startup")}${source("running")}</copy-config>`)
      assert.strictEqual(Element.text(Element.find(device.startup, ["system", "hostname"])!), "r1")
      yield* accepted(one, `<delete-config>${target("startup")}</delete-config>`)
      assert.strictEqual(yield* hostnameOf(one, "startup"), "sim")
    })
  )
  it.effect("refuses to write running without :writable-running", () =>
    Effect.gen(function* () {
      const { one } = yield* setup({ without: [":writable-running"] })
      yield* refused(one, edit("running", hostname("r1")), "unknown-element")
      yield* refused(one, `<copy-config>${target("running")}${source("startup")}</copy-config>`, "unknown-element")
      yield* accepted(one, edit("candidate", hostname("r1")), "<commit/>")
    })
  )
  it.effect("obeys test-option and error-option", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      const before = device.running
      const bad = system("<contact>changed</contact><clock><timezone-utc-offset>x</timezone-utc-offset></clock>")
      const missing = system(
        `<contact>changed</contact><ntp xmlns:nc="${base}"><server nc:operation="delete"><name>zz</name></server></ntp>`
      )
      yield* refused(one, edit("running", bad), "invalid-value")
      yield* refused(one, edit("running", missing, "<error-option>rollback-on-error</error-option>"), "data-missing")
      yield* accepted(one, edit("running", hostname("r1"), "<test-option>test-only</test-option>"))
      yield* refused(one, edit("running", missing, "<test-option>test-only</test-option>"), "data-missing")
      assert.strictEqual(device.running, before)
      yield* refused(one, edit("running", missing), "data-missing")
      assert.include(yield* one.rpc(getConfig()), "<contact>changed</contact>")
      yield* refused(one, edit("running", hostname("x"), "<error-option>hope</error-option>"), "invalid-value")
      yield* refused(one, edit("running", hostname("x"), "<test-option>hope</test-option>"), "invalid-value")
      yield* refused(
        one,
        edit("running", hostname("x"), "<default-operation>delete</default-operation>"),
        "invalid-value"
      )
    })
  )
  it.effect("refuses options whose capability it lacks", () =>
    Effect.gen(function* () {
      const { one } = yield* setup({ without: [":rollback-on-error", ":validate:1.1", ":url"] })
      yield* refused(
        one,
        edit("running", hostname("x"), "<error-option>rollback-on-error</error-option>"),
        "invalid-value"
      )
      yield* refused(one, edit("running", hostname("x"), "<test-option>test-only</test-option>"), "unknown-element")
      yield* refused(one, `<delete-config><target><url>file:///x</url></target></delete-config>`, "unknown-element")
    })
  )
  it.effect("validates running when it is written, the candidate when it is asked to or commits", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      const incomplete = system("<ntp><server><name>b</name><udp><port>123</port></udp></server></ntp>")
      const reply = yield* refused(one, edit("running", incomplete), "missing-element")
      assert.include(reply, "/sys:system/sys:ntp/sys:server[sys:name='b']/sys:udp/sys:address</error-path>")
      assert.include(reply, "<bad-element>address</bad-element>")
      yield* accepted(one, edit("candidate", incomplete))
      yield* refused(one, `<validate>${source("candidate")}</validate>`, "missing-element")
      yield* refused(one, "<commit/>", "missing-element")
      assert.strictEqual(device.commits, 0)
      yield* accepted(one, "<discard-changes/>", `<validate>${source("candidate")}</validate>`)
      yield* refused(
        one,
        `<validate><source><config>${system("<nonsense/>")}</config></source></validate>`,
        "unknown-element"
      )
    })
  )
  it.effect("copies whole configurations between datastores, files and inline", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      const url = "<url>file:///flash/a.xml</url>"
      yield* accepted(one, `<copy-config><target>${url}</target>${source("running")}</copy-config>`)
      assert.include(device.files.get("file:///flash/a.xml"), "<hostname>sim</hostname>")
      yield* accepted(
        one,
        `<copy-config>${target("candidate")}<source><config>${hostname("only")}</config></source></copy-config>`
      )
      assert.notInclude(yield* one.rpc(getConfig("candidate")), "eth0")
      yield* accepted(one, `<copy-config>${target("candidate")}<source>${url}</source></copy-config>`)
      assert.include(yield* one.rpc(getConfig("candidate")), "eth0")
      yield* accepted(one, `<edit-config>${target("candidate")}${url}</edit-config>`)
      yield* accepted(one, `<delete-config><target>${url}</target></delete-config>`)
      yield* refused(one, `<edit-config>${target("candidate")}${url}</edit-config>`, "operation-failed")
      yield* refused(one, `<copy-config>${target("running")}${source("running")}</copy-config>`, "invalid-value")
      yield* refused(
        one,
        `<copy-config><target><url>ftp://x/y</url></target>${source("running")}</copy-config>`,
        "invalid-value"
      )
      yield* refused(one, `<delete-config>${target("running")}</delete-config>`, "invalid-value")
    })
  )
})

describe("Operations: locks and sessions", () => {
  it.effect("denies a lock that is held, naming its holder, and keeps others from writing", () =>
    Effect.gen(function* () {
      const { one, two } = yield* setup()
      yield* accepted(one, lock("running"), lock("candidate"), lock("startup"))
      assert.include(yield* refused(two, lock("running"), "lock-denied"), "<session-id>1</session-id>")
      assert.include(yield* refused(one, lock("running"), "lock-denied"), "<session-id>1</session-id>")
      yield* refused(two, unlock("running"), "lock-denied")
      yield* refused(two, edit("running", hostname("x")), "in-use")
      yield* refused(two, edit("candidate", hostname("x")), "in-use")
      yield* refused(two, "<commit/>", "in-use")
      yield* refused(two, "<discard-changes/>", "in-use")
      yield* refused(two, `<copy-config>${target("startup")}${source("running")}</copy-config>`, "in-use")
      yield* refused(two, `<delete-config>${target("startup")}</delete-config>`, "in-use")
      yield* accepted(one, edit("running", hostname("x")), unlock("running"))
      yield* refused(one, unlock("running"), "operation-failed")
      yield* accepted(two, lock("running"))
    })
  )
  it.effect("refuses to lock a candidate that holds somebody's changes", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup()
      yield* accepted(one, edit("candidate", hostname("x")))
      assert.isTrue(device.candidateIsDirty)
      assert.include(yield* refused(two, lock("candidate"), "lock-denied"), "<session-id>0</session-id>")
      yield* accepted(two, "<discard-changes/>", lock("candidate"))
    })
  )
  it.effect("does not call a candidate changed by an edit that was refused whole", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      yield* refused(one, edit("candidate", system("<nonsense/>")), "unknown-element")
      yield* refused(
        one,
        edit("candidate", system(`<ntp xmlns:x="${base}"><server x:operation="delete"><name>zz</name></server></ntp>`)),
        "data-missing"
      )
      assert.isFalse(device.candidateIsDirty)
    })
  )
  it.effect("discards the candidate's changes when its lock is released", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup()
      yield* accepted(one, lock("candidate"), edit("candidate", hostname("x")), unlock("candidate"))
      assert.isFalse(device.candidateIsDirty)
      yield* accepted(one, lock("candidate"), edit("candidate", hostname("x")), "<close-session/>")
      yield* accepted(two, lock("candidate"))
    })
  )
  it.effect("kills another session, with its locks, and neither itself nor nobody", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup()
      yield* accepted(one, lock("running"))
      const kill = (id: string) => `<kill-session><session-id>${id}</session-id></kill-session>`
      for (const id of ["2", "99", "0", "x"]) yield* refused(two, kill(id), "invalid-value")
      yield* refused(two, "<kill-session/>", "missing-element")
      yield* accepted(two, kill("1"), lock("running"))
      assert.strictEqual((yield* one.ended).by, "peer")
      assert.deepStrictEqual([...device.sessions.keys()], [2])
    })
  )
  it.effect("ignores what comes behind close-session", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      one.send(`<rpc xmlns="${base}" message-id="1"><close-session/></rpc>`)
      one.send(`<rpc xmlns="${base}" message-id="2">${edit("running", hostname("late"))}</rpc>`)
      assert.include(yield* one.next, "<ok/>")
      yield* one.ended
      assert.strictEqual(Element.text(Element.find(device.running, ["system", "hostname"])!), "sim")
    })
  )
  it.effect("lets an operator hold a lock and edit past locks", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      const release = device.lock("running")
      assert.include(yield* refused(one, lock("running"), "lock-denied"), "<session-id>0</session-id>")
      release()
      yield* accepted(one, lock("running"))
      device.edit(hostname("console"))
      assert.strictEqual(yield* hostnameOf(one), "console")
      assert.throws(() => device.edit(`<x xmlns="urn:nobody"/>`))
    })
  )
  it.effect("knows operations and schemas of the test's own", () =>
    Effect.gen(function* () {
      const { one } = yield* setup({
        schemas: { "ietf-system": "module ietf-system { }" },
        operations: {
          "save-config": () => "ok",
          ping: (request) => [Element.make("pong", request.namespace, { children: ["1"] })]
        }
      })
      yield* accepted(one, `<save-config xmlns="urn:x"/>`)
      assert.include(yield* one.rpc(`<ping xmlns="urn:x"/>`), `<pong xmlns="urn:x">1</pong>`)
      const schema = (name: string) =>
        `<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><identifier>${name}</identifier></get-schema>`
      assert.include(yield* one.rpc(schema("ietf-system")), ">module ietf-system { }</data>")
      yield* refused(one, schema("other"), "invalid-value")
    })
  )
})
