import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Dialects from "../../src/testing/Dialects.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { base, open, settle } from "./client.ts"
import type { Client } from "./client.ts"
import { all, create, event, events, nameOf, take } from "./notifications.ts"
import { accepted, refused } from "./requests.ts"

const namespace = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
const make = (notifications: SimulatedDevice.NotificationOptions = {}, dialect = {}) =>
  SimulatedDevice.make({ dialect, notifications: { standardEvents: false, ...notifications } })

const rpc = (name: string, inside: string) => `<${name} xmlns="${namespace}">${inside}</${name}>`
const establish = (inside = "", stream = "NETCONF") =>
  rpc("establish-subscription", `<stream>${stream}</stream>${inside}`)
const id = (n: number) => `<id>${n}</id>`
const modify = (n: number, inside = "") => rpc("modify-subscription", `${id(n)}${inside}`)
const remove = (n: number) => rpc("delete-subscription", id(n))
const kill = (n: number) => rpc("kill-subscription", id(n))
const subtree = (name: string) => `<stream-subtree-filter><${name} xmlns="${events}"/></stream-subtree-filter>`
const at = (second: number) => new Date(second * 1000).toISOString()

const established = (client: Client, request = establish()) =>
  Effect.map(client.rpc(request), (reply) => {
    const given = /<id xmlns="[^"]*ietf-subscribed-notifications">(\d+)<\/id>/.exec(reply)
    assert.isNotNull(given, reply)
    return Number(given[1])
  })

const appTag = (reply: string) => /error-app-tag>([^<]*)</.exec(reply)?.[1]

