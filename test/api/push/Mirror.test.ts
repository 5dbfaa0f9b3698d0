/** `Push.mirror`: a tree that follows the device, whatever gets lost on the way (docs/yang-push.md). */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import * as Push from "../../../src/api/Push.ts"
import { ChannelError, InputError, RpcError, SubscriptionTerminatedError } from "../../../src/errors.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import * as Element from "../../../src/xml/Element.ts"
import { settle } from "../../rpc/peer.ts"
import { anInterface, hostname, nc, open, requests, system, withoutInterface } from "./device.ts"

type Device = SimulatedDevice.SimulatedDevice

/** What a tree means: entries of lists in any order, which is the device's own. */
const meaning = (element: Element.Element): unknown => {
  const inside = Element.elements(element).map(meaning)
  const content = inside.length === 0 ? Element.text(element) : inside.map((each) => JSON.stringify(each)).sort()
  return [element.namespace, element.name, content]
}

const isMirrored = (mirror: Push.Mirror, device: Device) =>
  Effect.map(SubscriptionRef.get(mirror.tree), (tree) => {
    assert.isDefined(tree)
    assert.deepStrictEqual(
      meaning({ ...tree!, namespace: "", name: "data" }),
      meaning({ ...device.running, namespace: "", name: "data" })
    )
  })

const mirrored = (options: Partial<Push.MirrorOptions> = {}, ofDevice: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const { device, session } = yield* open(ofDevice)
    const mirror = yield* Push.mirror(session, { datastore: "running", ...options })
    yield* mirror.first
    return { device, session, mirror }
  })

const tagOf = (mirror: Push.Mirror) => SubscriptionRef.getUnsafe(mirror.state)._tag

const cut = (device: Device, session: Netconf.NetconfSession["Service"]) => {
  for (const [id, each] of device.sessions) if (id !== session.sessionId) each.cut()
}

/** An update that the device does not mean. */
const sendPatch = (device: Device, session: Netconf.NetconfSession["Service"], id: string, edit: string) => {
  const [own] = [...device.sessions.keys()].filter((each) => each !== session.sessionId)
  device.sessions
    .get(own!)!
    .send(
      `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>` +
        `<push-change-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>1</id><datastore-changes><yang-patch>` +
        `<patch-id>${id}</patch-id><edit><edit-id>1</edit-id>${edit}</edit></yang-patch></datastore-changes></push-change-update></notification>`
    )
}

