/** Event streams of RFC 5277 and the events of RFC 6470, caused by real edits, sessions and commits. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Element, Filter, StandardEvents, xml } from "../../src/index.ts"
import type { Notification, Session, SubscriptionEvent } from "../../src/index.ts"
import { facts, interfaceXml, names, open, reset } from "./client.ts"

const prepared = Effect.tap(open("candidate"), reset)

const isNotification = (event: SubscriptionEvent): event is Notification => event._tag === "Notification"

/** What comes until one satisfies it, that one included. */
const until = <E, R>(
  events: Stream.Stream<SubscriptionEvent, E, R>,
  isLast: (event: SubscriptionEvent) => boolean
): Effect.Effect<ReadonlyArray<SubscriptionEvent>, E, R> =>
  Stream.runCollect(Stream.takeUntil(events, isLast)).pipe(
    Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.die("nothing of the kind has come") })
  )

const named = (name: string) => (event: SubscriptionEvent) => isNotification(event) && event.name === name

/** The events of RFC 6470 among them, read. */
const standard = (events: ReadonlyArray<SubscriptionEvent>) =>
  Effect.map(Effect.forEach(events.filter(isNotification), StandardEvents.decode), (all) =>
    all.filter((event) => event._tag !== "Notification")
  )

const stage = (session: Session, name: string, description?: string) =>
  session.editConfig({ target: "candidate", config: interfaceXml(name, description) })

const monitoring = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
const filter = Filter.subtree(xml`<netconf-state xmlns=${monitoring}><sessions/></netconf-state>`)

/** The ids of all sessions but this one. */
const others = (session: Session) =>
  session.get({ filter }).pipe(
    Effect.flatMap((reply) => reply.data),
    Effect.map((data) => {
      const path = ["netconf-state", "sessions", "session", "session-id"].map((name) => [monitoring, name] as const)
      const ids = Element.findAll(data, path).map((id) => Number(Element.text(id)))
      return ids.filter((id) => id !== session.sessionId)
    })
  )

describe("streams", () => {
  it.live("lists NETCONF, its replay log and when that began", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const [stream, ...more] = yield* session.streams()
      assert.deepStrictEqual(more, [])
      assert.strictEqual(stream?.name, "NETCONF")
      assert.isTrue(stream?.replaySupport)
      assert.isBelow(Date.parse(stream!.replayLogCreationTime!), Date.now())
    })
  )
})

