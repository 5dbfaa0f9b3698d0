/** Locks, edits, commits and confirmed commits of the candidate, and what other sessions see of them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { xml } from "../../src/index.ts"
import type { LockHolder, Session } from "../../src/index.ts"
import { facts, interfaceXml, names, ns, open, reset } from "./client.ts"

const prepared = Effect.tap(open("candidate"), reset)

const stage = (session: Session, name: string) =>
  session.editConfig({ target: "candidate", config: interfaceXml(name) })

/** netconfd looks at its confirm-timer only after seconds without any traffic. */
const rolledBack = (session: Session, name: string) =>
  Effect.gen(function* () {
    for (let i = 0; i < 5; i++) {
      yield* Effect.sleep("5 seconds")
      if (!(yield* names(session)).includes(name)) return true
    }
    return false
  })

describe("lock", () => {
  it.live("is denied with the session-id of the holder, and granted once that has unlocked", () =>
    Effect.gen(function* () {
      const holder = yield* prepared
      const other = yield* open("candidate")
      yield* holder.lock({ target: "running" })
      const error = yield* Effect.flip(other.lock({ target: "running" }))
      assert.strictEqual(error._tag, "RpcError")
      if (error._tag !== "RpcError") return
      assert.isTrue(error.has("lock-denied"))
      assert.strictEqual(error.errors[0].info?.sessionId, holder.sessionId)
      assert.include(error.message, `held by session ${holder.sessionId}`)
      assert.isTrue(error.isRetryable)
      yield* holder.unlock({ target: "running" })
      yield* other.lock({ target: "running" })
      yield* other.unlock({ target: "running" })
    })
  )

  it.live("of a program is released when the program fails, its edits with it", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const other = yield* open("candidate")
      const program = Effect.andThen(stage(session, "eth0"), Effect.fail("no" as const))
      assert.strictEqual(yield* Effect.flip(session.locked(["candidate", "running"], program)), "no")
      yield* other.locked(["running", "candidate"], Effect.void)
      assert.deepStrictEqual(yield* names(other, "candidate"), [])
    })
  )

  it.live("of a session that ends is released by the server", () =>
    Effect.gen(function* () {
      const other = yield* prepared
      yield* Effect.scoped(Effect.flatMap(open("candidate"), (session) => session.lock({ target: "candidate" })))
      yield* other.locked(["candidate"], Effect.void)
    })
  )
})

describe("edit-config", () => {
  it.live("changes the candidate, and running by a commit", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const other = yield* open("candidate")
      yield* session.locked(
        ["running", "candidate"],
        Effect.gen(function* () {
          yield* stage(session, "eth0")
          assert.deepStrictEqual(yield* names(other), [])
          yield* session.commit()
        })
      )
      assert.deepStrictEqual(yield* names(other), ["eth0"])
    })
  )

  it.live("is taken back by discard-changes", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* stage(session, "eth0")
      assert.deepStrictEqual(yield* names(session, "candidate"), ["eth0"])
      yield* session.discardChanges()
      assert.deepStrictEqual(yield* names(session, "candidate"), [])
    })
  )

  it.live("fails with the element that the server does not know and where it stands", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const config = xml`<interfaces xmlns=${ns}><interface><name>eth0</name><nonsense/></interface></interfaces>`
      const error = yield* Effect.flip(session.editConfig({ target: "candidate", config }))
      assert.strictEqual(error._tag, "RpcError")
      if (error._tag !== "RpcError") return
      const [item] = error.errors
      assert.strictEqual(item.tag, "unknown-element")
      assert.include(item.info?.badElement, "nonsense")
      assert.include(item.path, "interface")
      yield* session.discardChanges()
    })
  )

  it.live("deletes one entry of a list with default-operation none", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* stage(session, "eth0")
      yield* stage(session, "eth1")
      const config = xml`<interfaces xmlns=${ns}>
        <interface xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>eth0</name></interface>
      </interfaces>`
      yield* session.editConfig({ target: "candidate", defaultOperation: "none", config })
      yield* session.commit()
      assert.deepStrictEqual(yield* names(session), ["eth1"])
    })
  )

  it.live("is refused before sending where running cannot be written", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const error = yield* Effect.flip(session.editConfig({ target: "running", config: interfaceXml("eth0") }))
      assert.strictEqual(error._tag, "CapabilityError")
    })
  )
})

describe("session.edit", () => {
  it.live("locks, edits, commits and unlocks, and says why it did not validate", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const report = yield* session.edit(interfaceXml("eth0", "by edit"))
      assert.strictEqual(report.target, "candidate")
      assert.isTrue(report.notes.some((note) => note.includes("validate")))
      const other = yield* open("candidate")
      assert.deepStrictEqual(yield* names(other), ["eth0"])
      yield* other.locked(["running", "candidate"], Effect.void)
    })
  )

  it.live("changes nothing when the server refuses the edit", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const config = xml`<interfaces xmlns=${ns}><nonsense/></interfaces>`
      const error = yield* Effect.flip(session.edit(config))
      assert.strictEqual(error._tag, "RpcError")
      const other = yield* open("candidate")
      assert.deepStrictEqual(yield* names(other), [])
      yield* other.locked(["running", "candidate"], Effect.void)
    })
  )

  it.live("touches nothing when another session holds the lock", () =>
    Effect.gen(function* () {
      const holder = yield* prepared
      const other = yield* open("candidate")
      yield* holder.lock({ target: "candidate" })
      yield* stage(holder, "eth0")
      const error = yield* Effect.flip(other.edit(interfaceXml("eth1")))
      assert.strictEqual(error._tag, "RpcError")
      assert.deepStrictEqual(yield* names(holder, "candidate"), ["eth0"])
      yield* holder.discardChanges()
      yield* holder.unlock({ target: "candidate" })
    })
  )
})

