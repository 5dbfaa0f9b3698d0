import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { afterEach } from "vitest"
import * as api from "../../../src/sync.ts"
import { Thread, ThreadEnded } from "../../../src/api/sync/Thread.ts"
import { asked, connected, location, login, nothing, thrownBy, withDevice } from "./harness.ts"

withDevice()

/** Kills the working thread with the next request. */
const crash = () => Thread.current().post({ _tag: "Nonsense" } as never)

describe("the thread of blocking clients", { timeout: 30_000 }, () => {
  afterEach(() => api.setOperationPoolSize(256))

  it("fails what was under way with a typed error when it dies, and is replaced", () => {
    const [reading, changing] = [connected(), connected()]
    crash()
    const read = thrownBy(() => reading.get()) as api.ChannelError
    assert.instanceOf(read, api.ChannelError)
    assert.deepStrictEqual([read.phase, read.by, read.operation, read.label], ["closed", "us", "get", "sim"])
    assert.include(read.message, "the thread that works for the blocking clients has ended: an unknown request")
    assert.strictEqual(
      (thrownBy(() => changing.editConfig({ config: location("x") })) as api.ChannelError).phase,
      "write"
    )
    assert.isTrue(connected().get({ filter: nothing }).ok)
    reading.disconnect()
    reading.connect()
    assert.isTrue(reading.get({ filter: nothing }).ok)
  })

  it("fails within a bound where it does not start, with what to do, and nothing was sent", async () => {
    const make = { _tag: "Make", client: 1, options: {} } as const
    const failing = new Thread({ url: new URL("./notStarting.ts", import.meta.url), startWithin: 300 })
    for (const thread of [failing, failing]) {
      const error = thrownBy(() => thread.ask(make)) as ThreadEnded
      assert.instanceOf(error, ThreadEnded)
      assert.isFalse(error.sent)
      assert.include(error.message, "has not started: nothing was heard of it for 300 ms")
      assert.include(error.message, "NODE_OPTIONS")
      assert.isTrue(thread.ended)
    }
    // What it failed with reaches nobody as an uncaught exception.
    await setTimeout(300)
    const missing = thrownBy(() =>
      new Thread({ url: new URL("./nowhere.js", import.meta.url) }).ask(make)
    ) as ThreadEnded
    assert.isFalse(missing.sent)
    assert.match(missing.message, /has not started: there is no .*nowhere\.js; .*bundler/)
  })

  it("does nothing of what it was asked where it starts too late", async () => {
    const late = new Thread({ startWithin: 1 })
    const asked = { _tag: "Make", client: 1, options: {} } as const
    const error = thrownBy(() => late.ask(asked)) as ThreadEnded
    assert.isFalse(error.sent)
    await setTimeout(1000)
    assert.isTrue(late.ended)
    assert.isTrue(connected().get({ filter: nothing }).ok)
  })

  it("leaves it unknown whether a change was made when it dies", () => {
    const session = connected()
    crash()
    const error = thrownBy(() => session.editConfig({ config: location("x") })) as api.CommitUnknownError
    assert.instanceOf(error, api.CommitUnknownError)
    assert.instanceOf(error.cause, api.ChannelError)
  })

  it("takes a program's locks along when it dies, and says what is known of its changes", () => {
    const session = connected()
    const lost = thrownBy(() =>
      session.locked(["running"], (inside) => {
        crash()
        thrownBy(() => inside.get())
      })
    ) as api.ChannelError
    assert.instanceOf(lost, api.ChannelError)
    assert.include(lost.message, "the locks of the program are lost with it")
    const second = connected()
    const unknown = thrownBy(() =>
      second.locked(["running"], (inside) => {
        crash()
        thrownBy(() => inside.commit())
      })
    )
    assert.instanceOf(unknown, api.CommitUnknownError)
    const third = connected()
    const own = new Error("mine")
    const thrown = thrownBy(() =>
      third.locked(["running"], () => {
        crash()
        throw own
      })
    )
    assert.strictEqual(thrown, own)
  })

  it("takes over the size of the operation pool, and is never asked while there is no permit", async () => {
    const number = Thread.current().number() + 1
    const session = connected({ deadlines: { queue: "100 millis" } })
    session.lock({ target: "candidate" })
    api.setOperationPoolSize(0)
    const error = thrownBy(() => session.get()) as api.InputError
    assert.strictEqual(error.what, "operationPoolSize")
    assert.strictEqual(await asked(() => session.unlock({ target: "candidate" })), "unlock")
    const there = { _tag: "Call", client: number, name: "get", args: [] } as const
    assert.strictEqual((thrownBy(() => Thread.current().ask(there)) as api.DeadlineError).phase, "queue")
    api.setOperationPoolSize(1)
    assert.isTrue(session.get({ filter: nothing }).ok)
  })

  it("forgets refused credentials with resetCredentials", () => {
    const refusal = () => thrownBy(() => connected({ username: "nobody" })) as Error
    const barred = () => refusal().message.includes("barred")
    for (let i = 0; i < 3; i++) refusal()
    const before = refusal().message
    api.resetCredentials()
    assert.notStrictEqual(refusal().message, before)
    assert.isFalse(barred())
  })

  it("works for a thread of the user's as well", async () => {
    const worker = new Worker(new URL("./inThread.ts", import.meta.url), { workerData: login, execArgv: [] })
    const [{ bytes, sessionId }] = (await once(worker, "message")) as [{ bytes: number; sessionId: number }]
    assert.isAbove(bytes, 100)
    assert.isNumber(sessionId)
    await once(worker, "exit")
  })
})
