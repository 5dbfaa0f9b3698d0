import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { PushOptions } from "../../src/testing/NotificationOptions.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { open, settle } from "./client.ts"
import type { Client } from "./client.ts"
import { all, nameOf, take } from "./notifications.ts"
import { accepted, edit, hostname, refused, system } from "./requests.ts"

const sn = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
const yp = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
const ds = "urn:ietf:params:xml:ns:yang:ietf-datastores"
const systemNamespace = "urn:ietf:params:xml:ns:yang:ietf-system"
const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
const base = "urn:ietf:params:xml:ns:netconf:base:1.0"

const make = (push: PushOptions = {}) =>
  SimulatedDevice.make({
    notifications: {
      standardEvents: false,
      push,
      filters: { sys: { subtree: `<system xmlns="${systemNamespace}"><hostname/></system>` } }
    }
  })

const filtered = (inside: string) => `<yp:datastore-subtree-filter>${inside}</yp:datastore-subtree-filter>`
const systemFilter = filtered(system("<hostname/><location/><contact/>"))
const establish = (inside: string, datastore = "running") =>
  `<establish-subscription xmlns="${sn}" xmlns:yp="${yp}"><yp:datastore xmlns:ds="${ds}">ds:${datastore}</yp:datastore>${inside}</establish-subscription>`
const periodic = (inside: string) => `<yp:periodic>${inside}</yp:periodic>`
const period = (centiseconds: number) => `<yp:period>${centiseconds}</yp:period>`
const onChange = (inside = "") => `<yp:on-change>${inside}</yp:on-change>`
const noSync = "<yp:sync-on-start>false</yp:sync-on-start>"
const dampening = (centiseconds: number) => `<yp:dampening-period>${centiseconds}</yp:dampening-period>`
const modify = (inside: string) =>
  `<modify-subscription xmlns="${sn}" xmlns:yp="${yp}"><id>1</id>${inside}</modify-subscription>`
const resync = (id = 1) => `<resync-subscription xmlns="${yp}"><id>${id}</id></resync-subscription>`
const remove = `<delete-subscription xmlns="${sn}"><id>1</id></delete-subscription>`

