/** What callers without types get wrong in plain async code: refused before anything is sent, in words that help. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Errors from "../../../src/errors.ts"
import { NetconfClient, NetconfFleet } from "../../../src/promise.ts"
import { SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: Error) => error
  )

const withDevice = async (
  use: (client: NetconfClient, device: SimulatedDevice.SimulatedDevice) => Promise<void>
): Promise<void> => {
  const scope = Scope.makeUnsafe()
  try {
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make(), scope))
    await using client = new NetconfClient({ label: "sim", transport: device.transport })
    await client.connect()
    await use(client, device)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** As a caller without types sees it. */
type Anything = Record<string, (...args: ReadonlyArray<unknown>) => Promise<unknown>>

const minute = { timeout: "1 minute", config: hostname("r1") }
const verify = async () => {}

describe("a mistaken call of a client", () => {
  const calls: ReadonlyArray<readonly [method: string, args: ReadonlyArray<unknown>, message: RegExp]> = [
    ["locked", ["running", verify], /datastores: expected a list, such as .*, got "running"/],
    ["locked", [verify, ["running"]], /program: expected a function, got a list/],
    ["locked", [["running"]], /program: expected a function, got undefined; write async \(inside\)/],
    ["locked", [["running"], verify, { wait: "1 minute" }], /wait: expected \{ every: "2 seconds", .*got "1 minute"/],
    ["locked", [["running"], verify, { wait: { every: "1 second", upto: 1 } }], /wait.upto: .*mean upTo\?/],
    ["locked", [["running"], verify, { breakstale: verify }], /breakstale: .*mean breakStale\?/],
    ["confirmedCommit", [minute], /verify: expected a function, got undefined/],
    ["confirmedCommit", [verify, minute], /confirmedCommit: expected options in an object .*got a function/],
    ["confirmedCommit", [{ ...minute, verifyon: 1 }, verify], /verifyon: .*mean verifyOn\?/],
    ["lockedEditConfig", [{ config: hostname("r1"), saved: true }], /edit.saved: .*mean save\?/],
    ["subscribe", [null], /create-subscription on sim: options: expected options in an object .*got null/],
    ["subscribe", ["NETCONF"], /expected options in an object, got text; write \{ stream: "NETCONF" \}/],
    ["subscribe", [{ strem: "x" }], /create-subscription on sim: strem: no such option, did you mean stream\?/],
    ["subscribe", [{ capacity: 10 }], /capacity: no such option, did you mean queueSize\?/],
    ["subscribe", [{ filter: {} }], /filter: expected XML text or elements, got an object/],
    ["subscribe", [{ signal: new AbortController() }], /signal: expected an AbortSignal, .*give its signal/],
    ["get", [{ signal: new AbortController() }], /signal: expected an AbortSignal, .*give its signal/],
    ["get", [{ signal: "stop" }], /signal: expected an AbortSignal, got a string/],
    ["editConfig", [{ config: hostname("r1"), changeId: 1042 }], /changeId: expected text on one line, .*got 1042/],
    ["locked", [["running"], verify, { changeId: "a\nb" }], /changeId: expected text on one line/]
  ]
  for (const [method, args, message] of calls) {
    it(`${method}: ${message.source} is refused`, async () => {
      await withDevice(async (client, device) => {
        const error = await rejection((client as unknown as Anything)[method]!(...args))
        assert.instanceOf(error, Errors.InputError)
        assert.match(error.message, message)
        assert.lengthOf(device.log, 0)
      })
    })
  }

  it("takes the signal of an AbortController at connect, and not itself", async () => {
    const client = new NetconfClient({ hostname: "192.0.2.1", username: "a" })
    const error = await rejection(client.connect({ signal: { aborted: false } as never }))
    assert.match(error.message, /signal: expected an AbortSignal, got an object/)
  })

  for (const verifyOn of ["new-session", "this-session"] as const) {
    it(`cancels a confirmed commit whose check resolves to false on ${verifyOn}`, async () => {
      await withDevice(async (client, device) => {
        const options = { timeout: "1 minute", config: hostname("r1"), verifyOn } as const
        const error = await rejection(client.confirmedCommit(options, async () => false))
        assert.match(error.message, /verify: it returned false; fail the check instead/)
        assert.instanceOf(error, Errors.InputError)
        assert.isUndefined(device.confirmedCommit)
        assert.notInclude(print(device.running), "<hostname>r1</hostname>")
      })
    })
  }
})

describe("mistaken options of a client", () => {
  const device = { hostname: "192.0.2.1", username: "admin" }
  const wrong: ReadonlyArray<readonly [what: string, options: unknown, message: RegExp]> = [
    ["none", undefined, /options: expected options in an object/],
    ["a misspelt one", { ...device, hostkey: "accept-any" }, /hostkey: .*mean hostKey\?/],
    ["no address", { username: "admin" }, /hostname: expected a name or an address/],
    ["a port in quotes", { ...device, port: "830" }, /port: "830" is not a port/],
    ["a misspelt deadline", { ...device, deadlines: { rcp: "1 second" } }, /deadlines.rcp: .*mean rpc\?/],
    ["a keepalive that is a duration", { ...device, keepalive: "60 seconds" }, /keepalive: expected options/],
    ["reconnect that is text", { ...device, reconnect: "yes" }, /reconnect: expected options .*got a string/],
    ["a misspelt option of SSH", { ...device, ssh: { keepAlive: 1 } }, /ssh.keepAlive: .*mean keepalive\?/],
    ["bare seconds for SSH", { ...device, ssh: { keepalive: 30 } }, /ssh.keepalive: .*write "30 seconds"/],
    ["pyNetX's name of an option", { ...device, notif_queue_size: 1 }, /did you mean notificationQueueSize\?/],
    ["a change id that is a number", { ...device, changeId: 1042 }, /changeId: expected text on one line/]
  ]
  for (const [what, options, message] of wrong) {
    it(`are refused by its constructor: ${what}`, () => {
      assert.throws(() => new NetconfClient(options as never), message)
    })
  }
})

describe("a mistaken fleet", () => {
  const device = { name: "sw-01", hostname: "192.0.2.1", username: "admin" }
  const wrong: ReadonlyArray<readonly [what: string, devices: unknown, options: object, message: RegExp]> = [
    ["a file", "inventory.yaml", {}, /devices: expected a list .*NetconfFleet.fromInventory\(path\)/],
    ["a port in quotes", [{ ...device, port: "830" }], {}, /device on sw-01: port: "830" is not a port/],
    ["a misspelt deadline", [{ ...device, deadlines: { rcp: 1 } }], {}, /on sw-01: deadlines.rcp: .*mean rpc\?/],
    ["a keepalive that is none", [{ ...device, keepalive: "60 seconds" }], {}, /on sw-01: keepalive: expected options/],
    ["tags that are text", [{ ...device, tags: "leaf" }], {}, /on sw-01: tags: expected a list/],
    ["a misspelt tag", [{ ...device, tag: ["leaf"] }], {}, /on sw-01: tag: .*mean tags\?.*redundancyGroup/],
    ["an audit in a device", [{ ...device, audit: "a" }], {}, /on sw-01: audit: it is no option of a device/],
    ["no device", [undefined], {}, /devices at device 1: expected a device, got undefined/],
    ["a misspelt limit", [device], { maxsessions: 1 }, /maxsessions: .*mean maxSessions\? There are .*audit, changeId/],
    ["idle seconds", [device], { idleTime: 60 }, /idleTime: .*write "60 seconds"/]
  ]
  for (const [what, devices, options, message] of wrong) {
    it(`is refused by its constructor: ${what}`, () => {
      assert.throws(() => new NetconfFleet(devices as never, options), message)
    })
  }

  it("is not read from what is no path", async () => {
    for (const path of [undefined, { path: "a.yaml" }]) {
      const error = await rejection(NetconfFleet.fromInventory(path as never))
      assert.match(error.message, /path: expected the path of an inventory, got/)
    }
    const error = await rejection(NetconfFleet.fromInventory("a.yaml", { formatt: "yaml" } as never))
    assert.match(error.message, /formatt: .*mean format\?/)
  })

  const runs: ReadonlyArray<readonly [what: string, args: ReadonlyArray<unknown>, message: RegExp]> = [
    ["without a program", [], /program: expected a function, got undefined; write async \(client\)/],
    ["with its arguments swapped", [{ concurrency: 2 }, verify], /program: expected a function, got an object/],
    ["with an option that is none", [verify, { tags: ["leaf"] }], /tags: no such option; .*changeId, signal/],
    ["with a controller", [verify, { signal: new AbortController() }], /signal: .*give its signal/],
    ["with an empty change id", [verify, { changeId: "" }], /changeId: expected text on one line/],
    ["with one name", [verify, { devices: "sw-01" }], /devices: expected a list of names.*write \["sw-01"\]/],
    ["with a number of retries", [verify, { retry: 3 }], /retry: expected error tags, \{ ConnectionError: \{ times/],
    ["with a bare Schedule", [verify, { retry: Schedule.recurs(1) }], /retry: expected error tags, .*a Schedule/],
    ["with a misspelt error", [verify, { retry: { ConectionError: { times: 1 } } }], /mean ConnectionError\?/],
    [
      "with an empty plan",
      [verify, { retry: { RpcError: {} } }],
      /retry.RpcError.times: expected a whole number from 0/
    ],
    ["with a misspelt plan", [verify, { retry: { RpcError: { times: 1, deley: 1 } } }], /deley: .*mean delay\?/],
    [
      "with a plan that is a number",
      [verify, { retry: { RpcError: 3 } }],
      /retry.RpcError: expected \{ times: 3.*got 3/
    ],
    ["with a soak in seconds", [verify, { soak: 30, canary: 1 }], /soak: .*write "30 seconds"/]
  ]
  for (const [what, args, message] of runs) {
    it(`is not run ${what}`, async () => {
      await using fleet = new NetconfFleet([device])
      assert.throws(() => (fleet as unknown as Anything)["run"]!(...args), message)
    })
  }
})
