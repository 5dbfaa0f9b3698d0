import { assert, describe, it } from "@effect/vitest"
import * as RpcErrors from "../../src/rpc/RpcErrors.ts"
import { KnownSecrets } from "../../src/telemetry/KnownSecrets.ts"
import { placeholder, standard } from "../../src/telemetry/Redaction.ts"
import { decode } from "../../src/xml/Parse.ts"

const shown = (secrets: ReadonlyArray<string>, text: string): string => standard.hiding(new Set(secrets)).text(text)

describe("KnownSecrets", () => {
  it("finds secrets that begin, end or stand in one another", () => {
    const secrets = ["abcd", "bcdefg", "cdef", "xabcdefy", "efgh-efgh"]
    for (const [text, left] of [
      ["-abcd-", "-*-"],
      ["-abcdefg-", "-*-"],
      ["-xabcdefy-", "-*-"],
      ["-xabcdefz-", "-x*z-"],
      ["-efgh-efgh-efgh-", "-*-"],
      ["-efgh-efg-", "-efgh-efg-"],
      ["-abcabcd-", "-abc*-"]
    ] as const) {
      assert.strictEqual(shown(secrets, text), left.replaceAll("*", placeholder), text)
    }
  })

  it("finds a short one as a whole word, also where a longer one ends in it", () => {
    assert.strictEqual(shown(["-ab", "ab"], "x-ab"), `x-${placeholder}`)
    assert.strictEqual(shown(["zzab", "ab"], "zzab xab ab"), `${placeholder} xab ${placeholder}`)
  })

  it("finds what a search for each of them would find", () => {
    let seed = 7
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below
    const word = (length: number) => Array.from({ length }, () => "abc"[random(3)]).join("")
    for (let round = 0; round < 200; round++) {
      const secrets = Array.from({ length: 1 + random(8) }, () => word(4 + random(5)))
      const text = word(60)
      const hidden = new Set<number>()
      for (const secret of secrets) {
        for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1)) {
          for (let n = at; n < at + secret.length; n++) hidden.add(n)
        }
      }
      const found = new Set<number>()
      for (const [start, end] of new KnownSecrets(secrets).find(text)) for (let n = start; n < end; n++) found.add(n)
      assert.deepStrictEqual([...found].toSorted(), [...hidden].toSorted(), `${secrets} in ${text}`)
    }
  })

  it("finds one of any length", () => {
    for (const length of [63, 64, 65, 5_000]) {
      const secret = "x".repeat(length - 1) + "y"
      assert.strictEqual(shown([secret, "hunter2"], `a ${secret} hunter2 b`), `a ${placeholder} ${placeholder} b`)
    }
  })

  it("reads a text once, however many secrets there are", () => {
    let reads = 0
    class Counted extends String {
      override charCodeAt(index: number): number {
        reads++
        return super.charCodeAt(index)
      }
    }
    const text = "Secret-pw-x".repeat(1_000)
    const secrets = Array.from({ length: 450 }, (_, n) => `Secret-pw-${n}-z`)
    new KnownSecrets(secrets).find(new Counted(text) as string)
    assert.strictEqual(reads, text.length)
  })

  for (const [what, secret] of [
    ["hundreds of", (n: number) => `Secret-pw-${n}-z`],
    ["hundreds of nearly equal", (n: number) => "1".repeat(58) + n],
    ["hundreds of long", (n: number) => `-----BEGIN ${n} ${"abcdefgh".repeat(300)}`]
  ] as const) {
    it(`reads a refusal of 1 MB for ${what} secrets`, { timeout: 20_000 }, () => {
      const redaction = standard.hiding(new Set(Array.from({ length: 450 }, (_, n) => secret(n))))
      const error =
        `<rpc-error><error-tag>operation-failed</error-tag><error-severity>error</error-severity>` +
        `<error-info>${"<b>1</b>".repeat(8_000)}</error-info><error-message>${"1".repeat(1_000)}</error-message></rpc-error>`
      const reply = decode(
        `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">${error.repeat(15)}</rpc-reply>`
      )
      const started = performance.now()
      RpcErrors.collect(reply, () => redaction)
      // Half a second on a quiet machine; a search for each of them takes fourteen.
      assert.isBelow(performance.now() - started, 5_000)
    })
  }
})
