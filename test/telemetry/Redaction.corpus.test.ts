/**
 * Lines of configuration and messages as devices and people write them, in test/telemetry/corpus, one in a line (`\n` is a
 * line feed). In those that hold a secret it is the word `hunter2`.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { standard } from "../../src/telemetry/Redaction.ts"
import { decode } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"

const linesOf = (name: string): ReadonlyArray<string> =>
  readFileSync(new URL(`corpus/${name}.txt`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("# "))
    .map((line) => line.replaceAll("\\n", "\n"))

describe("Redaction of the corpus", () => {
  for (const line of linesOf("secret-lines")) {
    it(`hides the secret of ${JSON.stringify(line)}`, () => {
      const shown = standard.text(line)
      assert.notInclude(shown, "hunter2")
      assert.strictEqual(standard.text(shown), shown, "and once more")
    })
  }

  for (const line of linesOf("secret-elements")) {
    it(`hides the secret of ${line.slice(0, 100)}`, () => {
      assert.notInclude(print(standard.element(decode(line))), "hunter2")
    })
  }

  for (const line of linesOf("innocent-lines")) {
    it(`leaves ${JSON.stringify(line)} as it is`, () => assert.strictEqual(standard.text(line), line))
  }

  it("shows what is public, though it stands where secrets stand", () => {
    for (const text of [
      "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----",
      "-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----",
      "/key-chains/key-chain[name='kc']/key[key-id='1']/send-lifetime",
      "radius server a\n address ipv4 192.0.2.1\n!\ninterface x\n key of the door",
      "snmp-server host 192.0.2.1 traps version 3 auth ops"
    ]) {
      assert.strictEqual(standard.text(text), text)
    }
    for (const xml of [
      "<bgp><community>hunter2</community></bgp>",
      "<vrf><community>65000:1</community></vrf>",
      "<v3><security-name>ops</security-name></v3>"
    ]) {
      assert.strictEqual(print(standard.element(decode(xml))), xml)
    }
  })

  it("shows which words announce a secret, and hides them where nothing follows", () => {
    assert.strictEqual(standard.text("snmp-server community read RO 10"), "snmp-server community [redacted] RO 10")
    assert.strictEqual(standard.text("pre-shared-key local"), "pre-shared-key [redacted]")
  })
})