describe("a subscription", () => {
  it.live("is on a session of its own, which its scope closes", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const observer = yield* session.openSubscription()
      const before = yield* others(session)
      const own = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* session.openSubscription()
          const [id] = (yield* others(session)).filter((other) => !before.includes(other))
          return id
        })
      )
      const seen = yield* until(observer.events, named("netconf-session-end"))
      const [start, end] = yield* standard(seen)
      const whose = { username: facts.username, sessionId: own, sourceHost: facts.host }
      assert.deepInclude({ ...start }, { _tag: "SessionStart", ...whose })
      assert.deepInclude({ ...end }, { _tag: "SessionEnd", ...whose, terminationReason: "closed" })
      assert.deepStrictEqual(yield* others(session), before)
    })
  )

  it.live("tells what a real edit has changed, by whom, while the session goes on", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const subscription = yield* session.openSubscription()
      yield* stage(session, "eth0")
      yield* session.commit()
      yield* stage(session, "eth1")
      yield* session.commit()
      const seen = yield* until(Stream.drop(subscription.events, 1), named("netconf-config-change"))
      const [change] = yield* standard(seen)
      assert.strictEqual(change?._tag, "ConfigChange")
      if (change?._tag !== "ConfigChange") return
      assert.strictEqual(change.datastore, "running")
      assert.deepInclude(change.changedBy, { username: facts.username, sessionId: session.sessionId! })
      const [edit, ...more] = change.edit
      assert.deepStrictEqual(more, [])
      assert.strictEqual(edit?.operation, "create")
      assert.match(JSON.stringify(edit?.target), /interface.*eth1/)
      assert.deepStrictEqual(yield* names(session), ["eth0", "eth1"])
    })
  )

  it.live("tells of a session that is killed, and by whom", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const subscription = yield* session.openSubscription()
      const victim = yield* open("candidate")
      yield* session.killSession({ sessionId: victim.sessionId! })
      const [, end] = yield* Effect.flatMap(until(subscription.events, named("netconf-session-end")), standard)
      assert.deepInclude(
        { ...end },
        {
          _tag: "SessionEnd",
          sessionId: victim.sessionId!,
          killedBy: session.sessionId!,
          terminationReason: "killed"
        }
      )
    })
  )

  it.live("tells of confirmed commits, from their start to their end", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const subscription = yield* session.openSubscription({
        filter: Filter.subtree(xml`<netconf-confirmed-commit xmlns=${StandardEvents.namespace}/>`)
      })
      yield* stage(session, "eth0")
      yield* session.commit({ confirmed: true, confirmTimeout: "1 minute" })
      yield* stage(session, "eth1")
      yield* session.commit({ confirmed: true, confirmTimeout: "1 minute" })
      yield* session.commit()
      yield* stage(session, "eth2")
      yield* session.commit({ confirmed: true, confirmTimeout: "1 minute" })
      yield* session.cancelCommit()
      const seen = yield* Effect.flatMap(Stream.runCollect(Stream.take(subscription.events, 5)), standard)
      const said = seen.map((event) => (event._tag === "ConfirmedCommit" ? event.confirmEvent : event._tag))
      assert.deepStrictEqual(said, ["start", "extend", "complete", "start", "cancel"])
    })
  )

  it.live("brings what its filter selects", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      // An XPath filter ends netconfd at its first event: an assertion in its access control.
      const subscription = yield* session.openSubscription({
        filter: Filter.subtree(xml`<netconf-session-start xmlns=${StandardEvents.namespace}/>`)
      })
      yield* stage(session, "eth0")
      yield* session.commit()
      const other = yield* open("candidate")
      const [event] = yield* Effect.flatMap(Stream.runCollect(Stream.take(subscription.events, 1)), standard)
      assert.strictEqual(event?._tag === "SessionStart" ? event.sessionId : undefined, other.sessionId)
    })
  )

  it.live("shares a session with its rpcs when asked to", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const before = yield* others(session)
      const subscription = yield* session.openSubscription({ session: "shared" })
      assert.deepStrictEqual(yield* others(session), before)
      for (const name of ["eth0", "eth1", "eth2"]) {
        yield* stage(session, name)
        yield* session.commit()
      }
      assert.deepStrictEqual(yield* names(session), ["eth0", "eth1", "eth2"])
      const seen = yield* Effect.flatMap(Stream.runCollect(Stream.take(subscription.events, 3)), standard)
      assert.deepStrictEqual(
        seen.map((event) => event._tag),
        ["ConfigChange", "ConfigChange", "ConfigChange"]
      )
    })
  )

  it.live("comes in end-of-message framing as well", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("base10"), reset)
      for (const kind of ["own", "shared"] as const) {
        const subscription = yield* session.openSubscription({ session: kind, policy: "unbounded" })
        yield* stage(session, `eth-${kind}`)
        yield* session.commit()
        const [change] = yield* Effect.flatMap(until(subscription.events, named("netconf-config-change")), standard)
        assert.strictEqual(change?._tag, "ConfigChange")
      }
    })
  )
})

