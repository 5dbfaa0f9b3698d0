import { assert, describe, it } from "@effect/vitest"
import { join, Messages } from "../../src/testing/Messages.ts"

const stream = Buffer.from("<hello/>]]>]]>\n#4\n<a/>\n#4\n<b/>\n##\n\n#4\n<c/>\n##\n")

const read = (pieces: ReadonlyArray<Buffer>) => {
  const found: Array<string> = []
  const messages: Messages = new Messages((parts) => {
    found.push(join(parts).toString())
    messages.upgrade()
  })
  for (const piece of pieces) messages.push(piece)
  return { found, messages }
}

describe("Messages", () => {
  it("reads the same messages however the bytes are cut", () => {
    const whole = ["<hello/>", "<a/><b/>", "<c/>"]
    assert.deepStrictEqual(read([...stream].map((byte) => Buffer.from([byte]))).found, whole)
    for (let at = 0; at <= stream.length; at++) {
      assert.deepStrictEqual(read([stream.subarray(0, at), stream.subarray(at)]).found, whole)
    }
  })

  it("keeps the pieces of a message that has not ended, as views of what was pushed", () => {
    const bytes = Buffer.from("<hello/>]]>]]>\n#9\n<pass")
    const { messages } = read([bytes])
    assert.isTrue(messages.inMessage)
    messages.unfinished[0]!.fill("*")
    assert.strictEqual(bytes.toString(), "<hello/>]]>]]>\n#9\n*****")
  })

  it("says why it is broken, and where the last message ended, and reads nothing more", () => {
    const { found, messages } = read([Buffer.from("<hello/>]]>]]><rpc/>"), stream])
    assert.deepStrictEqual([found, messages.offset], [["<hello/>"], 14])
    assert.include(messages.broken, "expected a chunk to begin")
  })

  it("is broken by a message above its limit before that has ended", () => {
    const found: Array<string> = []
    const messages = new Messages((parts) => found.push(join(parts).toString()), 4)
    messages.push(Buffer.from("<a/>]]>]]><bbb/"))
    assert.deepStrictEqual(found, ["<a/>"])
    assert.include(messages.broken, "too large")
  })
})
