import { assert, describe, it } from "@effect/vitest"
import * as Target from "../../src/transport/Target.ts"

const check = (target: Partial<Target.Target>) =>
  Target.check({ host: "leaf-01", port: 830, localAddress: undefined, ...target })?.what

describe("Target", () => {
  it("is a host name or an address that a shell command can hold", () => {
    for (const host of ["leaf-01.example.net", "192.0.2.1", "2001:db8::1", "fe80::1%eth0"]) {
      assert.isUndefined(check({ host }))
    }
    for (const host of ["", "-p", "a b", "$(id)", "a;b", "a\n", "a".repeat(256)])
      assert.strictEqual(check({ host }), "host")
  })

  it("is refused with its port, and when it is no text", () => {
    for (const host of ["leaf-01:830", "192.0.2.1:22", undefined, null, 7])
      assert.strictEqual(check({ host: host as never }), "host")
  })

  it("has a port from 1 to 65535", () => {
    assert.strictEqual(check({ port: "830" as never }), "port")
    assert.deepStrictEqual(
      [1, 65_535].map((port) => check({ port })),
      [undefined, undefined]
    )
    for (const port of [0, 65_536, 8.3, Number.NaN]) assert.strictEqual(check({ port }), "port")
  })

  it("is dialled from an IP address", () => {
    assert.isUndefined(check({ localAddress: "192.0.2.7" }))
    assert.strictEqual(check({ localAddress: "eth0" }), "localAddress")
  })

  it("is named with an IPv6 address in brackets", () => {
    assert.deepStrictEqual(
      [Target.peerName("leaf-01", 830), Target.peerName("2001:db8::1", 22)],
      ["leaf-01:830", "[2001:db8::1]:22"]
    )
  })
})