describe("establish-subscription", () => {
  it.effect("answers with an id, and sends events behind it", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      device.notify(event("early"))
      const reply = yield* client.rpc(establish())
      assert.strictEqual(
        reply,
        `<rpc-reply xmlns="${base}" message-id="101"><id xmlns="${namespace}">1</id></rpc-reply>`
      )
      device.notify(event("a"))
      assert.deepStrictEqual(yield* all(client), ["a"])
      assert.notInclude(client.received(), "subscription-started")
    })
  )

  it.effect("takes filters by subtree, by XPath with the prefixes of its element, and by name", () =>
    Effect.gen(function* () {
      const device = yield* make({
        filters: { ups: { xpath: "/e:up", prefixes: { e: events } }, downs: { subtree: `<down xmlns="${events}"/>` } }
      })
      const clients: Array<Client> = []
      for (const filter of [
        subtree("up"),
        `<stream-xpath-filter xmlns:ex="${events}">\n  /ex:up[ex:port='1']\n</stream-xpath-filter>`,
        "<stream-filter-name>ups</stream-filter-name>",
        "<stream-filter-name>downs</stream-filter-name>"
      ]) {
        const client = yield* open(device.transport)
        yield* established(client, establish(filter))
        clients.push(client)
      }
      device.notify(event("up", "<port>1</port>"))
      device.notify(event("up", "<port>2</port>"))
      device.notify(event("down"))
      const received = yield* Effect.forEach(clients, all)
      assert.deepStrictEqual(received, [["up", "up"], ["up"], ["up", "up"], ["down"]])
    })
  )

  it.effect("serves several on one session, without saying whose an event is", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const first = yield* established(client, establish(subtree("up")))
      const second = yield* established(client)
      assert.notStrictEqual(first, second)
      device.notify(event("up"))
      assert.deepStrictEqual(yield* take(client, 2), ["up", "up"])
      yield* accepted(client, remove(second))
      device.notify(event("down"))
      assert.deepStrictEqual(yield* all(client), ["up", "up"])
    })
  )

  it.effect("replays, says where the log begins, and marks the end of the replay", () =>
    Effect.gen(function* () {
      const device = yield* make({ logSize: 2 })
      for (const name of ["a", "b", "c"]) {
        device.notify(event(name))
        yield* TestClock.adjust("1 second")
      }
      const client = yield* open(device.transport)
      const reply = yield* client.rpc(establish(`<replay-start-time>${at(-5)}</replay-start-time>`))
      assert.include(reply, `<replay-start-time-revision xmlns="${namespace}">${at(0)}</replay-start-time-revision>`)
      device.notify(event("d"))
      assert.deepStrictEqual(yield* take(client, 4), ["b", "c", "replay-completed", "d"])
    })
  )

  it.effect("has no revision where the log goes back far enough", () =>
    Effect.gen(function* () {
      const device = yield* make()
      yield* TestClock.adjust("1 second")
      const client = yield* open(device.transport)
      const reply = yield* client.rpc(establish(`<replay-start-time>${at(0.5)}</replay-start-time>`))
      assert.notInclude(reply, "revision")
      assert.include(yield* client.next, `<replay-completed xmlns="${namespace}"><id>1</id></replay-completed>`)
    })
  )

  it.effect("completes at stop-time, with and without replay", () =>
    Effect.gen(function* () {
      const device = yield* make()
      device.notify(event("a"))
      yield* TestClock.adjust("10 seconds")
      const past = yield* open(device.transport)
      const replay = `<replay-start-time>${at(0)}</replay-start-time>`
      yield* established(past, establish(`${replay}<stop-time>${at(5)}</stop-time>`))
      assert.deepStrictEqual(yield* take(past, 3), ["a", "replay-completed", "subscription-completed"])
      const future = yield* open(device.transport)
      const n = yield* established(future, establish(`<stop-time>${at(20)}</stop-time>`))
      device.notify(event("b"))
      yield* TestClock.adjust("10 seconds")
      yield* settle
      device.notify(event("c"))
      assert.deepStrictEqual(yield* take(future, 2), ["b", "subscription-completed"])
      assert.include(yield* refused(future, remove(n), "invalid-value"), "no-such-subscription")
    })
  )

  it.effect("refuses by identity, with the error-tag of RFC 8640 §7 and hints in their structure", () =>
    Effect.gen(function* () {
      const device = yield* make({ streams: [{ name: "live", replay: false }], maxSubscriptions: 1 })
      yield* TestClock.adjust("10 seconds")
      const client = yield* open(device.transport)
      const no = (request: string, ...tags: ReadonlyArray<string>) => refused(client, request, ...tags)
      const filter = yield* no(establish("<stream-xpath-filter>/x:y</stream-xpath-filter>"), "invalid-value")
      assert.strictEqual(appTag(filter), "ietf-subscribed-notifications:filter-unsupported")
      assert.include(
        filter,
        `<establish-subscription-stream-error-info xmlns="${namespace}"><reason>filter-unsupported</reason><filter-failure-hint>`
      )
      const encoding = yield* no(establish("<encoding>encode-json</encoding>"), "invalid-value")
      assert.strictEqual(appTag(encoding), "ietf-subscribed-notifications:encoding-unsupported")
      const dscp = yield* no(establish("<dscp>10</dscp>"), "invalid-value")
      assert.strictEqual(appTag(dscp), "ietf-subscribed-notifications:dscp-unavailable")
      const replay = `<replay-start-time>${at(5)}</replay-start-time>`
      const unsupported = yield* no(establish(replay, "live"), "operation-not-supported")
      assert.strictEqual(appTag(unsupported), "ietf-subscribed-notifications:replay-unsupported")
      yield* no(establish("", "none"), "invalid-value")
      yield* no(establish(`<replay-start-time>${at(10)}</replay-start-time>`), "invalid-value")
      yield* no(establish(`${replay}<stop-time>${at(5)}</stop-time>`), "invalid-value")
      yield* no(establish(`<stop-time>${at(10)}</stop-time>`), "invalid-value")
      yield* no(establish("<stream-filter-name>none</stream-filter-name>"), "data-missing")
      yield* no(establish(subtree("a") + subtree("b")), "bad-element")
      yield* no(rpc("establish-subscription", ""), "missing-element")
      yield* established(client, establish("<encoding>encode-xml</encoding>"))
      const full = yield* no(establish(), "resource-denied")
      assert.strictEqual(appTag(full), "ietf-subscribed-notifications:insufficient-resources")
    })
  )

  it.effect("refuses with operation-failed where the dialect says so", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make({}, { subscriptionErrorTag: "operation-failed" })).transport)
      const reply = yield* refused(client, remove(1), "operation-failed")
      assert.strictEqual(appTag(reply), "ietf-subscribed-notifications:no-such-subscription")
    })
  )

  it.effect("never shares a session with create-subscription", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const one = yield* open(device.transport)
      yield* accepted(one, create())
      yield* refused(one, establish(), "operation-not-supported")
      const other = yield* open(device.transport)
      yield* established(other)
      yield* refused(other, create(), "operation-not-supported")
    })
  )

  it.effect("is unknown to a device without the module", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* SimulatedDevice.make({ without: [namespace] })).transport)
      assert.notInclude(client.hello, "subscribed-notifications")
      yield* refused(client, establish(), "operation-not-supported")
    })
  )
})