describe("a confirmed commit", () => {
  it.live("is rolled back by the server when nobody confirms it", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* stage(session, "eth0")
      const before = Date.now()
      const reply = yield* session.commit({ confirmed: true, confirmTimeout: "1500 millis" })
      assert.isAtLeast(reply.rollback!.earliest.epochMilliseconds, before + 2_000)
      assert.deepStrictEqual(yield* names(session), ["eth0"])
      assert.isTrue(yield* rolledBack(session, "eth0"))
    })
  )

  it.live("is kept by a second commit in time", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* stage(session, "eth0")
      yield* session.commit({ confirmed: true, confirmTimeout: "2 seconds" })
      yield* session.commit()
      yield* Effect.sleep("8 seconds")
      assert.deepStrictEqual(yield* names(session), ["eth0"])
    })
  )

  it.live("is rolled back at once when its session ends", () =>
    Effect.gen(function* () {
      const other = yield* prepared
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(open("candidate"), scope)
      yield* stage(session, "eth0")
      yield* session.commit({ confirmed: true, confirmTimeout: "1 minute" })
      assert.deepStrictEqual(yield* names(other), ["eth0"])
      yield* Scope.close(scope, Exit.void)
      yield* Effect.sleep("200 millis")
      assert.deepStrictEqual(yield* names(other), [])
    })
  )

  it.live("that persists outlives its session and is cancelled from another by its id", () =>
    Effect.gen(function* () {
      const other = yield* prepared
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* open("candidate")
          yield* stage(session, "eth0")
          yield* session.commit({ confirmed: true, confirmTimeout: "1 minute", persist: "change 7 & <8>" })
        })
      )
      assert.deepStrictEqual(yield* names(other), ["eth0"])
      const error = yield* Effect.flip(other.cancelCommit({ persistId: "another" }))
      assert.strictEqual(error._tag, "RpcError")
      yield* other.cancelCommit({ persistId: "change 7 & <8>" })
      assert.deepStrictEqual(yield* names(other), [])
    })
  )

  it.live("that persists is confirmed from another session by its id", () =>
    Effect.gen(function* () {
      const other = yield* prepared
      const persist = "change-9"
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* open("candidate")
          yield* stage(session, "eth0")
          yield* session.commit({ confirmed: true, confirmTimeout: "2 seconds", persist })
        })
      )
      yield* other.commit({ persistId: persist })
      yield* Effect.sleep("8 seconds")
      assert.deepStrictEqual(yield* names(other), ["eth0"])
    })
  )
})

describe("copy-config", () => {
  it.live("writes running to a file of the server, from which the candidate is edited again", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      yield* session.edit(interfaceXml("eth0"))
      yield* session.copyConfig({ source: "running", target: { url: "file:///interop-backup.xml" } })
      yield* reset(session)
      assert.deepStrictEqual(yield* names(session), [])
      // netconfd dies of a copy-config from a file to the candidate (an assertion): the file is given as an edit
      yield* session.editConfig({ target: "candidate", url: "file:///interop-backup.xml" })
      yield* session.commit()
      assert.deepStrictEqual(yield* names(session), ["eth0"])
      yield* session.deleteConfig({ target: { url: "file:///interop-backup.xml" } })
    })
  )

  it.live("is refused before sending for a scheme that the server does not offer", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const target = { url: "sftp://user:secret@192.0.2.1/x.xml" }
      const error = yield* Effect.flip(session.copyConfig({ source: "running", target }))
      assert.strictEqual(error._tag, "InputError")
      assert.notInclude(error.message, "secret")
    })
  )
})

describe("kill-session", () => {
  it.live("ends another session, whose calls fail and whose lock is free", () =>
    Effect.gen(function* () {
      const killer = yield* prepared
      const victim = yield* open("candidate")
      yield* victim.lock({ target: "running" })
      yield* killer.killSession({ sessionId: victim.sessionId! })
      const reason = yield* victim.closed
      assert.strictEqual(reason.by, "peer")
      const error = yield* Effect.flip(victim.getConfig())
      assert.strictEqual(error._tag, "ChannelError")
      yield* killer.locked(["running"], Effect.void)
    })
  )

  it.live("breaks the stale lock of a session that the server lists, once the caller agrees", () =>
    Effect.gen(function* () {
      const session = yield* prepared
      const stale = yield* open("candidate")
      yield* stale.lock({ target: "running" })
      const spared = session.locked(["running"], Effect.void, { breakStale: () => false })
      assert.include((yield* Effect.flip(spared)).message, `the lock was not broken: breakStale spared session`)
      const breakStale = ({ loginTime, sessionId, sourceHost, transport, username }: LockHolder) => {
        assert.strictEqual(sessionId, stale.sessionId)
        assert.strictEqual(username, facts.username)
        assert.strictEqual(sourceHost, facts.host)
        assert.strictEqual(transport, "netconf-ssh")
        assert.isBelow(Math.abs(Date.now() - loginTime.epochMilliseconds), 60_000)
        return true
      }
      yield* session.locked(["running"], Effect.void, { breakStale })
      assert.strictEqual((yield* stale.closed).by, "peer")
    })
  )

  it.live("of a session that does not exist is refused", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const error = yield* Effect.flip(session.killSession({ sessionId: 4_000_000 }))
      assert.strictEqual(error._tag, "RpcError")
    })
  )
})
