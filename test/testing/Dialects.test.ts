import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Dialects from "../../src/testing/Dialects.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { base, open, settle } from "./client.ts"
import { accepted, edit, getConfig, hostname, hostnameOf, lock, refused, source, system, unlock } from "./requests.ts"

const setup = (...dialect: ReadonlyArray<Partial<Dialects.Dialect>>) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({ dialect })
    return { device, one: yield* open(device.transport), two: yield* open(device.transport) }
  })

describe("Dialects", () => {
  it.effect("oneLock: either lock excludes both, for the holder too", () =>
    Effect.gen(function* () {
      const { one, two } = yield* setup(Dialects.oneLock)
      yield* accepted(one, lock("candidate"))
      assert.include(yield* refused(one, lock("running"), "lock-denied"), "<session-id>1</session-id>")
      yield* refused(two, lock("running"), "lock-denied")
      yield* refused(two, edit("running", hostname("x")), "in-use")
      yield* accepted(one, edit("candidate", hostname("y")), "<commit/>", unlock("candidate"))
      yield* accepted(two, lock("running"), lock("startup"))
    })
  )
  it.effect("privateCandidate: sessions do not see each other's edits, and both commit", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup(Dialects.privateCandidate)
      yield* accepted(one, edit("candidate", hostname("one")))
      yield* accepted(two, edit("candidate", system("<contact>two</contact>")))
      assert.deepStrictEqual([yield* hostnameOf(one, "candidate"), yield* hostnameOf(two, "candidate")], ["one", "sim"])
      yield* accepted(one, "<commit/>")
      yield* accepted(two, "<commit/>")
      assert.match(yield* one.rpc(getConfig()), /<contact>two<.*<hostname>one</)
      assert.strictEqual(device.commits, 2)
    })
  )
  it.effect("dirtyCandidate: edits outlive their session, and their lock", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup(Dialects.dirtyCandidate)
      yield* accepted(one, lock("candidate"), edit("candidate", hostname("left")))
      device.sessions.get(1)!.cut()
      yield* one.ended
      assert.strictEqual(yield* hostnameOf(two, "candidate"), "left")
      yield* refused(two, lock("candidate"), "lock-denied")
    })
  )
  it.effect("staleLocks: locks outlive their session and a reboot, after which they seem to be somebody else's", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup(Dialects.staleLocks)
      yield* accepted(one, lock("running"))
      device.sessions.get(1)!.cut()
      yield* one.ended
      assert.include(yield* refused(two, lock("running"), "lock-denied"), "<session-id>1</session-id>")
      device.reboot()
      const another = yield* open(device.transport)
      assert.deepStrictEqual([...device.sessions.keys()], [1])
      yield* accepted(another, edit("running", hostname("x")), unlock("running"))
      assert.strictEqual(device.locks.size, 0)
    })
  )
  it.effect("staleCandidate: a commit undoes what others changed, a discard first prevents it", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup(Dialects.staleCandidate)
      device.edit(hostname("theirs"))
      yield* accepted(one, lock("candidate"))
      assert.strictEqual(yield* hostnameOf(one, "candidate"), "sim")
      yield* accepted(one, edit("candidate", system("<contact>c</contact>")), "<commit/>")
      assert.strictEqual(yield* hostnameOf(one), "sim")
      device.edit(hostname("theirs"))
      yield* accepted(one, "<discard-changes/>", edit("candidate", system("<contact>d</contact>")), "<commit/>")
      assert.strictEqual(yield* hostnameOf(one), "theirs")
    })
  )
  it.effect("lock-denied comes without error-tag, or without its holder", () =>
    Effect.gen(function* () {
      const untagged = yield* setup(Dialects.untaggedLockDenied)
      yield* accepted(untagged.one, lock("running"))
      const reply = yield* refused(untagged.two, lock("running"))
      assert.match(reply, /<rpc-error><error-severity>error<.*already held by 1</)
      const anonymous = yield* setup(Dialects.anonymousLockDenied)
      yield* accepted(anonymous.one, lock("running"))
      assert.notInclude(yield* refused(anonymous.two, lock("running"), "lock-denied"), "session-id")
    })
  )
  it.effect("slowCommit: five minutes, and killing the session stops it", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup(Dialects.slowCommit)
      const commit = `<rpc xmlns="${base}" message-id="1"><commit/></rpc>`
      yield* accepted(one, edit("candidate", hostname("slow")))
      one.send(commit)
      yield* settle
      yield* TestClock.adjust("299 seconds")
      assert.strictEqual(yield* hostnameOf(two), "sim")
      yield* TestClock.adjust("1 second")
      assert.include(yield* one.next, "<ok/>")
      assert.strictEqual(yield* hostnameOf(two), "slow")
      one.send(commit)
      yield* settle
      yield* accepted(two, "<kill-session><session-id>1</session-id></kill-session>")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(device.commits, 1)
    })
  )
  it.effect("slowCommit: a commit whose client is gone is made all the same", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* setup(Dialects.slowCommit)
      yield* accepted(one, lock("candidate"), edit("candidate", hostname("unknown")))
      one.send(`<rpc xmlns="${base}" message-id="1"><commit/></rpc>`)
      yield* settle
      device.sessions.get(1)!.cut()
      yield* one.ended
      yield* TestClock.adjust("5 minutes")
      yield* settle
      assert.strictEqual(yield* hostnameOf(two), "unknown")
      assert.strictEqual(device.locks.size, 0)
    })
  )
  it.effect("a commit says ok and applies nothing, always or behind a validate", () =>
    Effect.gen(function* () {
      const always = yield* setup(Dialects.commitAppliesNothing)
      yield* accepted(always.one, edit("candidate", hostname("x")), "<commit/>")
      assert.strictEqual(yield* hostnameOf(always.one), "sim")
      const yuma = yield* setup(Dialects.yuma)
      const validate = `<validate>${source("candidate")}</validate>`
      yield* accepted(yuma.one, edit("candidate", hostname("x")), validate, "<commit/>")
      assert.deepStrictEqual([yield* hostnameOf(yuma.one), yuma.device.commits], ["sim", 0])
      yield* accepted(yuma.one, "<commit/>")
      assert.strictEqual(yield* hostnameOf(yuma.one), "x")
      assert.isTrue((yield* yuma.one.rpc("<discard-changes/>")).startsWith("<?xml"))
    })
  )
  it.effect("normalisedValues: reads back another value than was written", () =>
    Effect.gen(function* () {
      const { one } = yield* setup(Dialects.normalisedValues)
      yield* accepted(one, edit("running", hostname("R1")))
      assert.strictEqual(yield* hostnameOf(one), "r1")
    })
  )
  it.effect("nacm: hides sub-trees without a word, and refuses to write them", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup(Dialects.nacm("system/authentication", "interfaces"))
      const reply = yield* one.rpc(getConfig())
      assert.notMatch(reply, /authentication|interfaces/)
      assert.include(reply, "hostname")
      yield* refused(
        one,
        edit("running", system("<authentication><user><name>x</name></user></authentication>")),
        "access-denied"
      )
      yield* accepted(one, `<copy-config><target><url>file:///x</url></target>${source("running")}</copy-config>`)
      assert.notInclude(device.files.get("file:///x"), "authentication")
    })
  )
  it.effect("silentClose: close-session is neither answered nor followed", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup(Dialects.silentClose)
      one.send(`<rpc xmlns="${base}" message-id="1"><close-session/></rpc>`)
      yield* settle
      assert.strictEqual(device.sessions.size, 2)
      yield* accepted(one, "<discard-changes/>")
    })
  )
  it.effect("hello without session-id, replies without message-id, declarations and noise", () =>
    Effect.gen(function* () {
      const { one } = yield* setup(Dialects.noSessionId, Dialects.iosXe171501, Dialects.declarations, Dialects.noise)
      assert.notInclude(one.hello, "session-id")
      const reply = yield* one.rpc("<discard-changes/>")
      assert.isTrue(reply.startsWith(`<?xml version="1.0" encoding="UTF-8"?><rpc-reply xmlns=`))
      assert.notInclude(reply, "message-id")
      assert.include(one.received(), "]]>]]>\u0000\u0007\n#")
    })
  )
  it.effect("junos: base:1.0, prefixes, banner, warnings beside ok, errors in commit-results", () =>
    Effect.gen(function* () {
      const { one } = yield* setup(Dialects.junos)
      assert.match(
        one.hello,
        /^<!-- No zombies[^]*<nc:hello xmlns:nc="[^"]*"><nc:capabilities>[^]*<!-- session start -->/
      )
      assert.notInclude(one.received(), "base:1.1")
      const commit = yield* one.rpc("<commit/>")
      assert.match(commit, /<nc:rpc-error><nc:error-severity>warning<.*<\/nc:rpc-error><nc:ok\/><\/nc:rpc-reply>$/)
      yield* accepted(one, edit("candidate", system("<ntp><server><name>b</name></server></ntp>")))
      assert.notMatch(yield* one.rpc("<commit/>"), /missing/)
      yield* accepted(
        one,
        edit("candidate", system("<ntp><server><name>b</name><udp><port>1</port></udp></server></ntp>"))
      )
      assert.match(yield* refused(one, "<commit/>", "missing-element"), /<nc:commit-results><nc:rpc-error>/)
      assert.include(yield* one.rpc(getConfig()), `<system xmlns="urn:`)
    })
  )
  it("combines presets, the later one winning", () => {
    const combined = Dialects.combine([Dialects.yuma, Dialects.oneLock, { chunkSize: 5 }])
    assert.deepInclude(combined, { locks: "one", chunkSize: 5, commitIgnored: "after-validate", prefix: "" })
  })
})