describe("Push.mirror", () => {
  it.effect("has the tree, and follows edits of leafs, containers, lists and leaf-lists", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      yield* isMirrored(mirror, device)
      for (const edit of [
        hostname("r1"),
        anInterface("ge-0/0/1,x=%", "<enabled>true</enabled>"),
        anInterface("eth0", `<description>a/b</description><ipv4 xmlns="${SampleModel.ip}"><mtu>9000</mtu></ipv4>`),
        anInterface("ge-0/0/1,x=%", "<description>ü</description>"),
        system("<dns-resolver><search>a.example</search><search>b/c,d</search></dns-resolver>"),
        system(`<dns-resolver><search ${nc} nc:operation="delete">b/c,d</search></dns-resolver>`),
        withoutInterface("eth0"),
        withoutInterface("ge-0/0/1,x=%"),
        system(`<location ${nc} nc:operation="delete"/>`)
      ]) {
        device.edit(edit)
        yield* settle
        yield* isMirrored(mirror, device)
        assert.strictEqual(tagOf(mirror), "Current")
      }
      assert.strictEqual(mirror.statistics().resyncs, 0)
      assert.strictEqual(mirror.trigger(), "on-change")
    })
  )

  it.effect("has what its filter selects and nothing else, as a stream of trees", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored({ filter: system("<hostname/>") })
      const names: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(SubscriptionRef.changes(mirror.tree), (tree) =>
          Effect.sync(() => names.push(Element.text(Element.find(tree!, ["system", "hostname"])!)))
        )
      )
      yield* settle
      device.edit(hostname("r1"))
      yield* settle
      device.edit(system("<location>attic</location>"))
      device.edit(hostname("r2"))
      yield* settle
      assert.deepStrictEqual(names, ["sim", "r1", "r2"])
      assert.isUndefined(Element.find(yield* mirror.first, ["system", "location"]))
    })
  )

  it.effect("asks for all of it again when changes were lost, and keeps its tree until then", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.faults.add(Faults.delay("10 seconds"), { on: "resync-subscription", times: 1 })
      device.edit(hostname("r1"))
      yield* settle
      device.subscriptions.loseChanges(1)
      device.edit(hostname("lost"))
      device.edit(system("<location>attic</location>"))
      yield* settle
      const state = SubscriptionRef.getUnsafe(mirror.state)
      assert.deepStrictEqual(state, { _tag: "Stale", why: "a push-change-update is incomplete" })
      const before = yield* SubscriptionRef.get(mirror.tree)
      assert.strictEqual(Element.text(Element.find(before!, ["system", "hostname"])!), "r1")
      device.edit(system("<contact>me</contact>"))
      yield* TestClock.adjust("10 seconds")
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(tagOf(mirror), "Current")
      assert.strictEqual(requests(device, "resync-subscription").length, 1)
    })
  )

  it.effect("asks again when a patch-id jumps", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.edit(hostname("r1"))
      device.subscriptions.skipPatchId(1)
      device.edit(hostname("r2"))
      yield* settle
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(mirror.statistics().resyncs, 1)
    })
  )

  it.effect("asks again for what has no parent, and for a notification that is broken", () =>
    Effect.gen(function* () {
      const { device, mirror, session } = yield* mirrored()
      const patch = (edit: string) => sendPatch(device, session, "0", edit)
      patch(
        `<operation>create</operation><target>/ietf-interfaces:interfaces/interface=none/mtu</target><value><mtu xmlns="${SampleModel.interfaces}">1</mtu></value>`
      )
      yield* settle
      assert.strictEqual(mirror.statistics().resyncs, 1)
      yield* TestClock.adjust("2 minutes")
      patch(`<operation>nonsense</operation><target>/a:b</target>`)
      yield* settle
      assert.strictEqual(mirror.statistics().resyncs, 2)
      yield* isMirrored(mirror, device)
    })
  )

  it.effect("asks less and less often where that does not help", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      for (let n = 0; n < 50; n++) {
        device.subscriptions.loseChanges(1)
        device.edit(hostname(`r${n}`))
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("2 minutes")
      yield* settle
      yield* isMirrored(mirror, device)
      assert.isBelow(mirror.statistics().resyncs, 10)
    })
  )

  it.effect("asks again for what its own queue dropped", () =>
    Effect.gen(function* () {
      const { device, mirror, session } = yield* mirrored({ policy: "dropOldest", capacity: 2 })
      for (let n = 0; n < 20; n++) device.edit(hostname(`r${n}`))
      yield* settle
      yield* settle
      yield* isMirrored(mirror, device)
      assert.isAtLeast(mirror.statistics().resyncs, 1)
      // Also where the device does not count.
      yield* TestClock.adjust("5 minutes")
      const before = mirror.statistics().resyncs
      const value = `<value><hostname xmlns="${SampleModel.system}">x</hostname></value>`
      for (let n = 0; n < 20; n++) {
        sendPatch(
          device,
          session,
          "any",
          `<operation>replace</operation><target>/ietf-system:system/hostname</target>${value}`
        )
      }
      yield* settle
      yield* isMirrored(mirror, device)
      assert.isAbove(mirror.statistics().resyncs, before)
    })
  )

  it.effect("is established anew where the device refuses to resynchronize", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.faults.add(Faults.refuse({ type: "application", tag: "operation-failed", message: "no" }), {
        on: "resync-subscription"
      })
      device.subscriptions.skipPatchId(1)
      device.edit(hostname("r1"))
      yield* settle
      assert.strictEqual(tagOf(mirror), "Stale")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(mirror.statistics().subscriptions, 2)
      assert.strictEqual(device.subscriptions.all().length, 1)
    })
  )

  it.effect("is established anew where no push-update comes", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const reply = `<rpc-reply message-id="{message-id}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><id xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">77</id></rpc-reply>`
      device.faults.add(Faults.reply(reply), { on: "establish-subscription", times: 1 })
      const mirror = yield* Push.mirror(session, { datastore: "running", resyncTimeout: "10 seconds" })
      yield* settle
      assert.strictEqual(tagOf(mirror), "Waiting")
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.deepStrictEqual(SubscriptionRef.getUnsafe(mirror.state), {
        _tag: "Stale",
        why: "no push-update came within 10000 ms"
      })
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(mirror.statistics().subscriptions, 2)
    })
  )

  it.effect("survives suspension", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.subscriptions.suspend(1)
      yield* settle
      assert.deepStrictEqual(SubscriptionRef.getUnsafe(mirror.state), {
        _tag: "Suspended",
        reason: "insufficient-resources"
      })
      device.edit(hostname("r1"))
      device.subscriptions.resume(1)
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(tagOf(mirror), "Current")
    })
  )

  it.effect("survives its session, again and again", () =>
    Effect.gen(function* () {
      const { device, mirror, session } = yield* mirrored()
      for (let n = 1; n < 4; n++) {
        cut(device, session)
        yield* settle
        assert.strictEqual(tagOf(mirror), "Stale")
        device.edit(hostname(`r${n}`))
        yield* TestClock.adjust("1 minute")
        yield* settle
        assert.strictEqual(tagOf(mirror), "Current")
        yield* isMirrored(mirror, device)
        assert.strictEqual(mirror.statistics().subscriptions, n + 1)
      }
    })
  )

  it.effect("survives a reboot, on a session that comes back", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ notifications: { standardEvents: false } })
      const session = yield* Netconf.reconnecting({ transport: device.transport })
      const mirror = yield* Push.mirror(session, { datastore: "running" })
      yield* mirror.first
      device.edit(hostname("before"))
      yield* settle
      device.reboot()
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.strictEqual(tagOf(mirror), "Current")
      yield* isMirrored(mirror, device)
    })
  )

  it.effect("ends with the device's reason, and is not established against an operator's will", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.subscriptions.terminate(1)
      yield* TestClock.adjust("1 minute")
      yield* settle
      const error = yield* Effect.flip(mirror.ended)
      assert.instanceOf(error, SubscriptionTerminatedError)
      assert.deepStrictEqual(SubscriptionRef.getUnsafe(mirror.state), { _tag: "Ended", error })
      assert.strictEqual(mirror.statistics().subscriptions, 1)
    })
  )

  it.effect("comes back after a suspension that took too long", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored()
      device.subscriptions.terminate(1, "suspension-timeout")
      yield* settle
      device.edit(hostname("r1"))
      yield* TestClock.adjust("1 minute")
      yield* settle
      yield* isMirrored(mirror, device)
    })
  )

  it.effect("ends at stop-time, with its scope, and at the first loss where it is told so", () =>
    Effect.gen(function* () {
      const stopped = yield* mirrored({ stopTime: new Date(5000) })
      yield* TestClock.adjust("6 seconds")
      yield* settle
      yield* stopped.mirror.ended
      const { device, session } = yield* open()
      const scope = yield* Scope.make()
      const mirror = yield* Scope.provide(Push.mirror(session, { datastore: "running" }), scope)
      yield* Scope.close(scope, Exit.void)
      yield* mirror.ended
      assert.strictEqual(device.sessions.size, 1)
      const once = yield* mirrored({ resume: false })
      cut(once.device, once.session)
      yield* settle
      assert.strictEqual((yield* Effect.flip(once.mirror.ended))._tag, "ChannelError")
    })
  )

  it.effect("fails with the defect of a schedule that has one, and does not end as if it were wanted", () =>
    Effect.gen(function* () {
      const broken = Schedule.modifyDelay(Schedule.spaced("1 second"), () => Effect.die(new Error("no delay today")))
      const { device, mirror, session } = yield* mirrored({ resume: broken })
      cut(device, session)
      yield* settle
      const error = yield* Effect.flip(mirror.ended)
      assert.instanceOf(error, ChannelError)
      assert.match(error.message, /^mirror on leaf-01: .*not established again, .*failed by itself: no delay today/)
      const state = SubscriptionRef.getUnsafe(mirror.state)
      assert.isTrue(state._tag === "Ended" && state.error === error)
    })
  )

  it.effect("goes on on another subscription by default, or as it is told", () =>
    Effect.gen(function* () {
      for (const resume of [undefined, true, Schedule.spaced("1 second")]) {
        const { device, mirror, session } = yield* mirrored(resume === undefined ? {} : { resume })
        cut(device, session)
        yield* settle
        assert.strictEqual(tagOf(mirror), "Stale")
        yield* TestClock.adjust("2 seconds")
        yield* settle
        assert.strictEqual(tagOf(mirror), "Current")
        assert.strictEqual(mirror.statistics().subscriptions, 2)
      }
    })
  )

  it.effect("fails where the device refuses, and for options that make no mirror", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ notifications: { push: { onChange: false } } })
      const refused = yield* Effect.flip(Push.mirror(session, { datastore: "running" }))
      assert.strictEqual(Push.refusalOf(refused as RpcError)?.reason, "on-change-unsupported")
      for (const options of [
        {},
        undefined,
        { datastore: "running", onChange: { excludedChange: ["create"] } },
        { datastore: "running", onChange: { syncOnStart: false } },
        { datastore: "running", resume: 5 },
        { datastore: "running", resyncTimeout: 5 }
      ]) {
        const wrong = yield* Effect.flip(Push.mirror(session, options as unknown as Push.MirrorOptions))
        assert.instanceOf(wrong, InputError, JSON.stringify(options))
      }
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("first fails where it ends before its first tree", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const anchorTime = "2030-01-01T00:00:00Z"
      const mirror = yield* Push.mirror(session, { datastore: "running", periodic: { period: "1 hour", anchorTime } })
      const first = yield* Effect.forkChild(Effect.flip(mirror.first), { startImmediately: true })
      device.subscriptions.terminate(1)
      yield* settle
      assert.instanceOf(yield* Fiber.join(first), SubscriptionTerminatedError)
    })
  )
})

