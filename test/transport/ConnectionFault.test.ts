import { assert, describe, it } from "@effect/vitest"
import * as ConnectionFault from "../../src/transport/ConnectionFault.ts"

const systemError = (code: string, address?: string, port?: number) =>
  Object.assign(new Error(`connect ${code}`), { code, address, port })

const convert = (error: unknown) => ConnectionFault.toConnectionError(error, { label: "leaf-01", peer: "leaf-01:830" })

describe("ConnectionFault.toConnectionError", () => {
  it.each([
    ["ECONNREFUSED", "refused"],
    ["EHOSTUNREACH", "unreachable"],
    ["ENETUNREACH", "unreachable"],
    ["EADDRNOTAVAIL", "unreachable"],
    ["ENOTFOUND", "dns"],
    ["EAI_AGAIN", "dns"],
    ["ETIMEDOUT", "timeout"],
    ["ECONNRESET", "reset"],
    ["EPIPE", "reset"],
    ["ECONNABORTED", "reset"],
    ["ENOENT", "refused"],
    ["ESOMETHINGNEW", "unreachable"]
  ])("calls %s %s", (code, reason) => {
    const error = convert(systemError(code, "192.0.2.1", 830))
    assert.strictEqual(error.reason, reason)
    assert.include(error.detail, `${code} 192.0.2.1:830`)
    assert.isUndefined(error.attempts)
  })

  it("tells each address that was tried, and takes its reason from the most telling one", () => {
    const error = convert(
      new AggregateError([
        systemError("ENETUNREACH", "2001:db8::1", 830),
        systemError("ECONNREFUSED", "192.0.2.1", 830)
      ])
    )
    assert.strictEqual(error.reason, "refused")
    assert.deepStrictEqual(error.attempts, ["ENETUNREACH [2001:db8::1]:830", "ECONNREFUSED 192.0.2.1:830"])
    assert.include(error.message, "tried ENETUNREACH [2001:db8::1]:830; ECONNREFUSED 192.0.2.1:830")
  })

  it("bears an empty AggregateError and values that are no errors", () => {
    for (const odd of [new AggregateError([]), undefined, null, "text"])
      assert.strictEqual(convert(odd)._tag, "ConnectionError")
  })

  it("finds the code in what caused the error", () => {
    const error = convert(new Error("open failed", { cause: systemError("ECONNREFUSED") }))
    assert.deepStrictEqual([error.reason, error.detail.includes("ECONNREFUSED")], ["refused", true])
  })
})
