/** `NetconfClient` with `reconnect`: the client that comes back, for plain async code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Errors from "../../../src/errors.ts"
import { type ClientState, NetconfClient, type NetconfClientOptions } from "../../../src/promise.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error
  )
/** No waiting between two attempts: these tests are about the client. */
const soon = Schedule.spaced(1)

const withDevice = async (
  use: (client: NetconfClient, device: SimulatedDevice.SimulatedDevice) => Promise<void>,
  more: NetconfClientOptions = {}
) => {
  const scope = Scope.makeUnsafe()
  try {
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make(), scope))
    await using client = new NetconfClient({ label: "sim", transport: device.transport, ...more })
    await client.connect()
    await use(client, device)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

describe("NetconfClient with reconnect", () => {
  it("comes back, repeats reads, and tells its states until it is disconnected", async () => {
    const seen: Array<ClientState> = []
    await withDevice(
      async (client, device) => {
        const watching = (async () => {
          for await (const state of client.states()) seen.push(state)
        })()
        device.faults.add(Faults.closeBefore("network"), { on: "get", times: 1 })
        const reply = await client.get()
        assert.isAbove(reply.bytes, 0)
        assert.strictEqual(client.sessionId, 2)
        const { state } = client
        assert(state._tag === "Up")
        assert.isAbove(state.since.getTime(), Date.now() - 60_000)
        await client.disconnect()
        await watching
      },
      { reconnect: { schedule: soon } }
    )
    assert.deepStrictEqual(
      seen.map(({ _tag }) => _tag),
      ["Up", "Down", "Connecting", "Up", "Stopped"]
    )
  })

  it("rejects a program under locks whose session is lost, and aborts it", async () => {
    await withDevice(
      async (client, device) => {
        let aborted = false
        const error = await rejection(
          client.locked(["running"], async (inside, { signal }) => {
            signal.addEventListener("abort", () => {
              aborted = true
            })
            device.sessions.get(1)!.cut()
            await new Promise((resolve) => setTimeout(resolve, 50))
            return inside.editConfig({ config: hostname("r1") })
          })
        )
        assert(error instanceof Errors.ChannelError)
        assert.include(error.message, "the locks of the program are lost with the session")
        assert.isTrue(aborted)
        assert.isFalse(device.log.some((entry) => entry.operation === "edit-config"))
        await client.editConfig({ config: hostname("r2") })
        assert.strictEqual(client.sessionId, 2)
      },
      { reconnect: { schedule: soon } }
    )
  })

  it("opens a new one with connect() when it has stopped for good", async () => {
    await withDevice(
      async (client, device) => {
        device.sessions.get(1)!.cut()
        await Effect.runPromise(client.session.closed)
        const error = await rejection(client.editConfig({ config: hostname("r1") }))
        assert(error instanceof Errors.ChannelError)
        assert.strictEqual(client.state._tag, "Stopped")
        await client.connect()
        await client.editConfig({ config: hostname("r1") })
        assert.strictEqual(client.state._tag, "Up")
      },
      { reconnect: { schedule: Schedule.recurs(0) } }
    )
  })

  it("takes true for all defaults", async () => {
    await withDevice(
      async (client) => {
        assert.strictEqual(client.state._tag, "Up")
        assert.isAbove((await client.get()).bytes, 0)
      },
      { reconnect: true }
    )
  })

  it("has a state all the time, also while nothing is connected", async () => {
    await withDevice(
      async (client, device) => {
        const stopped = (why: RegExp) => {
          const { state } = client
          assert(state._tag === "Stopped" && "detail" in state.why)
          assert.match(state.why.detail, why)
        }
        await client.disconnect()
        stopped(/the client was disconnected/)
        const other = new NetconfClient({ transport: device.transport, reconnect: true })
        assert.strictEqual(other.state._tag, "Stopped")
        const connecting = client.connect()
        assert.deepStrictEqual(client.state, { _tag: "Connecting", attempt: 1 })
        await connecting
        assert.strictEqual(client.state._tag, "Up")
      },
      { reconnect: { schedule: soon } }
    )
    const refused = new Errors.AuthError({ tried: [], offered: [], detail: "no" })
    const client = new NetconfClient({ transport: { peer: "a", open: () => Effect.fail(refused) }, reconnect: true })
    await rejection(client.connect())
    const { state } = client
    assert(state._tag === "Stopped")
    assert.instanceOf(state.why, Errors.AuthError)
  })

  it("says how the last attempt failed when it is not connected in time, and not that nobody answered", async () => {
    const refused = new Errors.ConnectionError({ reason: "refused", detail: "nobody listens" })
    const transport = { peer: "192.0.2.1:830", open: () => Effect.fail(refused) }
    const client = new NetconfClient({ transport, connectTimeout: "50 millis", reconnect: { schedule: soon } })
    const error = await rejection(client.connect())
    assert(error instanceof Errors.DeadlineError)
    assert.match(
      error.message,
      /^connect on 192.0.2.1:830: not connected within 50 ms; the last attempt: ConnectionError: refused: nobody listens/
    )
  })

  it("takes the times and the delay of its schedule in plain words", async () => {
    let attempts = 0
    const refused = new Errors.ConnectionError({ reason: "refused", detail: "nobody listens" })
    const open = () => Effect.suspend(() => (attempts++, Effect.fail(refused)))
    const schedule = { times: 2, delay: "1 millis" } as const
    const client = new NetconfClient({ transport: { peer: "a", open }, reconnect: { schedule } })
    assert.instanceOf(await rejection(client.connect()), Errors.ConnectionError)
    assert.strictEqual(attempts, 3)
  })

  it("refuses options that cannot be, and to tell states that nobody asked for", async () => {
    const wrong: ReadonlyArray<readonly [object, string]> = [
      [{ waitLimit: 30 }, "waitLimit"],
      [{ readRetries: -1 }, "readRetries"],
      [{ retries: 1 }, "reconnect.retries"],
      [{ schedule: "1 second" }, "reconnect.schedule"],
      [{ schedule: { times: "3" } }, "reconnect.schedule.times"],
      [{ schedule: { times: 3, deley: 1 } }, "reconnect.schedule.deley"]
    ]
    for (const [reconnect, what] of wrong) {
      assert.throws(
        () => new NetconfClient({ hostname: "192.0.2.1", username: "a", reconnect }),
        new RegExp(`^input: ${what}: `)
      )
    }
    await withDevice(async (client) => {
      for (const ask of [() => client.state, () => client.states()]) {
        assert.throws(ask, /reconnect: the client was made without this option/)
      }
    })
    const client = new NetconfClient({ hostname: "192.0.2.1", username: "a", reconnect: true })
    assert.throws(() => client.states(), /call connect\(\) first/)
  })
})