const established = (client: Client, request: string) =>
  Effect.map(client.rpc(request), (reply) => assert.match(reply, /<id xmlns="[^"]*">\d+<\/id>/, reply))

const subscribed = (request: string, push: PushOptions = {}) =>
  Effect.gen(function* () {
    const device = yield* make(push)
    const client = yield* open(device.transport)
    yield* established(client, request)
    return { device, client }
  })

const patchIds = (message: string) => /<patch-id>(\d+)</.exec(message)?.[1]
const edits = (message: string) =>
  [...message.matchAll(/<operation>([^<]*)<\/operation><target>([^<]*)<\/target>/g)].map((match) => [
    match[1],
    match[2]
  ])

describe("periodic", () => {
  it.effect("sends the whole selection at once and at every period", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + periodic(period(500))))
      const first = yield* client.next
      assert.include(
        first,
        `<push-update xmlns="${yp}"><id>1</id><datastore-contents><system xmlns="${systemNamespace}"><contact>noc@example.net</contact>` +
          `<hostname>sim</hostname><location>lab</location></system></datastore-contents></push-update>`
      )
      device.edit(hostname("r1"))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* all(client)).length, 1)
      yield* TestClock.adjust("1 second")
      const second = yield* client.next
      assert.include(second, "<hostname>r1</hostname>")
      assert.include(second, "<eventTime>1970-01-01T00:00:05.000Z</eventTime>")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* all(client)).length, 4)
    })
  )

  it.effect("keeps to multiples of the period from the anchor, before or after now", () =>
    Effect.gen(function* () {
      for (const anchor of ["1970-01-01T00:00:03Z", "1970-01-01T01:00:03+00:00", "1969-12-31T23:59:58Z"]) {
        const { client } = yield* subscribed(
          establish(systemFilter + periodic(`${period(500)}<yp:anchor-time>${anchor}</yp:anchor-time>`))
        )
        yield* settle
        const now = yield* Clock.currentTimeMillis
        yield* TestClock.adjust("5 seconds")
        const stamp = /eventTime>([^<]*)</.exec(yield* client.next)![1]!
        assert.strictEqual(Date.parse(stamp) % 5000, 3000)
        assert.isAtMost(Date.parse(stamp), now + 5000)
      }
    })
  )

  it.effect("sends an empty update where nothing is selected", () =>
    Effect.gen(function* () {
      const { client } = yield* subscribed(establish(filtered(`<none xmlns="urn:none"/>`) + periodic(period(100))))
      assert.include(yield* client.next, "<id>1</id><datastore-contents/></push-update>")
    })
  )

  it.effect("stops while suspended, and with its deletion", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + periodic(period(100))))
      device.subscriptions.suspend(1)
      yield* TestClock.adjust("5 seconds")
      device.subscriptions.resume(1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* take(client, 4), [
        "push-update",
        "subscription-suspended",
        "subscription-resumed",
        "push-update"
      ])
      yield* accepted(client, remove)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* all(client)).length, 4)
    })
  )

  it.effect("takes another period and filter", () =>
    Effect.gen(function* () {
      const { client } = yield* subscribed(establish(systemFilter + periodic(period(1000))))
      yield* take(client, 1)
      yield* accepted(client, modify(filtered(system("<location/>")) + periodic(period(100))))
      assert.notInclude(yield* client.next, "hostname")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* all(client)).length, 5)
    })
  )

  it.effect("shows operational with its state, through a filter by name or by XPath", () =>
    Effect.gen(function* () {
      const byPath = `<yp:datastore-xpath-filter xmlns:if="${interfaces}"> /if:interfaces/if:interface[if:name='eth1']/if:oper-status </yp:datastore-xpath-filter>`
      const { client } = yield* subscribed(establish(byPath + periodic(period(100)), "operational"))
      assert.include(
        yield* client.next,
        `<interfaces xmlns="${interfaces}"><interface><name>eth1</name><oper-status>down</oper-status></interface></interfaces>`
      )
      const byName = yield* subscribed(
        establish("<yp:selection-filter-ref>sys</yp:selection-filter-ref>" + periodic(period(100)))
      )
      assert.include(yield* byName.client.next, `<system xmlns="${systemNamespace}"><hostname>sim</hostname></system>`)
    })
  )
})