describe("a replay", () => {
  const log = (session: Session, startTime: string) =>
    Effect.scoped(
      Effect.flatMap(session.openSubscription({ startTime }), ({ events }) =>
        until(events, (event) => event._tag === "ReplayComplete")
      )
    )

  it.live("brings what was logged, says that this was all, and goes on", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const live = yield* session.openSubscription()
      yield* stage(session, "eth0")
      yield* session.commit()
      const [change] = (yield* until(live.events, isNotification)).filter(isNotification)
      const replay = yield* session.openSubscription({ startTime: change!.eventTime! })
      const logged = yield* until(replay.events, (event) => event._tag === "ReplayComplete")
      assert.isTrue(logged.some((event) => isNotification(event) && event.xml === change!.xml))
      yield* stage(session, "eth1")
      yield* session.commit()
      const [next] = yield* Effect.flatMap(until(replay.events, isNotification), standard)
      assert.strictEqual(next?._tag, "ConfigChange")
    })
  )

  it.live("that stops in the past ends by itself", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* Effect.sleep("1100 millis")
      const stopTime = new Date()
      yield* Effect.sleep("1100 millis")
      const events = session.subscribe({ startTime: "2020-01-01T00:00:00Z", stopTime })
      const seen = yield* Stream.runCollect(events).pipe(Effect.timeout("20 seconds"))
      assert.strictEqual(seen[0]?._tag, "Notification")
      assert.strictEqual(seen.at(-1)?._tag, "ReplayComplete")
      assert.isTrue(
        seen.every((event) => !isNotification(event) || event.time!.epochMilliseconds <= stopTime.getTime())
      )
    })
  )

  it.live("that stops in the future ends when that has come", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const stopTime = new Date(Date.now() + 4000)
      const subscription = yield* session.openSubscription({ startTime: new Date(Date.now() - 1000), stopTime })
      yield* stage(session, "eth0")
      yield* session.commit()
      const seen = yield* Stream.runCollect(subscription.events).pipe(Effect.timeout("30 seconds"))
      assert.isAtLeast(Date.now(), stopTime.getTime() - 1000)
      assert.isTrue(seen.some(named("netconf-config-change")))
      yield* subscription.ended
    })
  )

  it.live("is refused where the device cannot, with what the device says", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const refusal = (options: Parameters<Session["openSubscription"]>[0]) =>
        Effect.scoped(session.openSubscription(options)).pipe(Effect.flip)
      const unknown = yield* refusal({ stream: "no-such-stream" })
      assert.strictEqual(unknown._tag, "RpcError")
      assert.include(unknown.message, "create-subscription/ncEvent:stream")
      const future = yield* refusal({ startTime: "2100-01-01T00:00:00Z" })
      assert.strictEqual(future._tag, "RpcError")
      assert.include(future._tag === "RpcError" ? future.errors[0].tag : "", "bad-element")
      const backwards = yield* refusal({ startTime: "2020-01-02T00:00:00Z", stopTime: "2020-01-01T00:00:00Z" })
      assert.strictEqual(backwards._tag, "InputError")
      const without = yield* refusal({ stopTime: "2100-01-01T00:00:00Z" })
      assert.strictEqual(without._tag, "InputError")
      assert.deepStrictEqual(yield* others(session), [])
    })
  )

  it.live("brings a subscription whose session was killed all that happened, once and in order", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const resume = Schedule.spaced("50 millis")
      const subscription = yield* session.openSubscription({ resume, policy: "unbounded" })
      const [own] = yield* others(session)
      // The same two values in turn: within a second, these events are equal to the last byte.
      const flap = (times: number) =>
        Effect.forEach(Array.from({ length: times }), (_, i) =>
          Effect.andThen(stage(session, "eth0", String(i % 2)), session.commit())
        )
      yield* flap(7)
      let victim = own!
      for (let round = 0; round < 3; round++) {
        yield* session.killSession({ sessionId: victim })
        yield* flap(9)
        const [next] = yield* Effect.retry(
          Effect.filterOrFail(others(session), (ids) => ids.length === 1),
          Schedule.spaced("20 millis")
        )
        victim = next!
        yield* flap(5)
      }
      yield* stage(session, "last")
      yield* session.commit()
      const seen = yield* until(subscription.events, (event) => isNotification(event) && event.xml.includes("'last'"))
      assert.deepStrictEqual(
        seen.filter((event) => !isNotification(event)),
        []
      )
      const delivered = seen.filter(isNotification)
      const all = (yield* log(session, delivered[0]!.eventTime!)).filter(isNotification)
      const from = all.findIndex((event) => event.xml === delivered[0]!.xml)
      const to = all.findIndex((event) => event.xml.includes("'last'"))
      assert.deepStrictEqual(
        delivered.map((event) => event.xml),
        all.slice(from, to + 1).map((event) => event.xml)
      )
      assert.isBelow(new Set(delivered.map((event) => event.xml)).size, delivered.length)
      const { duplicates, gaps, resumed } = subscription.statistics()
      assert.strictEqual(resumed, 3)
      assert.strictEqual(gaps, 0)
      assert.isAbove(duplicates, 0)
    })
  )

  it.live("is not asked for without resume: what waits is read, then the reason", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const subscription = yield* session.openSubscription()
      const [own] = yield* others(session)
      yield* stage(session, "eth0")
      yield* session.commit()
      yield* session.killSession({ sessionId: own! })
      yield* Effect.exit(subscription.ended)
      assert.isFalse(subscription.isActive())
      const waiting = subscription.peek()
      assert.isTrue(waiting.some(named("netconf-config-change")))
      const read: Array<SubscriptionEvent> = []
      const error = yield* Effect.flip(
        Stream.runForEach(subscription.events, (event) => Effect.sync(() => read.push(event)))
      )
      assert.strictEqual(error._tag, "ChannelError")
      assert.deepStrictEqual(read, [...waiting])
    })
  )
})
