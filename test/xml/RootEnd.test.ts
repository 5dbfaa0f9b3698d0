import { assert, describe, it } from "@effect/vitest"
import { defaultLimits } from "../../src/xml/Parse.ts"
import { find } from "../../src/xml/RootEnd.ts"

const end = (text: string, start = 0, most?: number) => find(text, start, defaultLimits, most).root?.end
const detail = (text: string) => find(text, 0, defaultLimits).detail()

describe("RootEnd.find", () => {
  const roots: ReadonlyArray<readonly [string, string]> = [
    ["an element", "<a>x</a>"],
    ["an empty one", "<a/>"],
    ["one that holds its like", "<a><a/><a></a></a>"],
    ["white space in the closing tag", "<a></a \r\n >"],
    ["characters of two code units", "<a>\u{1f600}</a>"],
    ["line ends of two characters", "<a>\r\n\r\n</a>"],
    ["what looks like its end", "<a b='/a>'><!-- </a> --><![CDATA[</a>]]><?p </a>?></a>"]
  ]
  for (const [what, text] of roots) {
    it(`ends ${what} where it ends, whatever follows`, () => {
      for (const rest of ["", " ", text, "<", "&", "]]>", "\0", "x".repeat(1000)]) {
        assert.strictEqual(end(text + rest), text.length)
        assert.strictEqual(end(`xyz${text}${rest}`, 3), text.length + 3)
      }
    })

    it(`does not end ${what} before that`, () => {
      for (let cut = 0; cut < text.length; cut++) assert.isUndefined(end(text.slice(0, cut)))
    })
  }

  it("tells name and namespace of the root", () => {
    const { root } = find(`<p:a xmlns:p="urn:p"><b/></p:a>`, 0, defaultLimits)
    assert.deepStrictEqual(root, { name: "a", namespace: "urn:p", end: 31 })
  })

  it("says what is wrong, and where", () => {
    assert.strictEqual(detail("<a>\n<b></a>"), "unexpected close tag (line 2, column 7)")
    assert.strictEqual(detail("<a>"), "the message ends inside of its root element (line 1, column 3)")
    assert.match(detail("<a>&x;</a>"), /^undefined entity/)
    assert.match(detail("<p:a/>"), /^unbound namespace prefix/)
    assert.match(detail(`<a><p:1 xmlns:p="urn:p"/></a>`), /^malformed name/)
  })

  it("reads no more than it may, and tells how much that was", () => {
    const text = `<a>${"x".repeat(100)}</a>`
    assert.deepStrictEqual(find(text, 0, defaultLimits, 50).parsed, 50)
    assert.isUndefined(end(text, 0, text.length - 1))
    assert.strictEqual(end(text, 0, text.length), text.length)
    assert.strictEqual(find(`${text}${text}`, 0, defaultLimits).parsed, text.length)
  })
})