describe("a periodic mirror", () => {
  const periodic = { period: "5 seconds" } as const

  it.effect("has the tree of each period", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored({ periodic })
      assert.strictEqual(mirror.trigger(), "periodic")
      device.edit(hostname("r1"))
      device.edit(withoutInterface("eth0"))
      yield* TestClock.adjust("5 seconds")
      yield* settle
      yield* isMirrored(mirror, device)
    })
  )

  it.effect("is established anew where an update is incomplete, and keeps its tree until then", () =>
    Effect.gen(function* () {
      const { device, mirror } = yield* mirrored({ periodic })
      device.subscriptions.loseChanges(1)
      device.edit(hostname("r1"))
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.strictEqual(tagOf(mirror), "Stale")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* isMirrored(mirror, device)
      assert.strictEqual(mirror.statistics().subscriptions, 2)
    })
  )

  it.effect("is what becomes of both where changes are not pushed, not of all of it, or refused", () =>
    Effect.gen(function* () {
      const both = { onChange: {}, periodic } as const
      assert.strictEqual((yield* mirrored(both)).mirror.trigger(), "periodic")
      const filter = system("<hostname/>")
      assert.strictEqual((yield* mirrored({ ...both, filter })).mirror.trigger(), "on-change")
      const entries = `<interfaces xmlns="${SampleModel.interfaces}"><interface><name>eth0</name>`
      for (const [inside, trigger] of [
        ["<enabled/>", "on-change"],
        ["<enabled/><description/>", "on-change"],
        ["", "periodic"],
        ["<enabled/><statistics/>", "periodic"]
      ] as const) {
        const some = yield* mirrored({ ...both, filter: `${entries}${inside}</interface></interfaces>` })
        assert.strictEqual(some.mirror.trigger(), trigger, inside)
      }
      const off = yield* mirrored({ ...both, filter }, { notifications: { push: { onChange: false } } })
      assert.strictEqual(off.mirror.trigger(), "periodic")
      assert.deepStrictEqual(
        requests(off.device, "establish-subscription").length,
        1,
        "it is not asked for what it says it does not push"
      )
      // One that does not say is asked.
      const { device, session } = yield* open({ notifications: { push: { onChange: false } } })
      device.faults.add(Faults.refuse({ type: "application", tag: "operation-failed", message: "no" }), { on: "get" })
      const asked = yield* Push.mirror(session, { datastore: "running", filter, ...both })
      assert.strictEqual(asked.trigger(), "periodic")
      assert.strictEqual(requests(device, "establish-subscription").length, 2)
    })
  )
})

