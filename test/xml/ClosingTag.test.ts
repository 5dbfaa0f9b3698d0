import { assert, describe, it } from "@effect/vitest"
import { nameAtEnd } from "../../src/xml/ClosingTag.ts"

const read = (text: string) => nameAtEnd(Buffer.from(text))

describe("ClosingTag.nameAtEnd", () => {
  it("reads the name with its prefix", () => {
    assert.strictEqual(read("<a></a>"), "a")
    assert.strictEqual(read("</nc:rpc-reply>"), "nc:rpc-reply")
  })

  it("skips white space, NUL and BEL behind the tag, and white space inside", () => {
    assert.strictEqual(read("<a></a>\r\n\t \0\u0007"), "a")
    assert.strictEqual(read("<a></a \n>"), "a")
  })

  for (const text of ["", ">", "a>", "/a>", "<a>", "<a/>", "</a", "</a>x", "</a>-->", "<!-- a -->", "]]>", " "]) {
    it(`finds none at the end of ${JSON.stringify(text)}`, () => assert.isUndefined(read(text)))
  }

  it("looks no further than a closing tag can be long", () => {
    assert.strictEqual(read(`</${"a".repeat(250)}>`), "a".repeat(250))
    assert.isUndefined(read(`</${"a".repeat(260)}>`))
  })
})