describe("a device that lists modules of YANG 1.1 in its library alone", () => {
  it.effect("does not name them in its hello, and serves them", () =>
    Effect.gen(function* () {
      const device = yield* make({}, Dialects.yangLibrary)
      const client = yield* open(device.transport)
      assert.notInclude(client.hello, "subscribed-notifications")
      assert.notInclude(client.hello, "yang-push")
      assert.include(client.hello, "yang-library:1.1?revision=2019-01-04&amp;content-id=1")
      assert.include(
        yield* client.rpc("<get/>"),
        `<module><name>ietf-yang-push</name><revision>2019-09-09</revision><namespace>urn:ietf:params:xml:ns:yang:ietf-yang-push</namespace><feature>on-change</feature></module>`
      )
      yield* established(client)
    })
  )
})

describe("modify, delete and kill", () => {
  it.effect("let modify restate the filter, and widen it when it is left out", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const n = yield* established(client, establish(subtree("up")))
      const send = () => ["up", "down", "flap"].forEach((name) => device.notify(event(name)))
      yield* accepted(client, modify(n, subtree("down")))
      send()
      assert.deepStrictEqual(yield* take(client, 1), ["down"])
      yield* accepted(client, modify(n))
      send()
      assert.deepStrictEqual(yield* take(client, 3), ["up", "down", "flap"])
    })
  )

  it.effect("leave a subscription as it was when modify is refused", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const n = yield* established(client, establish(subtree("up")))
      const reply = yield* refused(client, modify(n, "<stream-xpath-filter>up</stream-xpath-filter>"), "invalid-value")
      assert.include(reply, "<modify-subscription-stream-error-info")
      device.notify(event("down"))
      device.notify(event("up"))
      assert.deepStrictEqual(yield* take(client, 1), ["up"])
    })
  )

  it.effect("keep another session's subscriptions out of reach, but for kill", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const owner = yield* open(device.transport)
      const n = yield* established(owner)
      const other = yield* open(device.transport)
      yield* refused(other, remove(n), "invalid-value")
      yield* refused(other, modify(n), "invalid-value")
      assert.strictEqual(device.subscriptions.all().length, 1)
      yield* accepted(other, kill(n))
      const message = yield* owner.next
      assert.include(
        message,
        `<subscription-terminated xmlns="${namespace}"><id>${n}</id><reason>no-such-subscription</reason></subscription-terminated>`
      )
      yield* refused(other, kill(n), "invalid-value")
      device.notify(event("a"))
      assert.deepStrictEqual(yield* all(owner), ["subscription-terminated"])
      assert.deepStrictEqual(yield* all(other), [])
    })
  )

  it.effect("send nothing more behind a delete, but for a device that terminates what is deleted", () =>
    Effect.gen(function* () {
      for (const [dialect, expected] of [
        [{}, []],
        [{ deletedSubscription: "terminated" }, ["subscription-terminated"]]
      ] as const) {
        const device = yield* make({}, dialect)
        const client = yield* open(device.transport)
        yield* established(client)
        client.send(`<rpc xmlns="${base}" message-id="7">${remove(1)}</rpc>`)
        yield* settle
        device.notify(event("late"))
        assert.deepStrictEqual(yield* all(client), expected)
        assert.deepStrictEqual(device.subscriptions.all(), [])
      }
    })
  )

  it.effect("end with the session", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      yield* established(client)
      device.sessions.get(1)!.cut()
      yield* settle
      assert.deepStrictEqual(device.subscriptions.all(), [])
    })
  )
})

