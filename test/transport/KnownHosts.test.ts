import { assert, describe, it } from "@effect/vitest"
import * as KnownHosts from "../../src/transport/KnownHosts.ts"
import { blob, ecdsa, ed25519, hashed, other, rsa, text } from "./keys.ts"

const find = (content: string, host: string, port = 830) => {
  const { authorities, bare, exact, revoked } = KnownHosts.find(KnownHosts.parse(content, "kh"), host, port)
  const lines = (each: ReadonlyArray<KnownHosts.Line>) => each.map((line) => line.line)
  return { exact: lines(exact), bare: lines(bare), revoked: lines(revoked), authorities: lines(authorities) }
}

const nothing = { exact: [], bare: [], revoked: [], authorities: [] }

describe("KnownHosts.parse", () => {
  it("keeps file, line number and key type", () => {
    const [line, second] = KnownHosts.parse(
      `# comment\n\nleaf-01 ${text(ed25519)} a comment\n  leaf-02\t${text(rsa)}`,
      "kh"
    )
    assert.deepStrictEqual(line, {
      file: "kh",
      line: 3,
      marker: "",
      hosts: "leaf-01",
      type: "ssh-ed25519",
      blob: blob(ed25519)
    })
    assert.strictEqual(KnownHosts.place(second!), "kh:4")
  })

  it.each([
    ["a host alone", "leaf-01"],
    ["no key", "leaf-01 ssh-ed25519"],
    ["a key that is cut", `leaf-01 ssh-ed25519 ${ed25519.base64.slice(0, 8)}`],
    ["a type that the key does not say", `leaf-01 ssh-rsa ${ed25519.base64}`],
    ["no base64", "leaf-01 ssh-ed25519 !!!!"],
    ["a key of SSH 1", "leaf-01 1024 35 1234567890"],
    ["an unknown marker", `@trusted leaf-01 ${text(ed25519)}`],
    ["a marker alone", "@revoked"],
    ["a commented key", `#leaf-01 ${text(ed25519)}`]
  ])("skips a line with %s and reads the next", (_what, broken) => {
    const lines = KnownHosts.parse(`${broken}\nleaf-02 ${text(ed25519)}\n`, "kh")
    assert.deepStrictEqual(
      lines.map((line) => line.hosts),
      ["leaf-02"]
    )
  })

  it("reads files with carriage returns, and an empty one", () => {
    assert.lengthOf(KnownHosts.parse(`leaf-01 ${text(ed25519)}\r\nleaf-02 ${text(ed25519)}\r\n`, "kh"), 2)
    assert.lengthOf(KnownHosts.parse("", "kh"), 0)
  })

  it("begins no line at a lone carriage return, which a comment may hold", () => {
    assert.lengthOf(KnownHosts.parse(`# note\rleaf-01 ${text(ed25519)}\n`, "kh"), 0)
  })
})

describe("KnownHosts.find", () => {
  it("looks for [host]:port, then for the bare host", () => {
    const content = `leaf-01 ${text(ed25519)}\n[leaf-01]:830 ${text(ecdsa)}\n[leaf-01]:22 ${text(rsa)}\n[leaf-01]:2222 ${text(rsa)}`
    assert.deepStrictEqual(find(content, "leaf-01"), { ...nothing, exact: [2], bare: [1] })
  })

  it("knows a host on port 22 by its bare name alone", () => {
    const content = `leaf-01 ${text(ed25519)}\n[leaf-01]:22 ${text(rsa)}`
    assert.deepStrictEqual(find(content, "leaf-01", 22), { ...nothing, exact: [1] })
  })

  it("ignores case", () => {
    assert.deepStrictEqual(find(`Leaf-01.Example ${text(ed25519)}`, "LEAF-01.example").bare, [1])
  })

  it("takes several names, addresses and keys", () => {
    const content = `leaf-01,192.0.2.1,2001:db8::1 ${text(ed25519)}\n192.0.2.1 ${text(rsa)}\n[2001:db8::1]:830 ${text(rsa)}`
    assert.deepStrictEqual(find(content, "192.0.2.1").bare, [1, 2])
    assert.deepStrictEqual(find(content, "2001:db8::1"), { ...nothing, exact: [3], bare: [1] })
  })

  it.each([
    ["*", "leaf-01", true],
    ["leaf-*", "leaf-01", true],
    ["*.example", "a.b.example", true],
    ["leaf-0?", "leaf-01", true],
    ["leaf-?", "leaf-01", false],
    ["leaf-0", "leaf-01", false],
    ["leaf-011", "leaf-01", false],
    ["*-*1", "leaf-01", true],
    ["*2", "leaf-01", false],
    ["leaf.01", "leaf-01", false],
    ["[a-z]*", "leaf-01", false],
    ["leaf-*,!leaf-01", "leaf-01", false],
    ["!leaf-01,leaf-*", "leaf-01", false],
    ["!leaf-02,leaf-*", "leaf-01", true],
    ["!leaf-02", "leaf-01", false]
  ])("matches %s against %s: %s", (pattern, host, expected) => {
    assert.strictEqual(find(`${pattern} ${text(ed25519)}`, host, 22).exact.length === 1, expected)
  })

  it("matches patterns against the name with its port", () => {
    assert.deepStrictEqual(
      find(`[leaf-*]:830 ${text(ed25519)}\n[*]:831 ${text(ed25519)}\n* ${text(rsa)}`, "leaf-01").exact,
      [1, 3]
    )
  })

  it("is not slow on a pattern made to be", () => {
    const content = `${"*a".repeat(400)}b ${text(ed25519)}`
    const began = performance.now()
    assert.deepStrictEqual(find(content, "a".repeat(250), 22), nothing)
    assert.isBelow(performance.now() - began, 2_000)
  })

  it("reads names that ssh-keygen -H has hashed", () => {
    assert.deepStrictEqual(find(hashed, "leaf-01"), { ...nothing, bare: [1] })
    assert.deepStrictEqual(find(hashed, "Leaf-02"), { ...nothing, exact: [2] })
    assert.deepStrictEqual(find(hashed, "192.0.2.7", 22), { ...nothing, exact: [3] })
    assert.deepStrictEqual(find(hashed, "leaf-03"), nothing)
  })

  it("skips hashes of an unknown kind, and broken ones", () => {
    assert.deepStrictEqual(
      find(`|2|a|b ${text(ed25519)}\n|1|only ${text(ed25519)}\n| ${text(ed25519)}`, "leaf-01"),
      nothing
    )
  })

  it("keeps revoked keys and certificate authorities apart, under either name", () => {
    const content = `@revoked * ${text(rsa)}\n@cert-authority leaf-01 ${text(ed25519)}\n@revoked [leaf-01]:830 ${text(other)}`
    assert.deepStrictEqual(find(content, "leaf-01"), { ...nothing, revoked: [1, 3], authorities: [2] })
  })
})

describe("KnownHosts.fingerprint", () => {
  it.each([ed25519, ecdsa, rsa, other])("prints $type as ssh-keygen does", (key) => {
    assert.strictEqual(KnownHosts.fingerprint(blob(key)), key.fingerprint)
  })
})