describe("Push.capabilities", () => {
  it.effect("reads what the device is able to push", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ notifications: { push: { minimumPeriod: 100, maxNodes: 500 } } })
      const said = yield* Push.capabilities(session)
      assert.strictEqual(said.subscription?.maxNodesPerUpdate, 500)
      assert.strictEqual(Push.onChangeSupport(said, "operational", ["interfaces", "interface", "statistics"]), "none")
      assert.isFalse(Push.supportsOnChange(said, "operational", ["interfaces", "interface", "statistics"]))
      assert.strictEqual(Push.onChangeSupport(said, "running", ["system"]), "all")
      assert.strictEqual(Push.onChangeSupport(said, "running"), "some")
      assert.isTrue(Push.supportsOnChange(said, "running"))
    })
  )

  it.effect("knows nothing of a device that does not say", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ without: [":yang-push"] })
      const said = yield* Push.capabilities(session)
      assert.isTrue(Push.supportsOnChange(said, "running"))
    })
  )
})

const names = ["eth0", "eth1", "a/b", "c,d", "e=f", "ü %", "lo"]
const of = (values: ReadonlyArray<string>) => Arbitrary.schema(Schema.Literals(values))

/** What operators do, and what goes wrong besides. */
const step = Arbitrary.all({
  what: of(["interface", "leaf", "leaf-list", "remove", "remove-leaf", "mtu", "jump", "lose", "cut", "time"]),
  name: of(names),
  value: of(["1", "2", "x/y", "z,=%"])
})

