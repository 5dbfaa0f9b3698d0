import { assert, describe, it } from "@effect/vitest"
import * as Capabilities from "../../src/rpc/Capabilities.ts"

const netconf = (name: string) => `urn:ietf:params:netconf:capability:${name}`

describe("Capabilities", () => {
  it("answers to short names, with and without a version, and to URIs", () => {
    const capabilities = Capabilities.make([
      "urn:ietf:params:netconf:base:1.1",
      netconf("validate:1.1"),
      netconf("candidate:1.0")
    ])
    for (const name of [
      ":base:1.1",
      ":base",
      ":validate",
      ":validate:1.1",
      ":candidate",
      ":candidate:1.0",
      netconf("candidate:1.0"),
      "urn:ietf:params:netconf:base:1.1"
    ]) {
      assert.isTrue(capabilities.has(name), name)
    }
    for (const name of [
      ":base:1.0",
      ":validate:1.0",
      ":valid",
      "candidate",
      ":startup",
      "",
      ":",
      "__proto__",
      "constructor"
    ]) {
      assert.isFalse(capabilities.has(name), name)
    }
  })

  it("drops white space around URIs, and empty ones", () => {
    const capabilities = Capabilities.make([`\n   ${netconf("candidate:1.0")}\t `, "", "  "])
    assert.isTrue(capabilities.has(":candidate"))
    assert.deepStrictEqual(capabilities.uris, [netconf("candidate:1.0")])
  })

  it("reads parameters, decoded, and leaves what cannot be decoded", () => {
    const { get } = Capabilities.make(["http://example.com/x?a=b%20c&d=100%&e==&=f&g"])
    assert.deepStrictEqual(Object.fromEntries(get("http://example.com/x")!.parameters), { a: "b c", d: "100%", e: "=" })
  })

  it("reads the schemes of :url", () => {
    assert.deepStrictEqual(Capabilities.make([netconf("url:1.0?scheme=http, ftp,file,")]).urlSchemes, [
      "http",
      "ftp",
      "file"
    ])
    assert.deepStrictEqual(Capabilities.make([netconf("url:1.0")]).urlSchemes, [])
    assert.deepStrictEqual(Capabilities.make([]).urlSchemes, [])
  })

  it("reads modules with revision, features and deviations", () => {
    const { modules } = Capabilities.make([
      "urn:a?module=a&amp;revision=2020-01-01&features=x,y&deviations=a-dev",
      "urn:b?revision=1",
      "urn:c?module=c"
    ])
    assert.deepStrictEqual(modules, [
      { name: "a", namespace: "urn:a", revision: "2020-01-01", features: ["x", "y"], deviations: ["a-dev"] },
      { name: "c", namespace: "urn:c", revision: undefined, features: [], deviations: [] }
    ])
  })

  it("keeps the first of two that share a name", () => {
    const { get } = Capabilities.make([netconf("url:1.0?scheme=file"), netconf("url:1.0?scheme=ftp")])
    assert.strictEqual(get(":url")?.parameters.get("scheme"), "file")
  })

  it("takes 10,000 of them in its stride", () => {
    const capabilities = Capabilities.make(Array.from({ length: 10_000 }, (_, n) => `urn:m${n}?module=m${n}`))
    assert.strictEqual(capabilities.modules.length, 10_000)
    assert.isTrue(capabilities.has("urn:m9999"))
  })

  it("is one object for all hellos that say the same, and of no text but its own", () => {
    const said = () => Capabilities.make([" urn:a?x=1\n", "urn:b"])
    assert.strictEqual(said(), said())
    assert.notStrictEqual(said(), Capabilities.make(["urn:b", "urn:a?x=1"]))
    assert.notStrictEqual(said(), Capabilities.make(["urn:a?x=1,urn:b"]))
    assert.isTrue(Object.isFrozen(said()) && Object.isFrozen(said().uris) && Object.isFrozen(said().modules))
  })

  it("forgets those that have not come for long, and does not keep large ones", () => {
    const first = Capabilities.make(["urn:first"])
    const second = Capabilities.make(["urn:second"])
    for (let i = 0; i < 15; i++) {
      Capabilities.make([`urn:other:${i}`])
      assert.strictEqual(Capabilities.make(["urn:first"]), first)
    }
    assert.notStrictEqual(Capabilities.make(["urn:second"]), second)
    const large = ["urn:large?" + "x".repeat(40_000)]
    assert.notStrictEqual(Capabilities.make(large), Capabilities.make(large))
  })
})
