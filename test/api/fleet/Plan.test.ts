import { assert, describe, it } from "@effect/vitest"
import * as Schedule from "effect/Schedule"
import type { Device } from "../../../src/api/Fleet.ts"
import * as FleetPlan from "../../../src/api/fleet/Plan.ts"
import { named, numbered } from "../fleet.ts"

const devices = named(numbered(7), (name) => (name === "d3" ? { tags: ["edge"] } : {}))
const fleet = new Map(devices.map((device) => [device.name, device]))
const plan = (options: FleetPlan.RunOptions) => FleetPlan.make(fleet, options)
const steps = (options: FleetPlan.RunOptions) =>
  plan(options).steps.map((step) => [step.name, step.devices.map(({ name }) => name).join(" ")])
const refusal = (options: FleetPlan.RunOptions): string => {
  try {
    plan(options)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return "nothing was refused"
}

describe("FleetPlan", () => {
  it("takes all devices in one step, in the order of the fleet", () => {
    assert.deepStrictEqual(steps({}), [[undefined, "d1 d2 d3 d4 d5 d6 d7"]])
  })

  it("takes named devices in their own order, and those that a test accepts", () => {
    assert.deepStrictEqual(steps({ devices: ["d5", "d1"] }), [[undefined, "d5 d1"]])
    const edge = (device: Device) => device.tags?.includes("edge") === true
    assert.deepStrictEqual(steps({ devices: edge }), [[undefined, "d3"]])
  })

  it("puts the canary first, by number or by name, and the rest into batches", () => {
    assert.deepStrictEqual(steps({ canary: 1, batch: 4 }), [
      ["canary", "d1"],
      ["batch 1 of 2", "d2 d3 d4 d5"],
      ["batch 2 of 2", "d6 d7"]
    ])
    assert.deepStrictEqual(steps({ canary: ["d6", "d2"] }), [
      ["canary", "d6 d2"],
      ["rest", "d1 d3 d4 d5 d7"]
    ])
    assert.deepStrictEqual(steps({ canary: 7 }), [["canary", "d1 d2 d3 d4 d5 d6 d7"]])
  })

  it("stops at the first failure by default where there is a canary or a batch", () => {
    assert.deepStrictEqual(plan({ canary: 1 }).stopAfter, { failures: 1 })
    assert.deepStrictEqual(plan({ batch: 2 }).stopAfter, { failures: 1 })
    assert.strictEqual(plan({}).stopAfter, "first write")
    assert.strictEqual(plan({ canary: 1, stopAfter: "never" }).stopAfter, "never")
    assert.deepStrictEqual(plan({ stopAfter: { ratio: 0.5 } }).stopAfter, { ratio: 0.5, atLeast: 10 })
  })

  for (const [what, options, message] of [
    [
      "an option that does not exist",
      { concurency: 3 },
      /concurency: no such option, did you mean concurrency\? There are devices, concurrency/
    ],
    [
      "a name that is not in the fleet",
      { devices: ["d8"] },
      /devices: there is no device called d8; near it: d1, d2, d3/
    ],
    ["a name that is there twice", { devices: ["d1", "d1"] }, /devices: d1 is named twice/],
    ["no name", { devices: [] }, /devices: expected at least one name, got an empty list/],
    ["a test that accepts none", { devices: () => false }, /devices: none of the fleet's 7 is wanted/],
    ["a canary that does not take part", { devices: ["d1"], canary: ["d2"] }, /canary: there is no device called d2/],
    ["a canary of no device", { canary: 0 }, /canary: expected a whole number from 1, got 0/],
    ["a canary of no name", { canary: [] }, /canary: expected at least one name, got an empty list/],
    ["a soak without a canary", { soak: "1 minute" }, /soak: there is no canary to wait for/],
    ["a soak that is no duration", { canary: 1, soak: "soon" as "1 minute" }, /soak: "soon" is not a duration/],
    ["half a device at once", { concurrency: 0.5 }, /concurrency: expected a whole number from 1, got 0.5/],
    ["a batch of none", { batch: 0 }, /batch: expected a whole number from 1/],
    ["no failure", { stopAfter: { failures: 0 } }, /stopAfter.failures: expected a whole number from 1/],
    [
      "a ratio in percent",
      { stopAfter: { ratio: 10 } },
      /stopAfter.ratio: expected a number above 0 and up to 1, got 10/
    ],
    ["more canaries than devices", { canary: 8 }, /canary: expected at most the 7 that the run has, got 8/],
    [
      "one name in the place of a list",
      { devices: "d1" },
      /devices: expected a list of names, got "d1"; write \["d1"\]/
    ],
    ["a canary in the place of a list", { canary: "d1" }, /canary: expected a list of names, got "d1"/],
    ["a number in quotes", { concurrency: "2" }, /concurrency: expected a whole number from 1, got "2"/],
    ["seconds as a bare number", { canary: 1, soak: 30 }, /soak: 30 would be milliseconds; write "30 seconds"/],
    ["two rules in one", { stopAfter: { failures: 5, ratio: 0.01 } }, /stopAfter: expected .*, got both/],
    ["a rule without a number", { stopAfter: {} }, /stopAfter: expected .*, got neither/],
    ["a misspelt rule", { stopAfter: { failure: 1 } }, /stopAfter.failure: no such option, did you mean failures\?/],
    ["atLeast of failures", { stopAfter: { failures: 1, atLeast: 5 } }, /stopAfter.atLeast: it belongs to ratio/],
    ["a Schedule without a tag", { retry: Schedule.recurs(1) }, /retry: expected error tags, .*, got a Schedule/],
    ["a number of retries", { retry: 3 }, /retry: expected error tags, .*, got 3/],
    ["a plan of the Promise API", { retry: { RpcError: { times: 3 } } }, /retry.RpcError: expected a Schedule/],
    [
      "a misspelt error",
      { retry: { ConectionError: Schedule.recurs(1) } },
      /retry.ConectionError: no such error, did you mean ConnectionError\?/
    ],
    ["an error by half its name", { retry: { Channel: Schedule.recurs(1) } }, /did you mean ChannelError\?/],
    ["a rule that is none", { stopAfter: 3 as unknown as "never" }, /stopAfter: expected \{ failures: 3 \}/],
    [
      "to retry a login",
      { retry: { AuthError: Schedule.recurs(1) } },
      /retry.AuthError: it is never retried; .* ConnectionError, ChannelError, DeadlineError, RpcError may be/
    ]
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.match(refusal(options as FleetPlan.RunOptions), message)
    })
  }

  it("retries a program's own errors, also where they sound like the library's", () => {
    for (const tag of ["NotYet", "IpcError", "BatteryError"]) {
      assert.doesNotThrow(() => plan({ retry: { [tag]: Schedule.recurs(1) } }))
    }
  })

  const done = { device: "d1", outcome: "failed", wrote: false, canary: false } as const

  it("goes on after a success", () => {
    const success = { ...done, outcome: "succeeded", wrote: true, canary: true } as const
    for (const rule of [{ failures: 1 }, "never", "first write"] as const) {
      assert.isUndefined(FleetPlan.stopsAfter(rule, success, { done: 5, failures: 4 }))
    }
    assert.isUndefined(FleetPlan.stopsAfter({ ratio: 0.5 }, success, { done: 10, failures: 4 }))
  })

  it("stops after a success too when that makes the ratio count", () => {
    const success = { ...done, device: "d10", outcome: "succeeded" } as const
    const stopped = FleetPlan.stopsAfter({ ratio: 0.3, atLeast: 10 }, success, { done: 10, failures: 9 })
    const detail = "d10 succeeded; 9 of the 10 that are done did not succeed"
    assert.deepStrictEqual(stopped, { by: "failures", detail })
  })

  it("stops for a failure in the canary, also with never", () => {
    const stopped = FleetPlan.stopsAfter("never", { ...done, canary: true }, { done: 1, failures: 1 })
    assert.deepStrictEqual(stopped, { by: "canary", detail: "d1 failed, and it is of the canary" })
    assert.isUndefined(FleetPlan.stopsAfter("never", done, { done: 1, failures: 1 }))
  })

  it("without a rule stops for a failure after a write only", () => {
    assert.isUndefined(FleetPlan.stopsAfter("first write", done, { done: 9, failures: 9 }))
    const stopped = FleetPlan.stopsAfter("first write", { ...done, wrote: true }, { done: 1, failures: 1 })
    assert.deepStrictEqual(stopped, { by: "failures", detail: "d1 failed after it had sent a write" })
    const unknown = { ...done, outcome: "unknown" } as const
    assert.isDefined(FleetPlan.stopsAfter("first write", unknown, { done: 1, failures: 1 }))
  })

  it("counts failures up to their number", () => {
    assert.isUndefined(FleetPlan.stopsAfter({ failures: 3 }, done, { done: 50, failures: 2 }))
    const stopped = FleetPlan.stopsAfter({ failures: 3 }, { ...done, outcome: "unknown" }, { done: 50, failures: 3 })
    assert.strictEqual(stopped?.detail, "d1 is in an unknown state; 3 of the 50 that are done did not succeed")
  })

  it("looks at the ratio once enough devices are done", () => {
    const rule = { ratio: 0.25, atLeast: 8 }
    assert.isUndefined(FleetPlan.stopsAfter(rule, done, { done: 7, failures: 7 }))
    assert.isUndefined(FleetPlan.stopsAfter(rule, done, { done: 9, failures: 2 }))
    assert.isDefined(FleetPlan.stopsAfter(rule, done, { done: 8, failures: 2 }))
  })
})