const doStep = (
  device: Device,
  session: Netconf.NetconfSession["Service"],
  { name, value, what }: { readonly what: string; readonly name: string; readonly value: string }
): Effect.Effect<void> => {
  const exists = Element.findAll(device.running, ["interfaces", "interface", "name"]).some(
    (e) => Element.text(e) === name
  )
  const [subscription] = device.subscriptions.all()
  return Effect.suspend(() => {
    switch (what) {
      case "interface":
        device.edit(anInterface(name, `<description>${value}</description>`))
        break
      case "mtu":
        device.edit(anInterface(name, `<ipv4 xmlns="${SampleModel.ip}"><mtu>${1000 + value.length}</mtu></ipv4>`))
        break
      case "leaf":
        device.edit(system(`<location>${value}</location>`))
        break
      case "remove-leaf":
        device.edit(system(`<location ${nc} nc:operation="remove"/>`))
        break
      case "leaf-list":
        device.edit(system(`<dns-resolver><search>${value}</search></dns-resolver>`))
        break
      case "remove":
        if (exists) device.edit(withoutInterface(name))
        break
      case "jump":
        if (subscription !== undefined) device.subscriptions.skipPatchId(subscription.id)
        break
      case "lose":
        if (subscription !== undefined) device.subscriptions.loseChanges(subscription.id)
        break
      case "cut":
        cut(device, session)
        break
      case "time":
        return TestClock.adjust("1 second")
    }
    return value === "1" ? settle : Effect.void
  })
}

describe("whatever happens to the device and to the sessions", () => {
  it.effect.prop(
    "the mirror's tree becomes the device's datastore",
    [Arbitrary.array(step, { minLength: 1, maxLength: 25 }), Schema.Boolean],
    ([steps, dampened]) =>
      Effect.scoped(
        Effect.gen(function* () {
          const onChange = dampened ? { dampeningPeriod: "500 millis" as const } : {}
          const { device, mirror, session } = yield* mirrored({ onChange })
          for (const each of steps) yield* doStep(device, session, each)
          // Whatever was lost shows at the next change.
          device.edit(hostname("last"))
          for (let n = 0; n < 8; n++) {
            yield* TestClock.adjust("30 seconds")
            yield* settle
          }
          assert.strictEqual(tagOf(mirror), "Current")
          yield* isMirrored(mirror, device)
        })
      ),
    { arbitrary: { seed: 1, runs: 60 }, timeout: 60_000 }
  )
})