describe("on-change", () => {
  it.effect("starts with the selection, and goes on with patches that count", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange()))
      assert.strictEqual(nameOf(yield* client.next), "push-update")
      device.edit(hostname("r1"))
      device.edit(system("<ntp><enabled>false</enabled></ntp>"))
      device.edit(hostname("r2"))
      assert.include(
        yield* client.next,
        `<push-change-update xmlns="${yp}"><id>1</id><datastore-changes><yang-patch><patch-id>0</patch-id><edit><edit-id>edit1</edit-id>` +
          `<operation>replace</operation><target>/ietf-system:system/hostname</target><value><hostname xmlns="${systemNamespace}">r1</hostname></value>` +
          `</edit></yang-patch></datastore-changes></push-change-update>`
      )
      assert.strictEqual(patchIds(yield* client.next), "1")
      assert.strictEqual((yield* all(client)).length, 3)
    })
  )

  it.effect("names created and deleted nodes by RESTCONF paths, percent-encoded", () =>
    Effect.gen(function* () {
      const filter = filtered(`<interfaces xmlns="${interfaces}"/>`)
      const { client, device } = yield* subscribed(establish(filter + onChange(noSync)))
      const ip = "urn:ietf:params:xml:ns:yang:ietf-ip"
      const one = (name: string, inside = "", operation = "") =>
        `<interfaces xmlns="${interfaces}"><interface xmlns:nc="${base}"${operation}><name>${name}</name>${inside}</interface></interfaces>`
      device.edit(one("ge-0/0/1,x"))
      device.edit(one("eth0", `<ipv4 xmlns="${ip}"><mtu>9000</mtu></ipv4>`))
      device.edit(one("eth1", "", ` nc:operation="delete"`))
      const created = yield* client.next
      assert.deepStrictEqual(edits(created), [["create", "/ietf-interfaces:interfaces/interface=ge-0%2F0%2F1%2Cx"]])
      assert.include(created, `<value><interface xmlns="${interfaces}"><name>ge-0/0/1,x</name></interface></value>`)
      assert.deepStrictEqual(edits(yield* client.next), [
        ["replace", "/ietf-interfaces:interfaces/interface=eth0/ietf-ip:ipv4/mtu"]
      ])
      const deleted = yield* client.next
      assert.deepStrictEqual(edits(deleted), [["delete", "/ietf-interfaces:interfaces/interface=eth1"]])
      assert.notInclude(deleted, "<value>")
    })
  )

  it.effect("dampens: what changed during the period is told at its end, as it is then", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(dampening(1000) + noSync)))
      device.edit(hostname("r1"))
      assert.strictEqual(patchIds(yield* client.next), "0")
      device.edit(hostname("r2"))
      device.edit(system("<location>x</location>"))
      device.edit(system("<location>lab</location>"))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* all(client)).length, 1)
      yield* TestClock.adjust("1 second")
      const second = yield* client.next
      assert.strictEqual(patchIds(second), "1")
      assert.include(second, "r2</hostname>")
      // It returned to what it was, and is told of all the same: churn is to be seen.
      assert.include(second, "lab</location>")
      yield* TestClock.adjust("10 seconds")
      device.edit(hostname("r3"))
      assert.include(yield* client.next, "r3</hostname>")
    })
  )

  it.effect("leaves out excluded changes, and sends no empty patch", () =>
    Effect.gen(function* () {
      const excluded = "<yp:excluded-change>replace</yp:excluded-change><yp:excluded-change>delete</yp:excluded-change>"
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(noSync + excluded)))
      device.edit(hostname("r1"))
      device.edit(`<system xmlns="${systemNamespace}"><location xmlns:nc="${base}" nc:operation="delete"/></system>`)
      device.edit(system("<location>new</location>"))
      assert.deepStrictEqual(edits(yield* client.next), [["create", "/ietf-system:system/location"]])
      assert.strictEqual((yield* all(client)).length, 1)
    })
  )

  it.effect("sees every way of changing a datastore: commit, edit, rollback", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(noSync)))
      const other = yield* open(device.transport)
      yield* accepted(other, edit("candidate", hostname("r1")))
      yield* accepted(other, "<commit><confirmed/><confirm-timeout>10</confirm-timeout></commit>")
      assert.include(yield* client.next, "r1</hostname>")
      yield* TestClock.adjust("10 seconds")
      assert.include(yield* client.next, "sim</hostname>")
    })
  )

  it.effect("resyncs on request, and counts anew", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(noSync)))
      device.edit(hostname("r1"))
      device.edit(hostname("r2"))
      yield* take(client, 2)
      yield* accepted(client, resync())
      assert.include(yield* client.next, "<hostname>r2</hostname>")
      device.edit(hostname("r3"))
      assert.strictEqual(patchIds(yield* client.next), "0")
      const missing = yield* refused(client, resync(7), "invalid-value")
      assert.include(missing, "ietf-yang-push:no-such-subscription-resync")
    })
  )

  it.effect("tells after a suspension what has changed since the last update", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(noSync)))
      device.subscriptions.suspend(1)
      device.edit(hostname("r1"))
      device.edit(hostname("r2"))
      device.subscriptions.resume(1)
      yield* take(client, 2)
      const update = yield* client.next
      assert.deepStrictEqual(edits(update), [["replace", "/ietf-system:system/hostname"]])
      assert.include(update, "r2</hostname>")
    })
  )

  it.effect("can lose changes and say so, and can jump", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange(dampening(100) + noSync)))
      device.edit(hostname("r1"))
      yield* take(client, 1)
      device.edit(hostname("r2"))
      device.subscriptions.loseChanges(1)
      device.edit(system("<location>x</location>"))
      yield* TestClock.adjust("1 second")
      const update = yield* client.next
      assert.deepStrictEqual(edits(update), [["replace", "/ietf-system:system/location"]])
      assert.include(update, "<incomplete-update/></push-change-update>")
      yield* TestClock.adjust("1 second")
      device.subscriptions.skipPatchId(1)
      device.edit(hostname("r3"))
      const jumped = yield* client.next
      assert.strictEqual(patchIds(jumped), "3")
      assert.notInclude(jumped, "incomplete-update")
    })
  )

  it.effect("starts anew with another filter", () =>
    Effect.gen(function* () {
      const { client, device } = yield* subscribed(establish(systemFilter + onChange()))
      yield* take(client, 1)
      yield* accepted(client, modify(filtered(system("<location/>")) + onChange()))
      assert.notInclude(yield* client.next, "hostname")
      device.edit(hostname("r1"))
      device.edit(system("<location>x</location>"))
      assert.deepStrictEqual(edits(yield* client.next), [["replace", "/ietf-system:system/location"]])
    })
  )

  it.effect("leaves out what is not notifiable", () =>
    Effect.gen(function* () {
      const filter = filtered(`<interfaces xmlns="${interfaces}"><interface><name>eth0</name></interface></interfaces>`)
      const { client } = yield* subscribed(establish(filter + onChange(), "operational"))
      const update = yield* client.next
      assert.include(update, "<oper-status>up</oper-status>")
      assert.notInclude(update, "statistics")
    })
  )
})