describe("state changes", () => {
  it.effect("suspend and resume, and lose what happened between", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const n = yield* established(client)
      device.subscriptions.suspend(n, "unsupportable-volume")
      device.notify(event("lost"))
      device.subscriptions.resume(n)
      device.notify(event("a"))
      assert.include(yield* client.next, `<id>${n}</id><reason>unsupportable-volume</reason></subscription-suspended>`)
      assert.deepStrictEqual(yield* take(client, 2), ["subscription-resumed", "a"])
    })
  )

  it.effect("return to active by a modify, whose ok says it", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const n = yield* established(client)
      device.subscriptions.suspend(n)
      yield* take(client, 1)
      yield* accepted(client, modify(n))
      device.notify(event("a"))
      assert.deepStrictEqual(yield* take(client, 1), ["a"])
      assert.notInclude(client.received(), "subscription-resumed")
    })
  )

  it.effect("tell of a named filter that changes, and of one that is gone", () =>
    Effect.gen(function* () {
      const device = yield* make({ filters: { f: { subtree: `<up xmlns="${events}"/>` } } })
      const client = yield* open(device.transport)
      const n = yield* established(client, establish("<stream-filter-name>f</stream-filter-name>"))
      device.setFilter("f", { subtree: `<down xmlns="${events}"/>` })
      const modified = yield* client.next
      assert.strictEqual(nameOf(modified), "subscription-modified")
      assert.include(
        modified,
        `<id>${n}</id><stream-subtree-filter><down xmlns="${events}"/></stream-subtree-filter><stream>NETCONF</stream>`
      )
      device.notify(event("up"))
      device.notify(event("down"))
      assert.deepStrictEqual(yield* take(client, 1), ["down"])
      device.setFilter("f", undefined)
      assert.include(yield* client.next, "<reason>filter-unavailable</reason>")
    })
  )

  it.effect("terminate for a reason of the device's", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const n = yield* established(client)
      device.subscriptions.terminate(n, "suspension-timeout")
      assert.include(yield* client.next, "<reason>suspension-timeout</reason>")
      assert.throws(() => device.subscriptions.suspend(n), /no subscription/)
    })
  )
})

describe("state data", () => {
  it.effect("lists streams, filters and subscriptions", () =>
    Effect.gen(function* () {
      const device = yield* make({ logSize: 1, filters: { f: { subtree: `<up xmlns="${events}"/>` } } })
      const client = yield* open(device.transport)
      yield* established(client, establish(subtree("up")))
      device.notify(event("a"))
      device.notify(event("b"))
      const reply = yield* client.rpc("<get/>")
      assert.include(
        reply,
        `<streams xmlns="${namespace}"><stream><name>NETCONF</name><description>default event stream</description><replay-support/>` +
          `<replay-log-creation-time>${at(0)}</replay-log-creation-time><replay-log-aged-time>${at(0)}</replay-log-aged-time></stream></streams>`
      )
      assert.include(reply, `<filters xmlns="${namespace}"><stream-filter><name>f</name><stream-subtree-filter><up`)
      assert.include(
        reply,
        `<subscription><id>1</id><stream-subtree-filter><up xmlns="${events}"/></stream-subtree-filter>`
      )
    })
  )
})
