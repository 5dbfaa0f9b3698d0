import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { Client } from "./client.ts"
import { open, settle } from "./client.ts"
import { all, create, nameOf } from "./notifications.ts"
import { accepted, edit, hostname, hostnameOf, lock, system } from "./requests.ts"

const namespace = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"

/** A session that is told of these events, and another that causes them. */
const pair = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const listener = yield* open(device.transport)
    yield* accepted(listener, create())
    const operator = yield* open(device.transport)
    return { device, listener, operator }
  })

const next = (client: Client, name: string) =>
  Effect.map(client.next, (message) => {
    assert.strictEqual(nameOf(message), name, message)
    return message
  })

const started = (listener: Client) => next(listener, "netconf-session-start")

describe("sessions", () => {
  it.effect("are announced with user and session, and an address only where it is one", () =>
    Effect.gen(function* () {
      const { listener } = yield* pair()
      const message = yield* started(listener)
      const whole = `<netconf-session-start xmlns="${namespace}"><username>memory</username><session-id>2</session-id></netconf-session-start>`
      assert.include(message, whole)
    })
  )

  it.effect("end with their reason, and with who killed them", () =>
    Effect.gen(function* () {
      const { device, listener, operator } = yield* pair()
      yield* started(listener)
      yield* accepted(operator, "<close-session/>")
      assert.include(yield* next(listener, "netconf-session-end"), "<termination-reason>closed</termination-reason>")
      yield* open(device.transport)
      yield* started(listener)
      device.sessions.get(3)!.cut()
      assert.include(yield* next(listener, "netconf-session-end"), "<termination-reason>dropped</termination-reason>")
      yield* open(device.transport)
      yield* started(listener)
      yield* open(device.transport).pipe(
        Effect.tap((killer) => accepted(killer, "<kill-session><session-id>4</session-id></kill-session>"))
      )
      yield* started(listener)
      const killed = yield* next(listener, "netconf-session-end")
      assert.include(
        killed,
        "<session-id>4</session-id><killed-by>5</killed-by><termination-reason>killed</termination-reason>"
      )
      const bad = yield* open(device.transport, [])
      bad.sendBytes("<hello/>]]>]]>")
      assert.include(yield* next(listener, "netconf-session-end"), "<termination-reason>bad-hello</termination-reason>")
    })
  )
})

describe("netconf-config-change", () => {
  it.effect("says who changed which nodes of running", () =>
    Effect.gen(function* () {
      const { listener, operator } = yield* pair()
      yield* started(listener)
      yield* accepted(
        operator,
        edit("running", hostname("r1")),
        edit("running", `<interfaces xmlns="${interfaces}"><interface><name>eth2</name></interface></interfaces>`),
        edit(
          "running",
          `<interfaces xmlns="${interfaces}"><interface xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>eth1</name></interface></interfaces>`
        )
      )
      const first = yield* next(listener, "netconf-config-change")
      assert.include(first, "<changed-by><username>memory</username><session-id>2</session-id></changed-by>")
      assert.include(first, "<datastore>running</datastore>")
      assert.match(first, /<edit><target xmlns:sys="[^"]*ietf-system">\/sys:system\/sys:hostname<\/target>/)
      assert.include(first, "<operation>merge</operation></edit>")
      const second = yield* next(listener, "netconf-config-change")
      assert.include(second, "/if:interfaces/if:interface[if:name='eth2']</target><operation>create</operation>")
      const third = yield* next(listener, "netconf-config-change")
      assert.include(third, "/if:interfaces/if:interface[if:name='eth1']</target><operation>delete</operation>")
    })
  )

  it.effect("tells of commits, of startup, and of the console, and not of what changes nothing", () =>
    Effect.gen(function* () {
      const { device, listener, operator } = yield* pair()
      yield* started(listener)
      yield* accepted(operator, edit("candidate", hostname("sim")), edit("candidate", system("<location>x</location>")))
      yield* accepted(operator, "<commit/>")
      const committed = yield* next(listener, "netconf-config-change")
      assert.include(committed, "/sys:system/sys:location</target>")
      assert.strictEqual(committed.split("<edit>").length, 2)
      yield* accepted(
        operator,
        "<copy-config><target><startup/></target><source><running/></source></copy-config>",
        edit("running", system("<location>x</location>"))
      )
      assert.include(yield* next(listener, "netconf-config-change"), "<datastore>startup</datastore>")
      device.edit(system("<contact>me</contact>"))
      assert.include(
        yield* next(listener, "netconf-config-change"),
        "<changed-by><username>console</username><session-id>0</session-id></changed-by>"
      )
    })
  )
})