describe("refusals", () => {
  const cases: ReadonlyArray<
    readonly [what: string, request: string, push: PushOptions, tag: string, identity: string, info: string]
  > = [
    [
      "a datastore that cannot be subscribed to",
      establish(onChange(), "candidate"),
      {},
      "invalid-value",
      "datastore-not-subscribable",
      "<reason>datastore-not-subscribable</reason>"
    ],
    [
      "a period that is too short",
      establish(periodic(period(10))),
      { minimumPeriod: 100 },
      "invalid-value",
      "period-unsupported",
      "<reason>period-unsupported</reason><period-hint>100</period-hint>"
    ],
    [
      "a dampening-period that is too short",
      establish(onChange()),
      { minimumDampening: 50 },
      "invalid-value",
      "period-unsupported",
      "<period-hint>50</period-hint>"
    ],
    [
      "on-change where there is none",
      establish(onChange()),
      { onChange: false },
      "operation-not-supported",
      "on-change-unsupported",
      "<reason>on-change-unsupported</reason>"
    ],
    [
      "on-change of what is not notifiable",
      establish(
        filtered(`<interfaces xmlns="${interfaces}"><interface><statistics/></interface></interfaces>`) + onChange(),
        "operational"
      ),
      {},
      "operation-not-supported",
      "on-change-unsupported",
      "<filter-failure-hint>not on change: interfaces/interface/statistics</filter-failure-hint>"
    ],
    [
      "a change that cannot be excluded",
      establish(onChange("<yp:excluded-change>delete</yp:excluded-change>")),
      { excludable: ["create"] },
      "operation-not-supported",
      "cant-exclude",
      "<reason>cant-exclude</reason>"
    ],
    [
      "an update that is too big",
      establish(systemFilter + periodic(period(100))),
      { maxNodes: 3 },
      "too-big",
      "update-too-big",
      "<object-count-estimate>4</object-count-estimate><object-count-limit>3</object-count-limit>"
    ],
    [
      "a start that is too big",
      establish(onChange()),
      { maxNodes: 3 },
      "too-big",
      "sync-too-big",
      "<object-count-limit>3"
    ],
    [
      "a filter that selects nothing",
      establish(filtered(`<none xmlns="urn:none"/>`) + onChange()),
      { refusesEmptySelection: true },
      "operation-failed",
      "unchanging-selection",
      "<reason>unchanging-selection</reason>"
    ],
    [
      "a filter that is none",
      establish("<yp:datastore-xpath-filter>]</yp:datastore-xpath-filter>" + onChange()),
      {},
      "invalid-value",
      "filter-unsupported",
      `<reason xmlns:sn="${sn}">sn:filter-unsupported</reason><filter-failure-hint>`
    ]
  ]
  for (const [what, request, push, tag, identity, info] of cases) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const client = yield* open((yield* make(push)).transport)
        const reply = yield* refused(client, request, tag)
        assert.match(reply, new RegExp(`error-app-tag>ietf-[a-z-]+:${identity}<`))
        assert.include(reply, `<establish-subscription-datastore-error-info xmlns="${yp}">`)
        assert.include(reply, info)
      })
    )
  }

  it.effect("leaves a subscription as it was when modify is refused, with hints", () =>
    Effect.gen(function* () {
      const { client } = yield* subscribed(establish(systemFilter + periodic(period(500))), { minimumPeriod: 300 })
      yield* take(client, 1)
      const reply = yield* refused(client, modify(periodic(period(100))), "invalid-value")
      assert.include(
        reply,
        `<modify-subscription-datastore-error-info xmlns="${yp}"><reason>period-unsupported</reason><period-hint>300</period-hint>`
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* take(client, 1), ["push-update"])
    })
  )

  it.effect("does not resync what is periodic", () =>
    Effect.gen(function* () {
      const { client } = yield* subscribed(establish(systemFilter + periodic(period(500))))
      yield* take(client, 1)
      assert.include(yield* refused(client, resync(), "operation-not-supported"), "on-change-sync-unsupported")
    })
  )

  it.effect("needs a trigger, one of them, with sound values", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make()).transport)
      yield* refused(client, establish(periodic(period(100))).replace(ds, "urn:other"), "invalid-value")
      yield* refused(client, establish(""), "missing-element")
      yield* refused(client, establish(periodic("")), "missing-element")
      yield* refused(client, establish(periodic(period(1)) + onChange()), "bad-element")
      yield* refused(client, establish(periodic("<yp:period>-1</yp:period>")), "invalid-value")
      yield* refused(client, establish(onChange("<yp:excluded-change>x</yp:excluded-change>")), "invalid-value")
    })
  )
})

describe("capabilities of RFC 9196", () => {
  it.effect("say what can be pushed, and which nodes not on change", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make({ minimumPeriod: 100, maxNodes: 50 })).transport)
      const reply = yield* client.rpc(
        `<get><filter><system-capabilities xmlns="urn:ietf:params:xml:ns:yang:ietf-system-capabilities"/></filter></get>`
      )
      assert.match(reply, /<datastore xmlns:ds="[^"]*ietf-datastores">ds:operational<\/datastore>/)
      assert.match(
        reply,
        /<node-selector xmlns:if="[^"]*">\/if:interfaces\/if:interface\/if:statistics<\/node-selector>/
      )
      assert.match(reply, /<on-change-supported\/>|<on-change-supported><\/on-change-supported>/)
      assert.include(reply, "<max-nodes-per-update>50</max-nodes-per-update>")
      assert.include(reply, "<minimum-update-period>100</minimum-update-period>")
      assert.include(reply, "<on-change-supported>config-changes state-changes</on-change-supported>")
      assert.include(reply, "<supported-excluded-change-type>all</supported-excluded-change-type>")
    })
  )
})
