import { assert, describe, it } from "@effect/vitest"
import * as Secrets from "../../src/testing/Secrets.ts"

describe("Secrets", () => {
  it.each([
    ["<password>hunter2</password>", "hunter2"],
    ["<a:authentication-key x='1'>hunter2</a:authentication-key>", "hunter2"],
    ["<community><name>hunter2</name><access>ro</access></community>", "hunter2"],
    ["<password><![CDATA[hunter2]]></password>", "hunter2"],
    ["<text>enable secret 5 hunter2\n</text>", "hunter2"],
    ["<text>neighbor x password 7 0822455D0A16</text>", "0822455D0A16"],
    ["<value>$9$hunter2</value>", "hunter2"],
    ["<v>-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----</v>", "hunter2"],
    ["<url>https://user:hunter2@example.net/x</url>", "hunter2"],
    [`<filter select="/snmp/x[t:community='hunter2']/y"/>`, "hunter2"],
    ["<server password='hunter2'/>", "hunter2"],
    ["<password>hunter2", "hunter2"]
  ])("hides the secret in %s", (text, secret) => {
    const hidden = Secrets.hide(text)
    assert.notInclude(hidden, secret)
    assert.strictEqual(hidden.length, text.length)
  })

  it("leaves everything else as it is, also behind a secret", () => {
    const text = "<user><name>ops</name><password>*******</password><mtu>1500</mtu><!-- a comment --></user>"
    assert.strictEqual(Secrets.hide(text.replace("*******", "hunter2")), text)
  })

  // Anything quadratic takes minutes here.
  it("gets through a long message", () => {
    const long = `<description>${"password ".repeat(50_000)}</description><key>${"x".repeat(500_000)}`
    assert.notInclude(Secrets.hide(long), "xx")
  })
})