describe("netconf-confirmed-commit", () => {
  const confirmed = (parameters = "") => `<commit><confirmed/>${parameters}</commit>`

  it.effect("tells start, extend, and complete", () =>
    Effect.gen(function* () {
      const { listener, operator } = yield* pair()
      yield* started(listener)
      yield* accepted(operator, edit("candidate", hostname("r1")))
      yield* accepted(operator, confirmed("<confirm-timeout>60</confirm-timeout>"), confirmed(), "<commit/>")
      yield* next(listener, "netconf-config-change")
      const start = yield* next(listener, "netconf-confirmed-commit")
      assert.include(
        start,
        "<username>memory</username><session-id>2</session-id><confirm-event>start</confirm-event><timeout>60</timeout>"
      )
      const extend = yield* next(listener, "netconf-confirmed-commit")
      assert.include(extend, "<confirm-event>extend</confirm-event><timeout>600</timeout>")
      assert.include(yield* next(listener, "netconf-confirmed-commit"), "<confirm-event>complete</confirm-event></")
    })
  )

  it.effect("tells timeout without a user, and a rollback by the server", () =>
    Effect.gen(function* () {
      const { listener, operator } = yield* pair()
      yield* accepted(operator, edit("candidate", hostname("r1")), confirmed("<confirm-timeout>60</confirm-timeout>"))
      for (const name of ["netconf-session-start", "netconf-config-change", "netconf-confirmed-commit"]) {
        yield* next(listener, name)
      }
      yield* TestClock.adjust("60 seconds")
      assert.include(yield* next(listener, "netconf-config-change"), "<changed-by><server/></changed-by>")
      assert.include(
        yield* next(listener, "netconf-confirmed-commit"),
        `<netconf-confirmed-commit xmlns="${namespace}"><confirm-event>timeout</confirm-event></netconf-confirmed-commit>`
      )
      assert.strictEqual(yield* hostnameOf(operator), "sim")
    })
  )

  it.effect("tells cancel, by the operation and by the end of the session", () =>
    Effect.gen(function* () {
      for (const ending of ["<cancel-commit/>", "<close-session/>"]) {
        const { listener, operator } = yield* pair()
        yield* accepted(operator, edit("candidate", hostname("r1")), confirmed(), ending)
        yield* settle
        for (const name of ["netconf-session-start", "netconf-config-change", "netconf-confirmed-commit"]) {
          yield* next(listener, name)
        }
        yield* next(listener, "netconf-config-change")
        assert.include(yield* next(listener, "netconf-confirmed-commit"), "<confirm-event>cancel</confirm-event>")
      }
    })
  )
})

describe("netconf-capability-change", () => {
  it.effect("tells added, deleted and modified, and new sessions hear them in the hello", () =>
    Effect.gen(function* () {
      const { device, listener } = yield* pair({ extraCapabilities: ["urn:x?revision=1"] })
      yield* started(listener)
      device.changeCapabilities({ add: ["urn:y", "urn:x?revision=2"], remove: [":url"] })
      const message = yield* next(listener, "netconf-capability-change")
      assert.include(message, "<changed-by><server/></changed-by><added-capability>urn:y</added-capability>")
      assert.include(message, "<modified-capability>urn:x?revision=2</modified-capability>")
      assert.match(message, /<deleted-capability>[^<]*:url:1.0\?scheme=file<\/deleted-capability>/)
      const { hello } = yield* open(device.transport)
      assert.include(hello, "urn:x?revision=2")
      assert.notInclude(hello, "urn:x?revision=1")
      assert.notInclude(hello, "capability:url")
    })
  )
})

describe("standardEvents", () => {
  it.effect("can be switched off, all or some", () =>
    Effect.gen(function* () {
      for (const [standardEvents, expected] of [
        [false, []],
        [["netconf-config-change"], ["netconf-config-change"]]
      ] as const) {
        const { listener, operator } = yield* pair({ notifications: { standardEvents } })
        yield* accepted(operator, lock("running"), edit("running", hostname("r1")), "<close-session/>")
        assert.deepStrictEqual(yield* all(listener), expected)
      }
    })
  )
})
