import { assert, describe, it } from "@effect/vitest"
import * as Model from "../../src/testing/Model.ts"
import { Refused } from "../../src/testing/Refusal.ts"
import * as Tree from "../../src/testing/Tree.ts"
import * as XPathFilter from "../../src/testing/XPathFilter.ts"
import * as Element from "../../src/xml/Element.ts"
import * as Print from "../../src/xml/Print.ts"

const config = "http://example.com/schema/1.2/config"
const model = Model.make(Model.open(config, { "top/user": ["name"] }))
const scope = { t: config }
const fred = "<user><name>fred</name><uid>2</uid><tag>x</tag><tag>y</tag></user>"
const barney = `<user><name>bar'ney</name><uid>3</uid></user>`
const top = (inside: string) => `<top xmlns="${config}">${inside}</top>`
const data = Tree.fromXml(top(`${fred}${barney}<uid>0</uid>`))

const check = (expression: string, expected: string) => {
  const result = XPathFilter.apply(model, data, expression, scope)
  const message = `${expression}: ${Print.print(result)}`
  return [
    Element.equals(Tree.root(result.children), Tree.root(Tree.fromXml(expected).children)),
    true,
    message
  ] as const
}

const refusal = (expression: string): string | undefined => {
  try {
    XPathFilter.apply(model, data, expression, scope)
    return undefined
  } catch (error) {
    return error instanceof Refused ? error.refusals[0]!.tag : String(error)
  }
}

describe("XPathFilter", () => {
  it("selects an entry by its key (§8.9.5.1)", () => {
    assert.strictEqual(...check("/t:top/t:user[t:name='fred']", top(fred)))
    assert.strictEqual(...check(`/t:top/t:user[t:name="bar'ney"]`, top(barney)))
  })
  it("adds ancestors and keys to what is selected", () =>
    assert.strictEqual(
      ...check(
        "/t:top/t:user/t:uid",
        top("<user><name>fred</name><uid>2</uid></user><user><name>bar'ney</name><uid>3</uid></user>")
      )
    ))
  it("knows descendants, wildcards and unions", () => {
    assert.strictEqual(...check("//t:tag[.='y']", top("<user><name>fred</name><tag>y</tag></user>")))
    assert.strictEqual(...check("/*/t:uid | /t:top/t:user[2]", top(`${barney}<uid>0</uid>`)))
    assert.strictEqual(...check("/", top(`${fred}${barney}<uid>0</uid>`)))
  })
  it("knows several predicates, and, existence and inequality", () => {
    assert.strictEqual(
      ...check(
        "/t:top/t:user[t:tag][t:uid = 2 and t:name='fred']/t:uid",
        top("<user><name>fred</name><uid>2</uid></user>")
      )
    )
    assert.strictEqual(...check("/t:top/t:user[t:uid != '2']", top(barney)))
  })
  it("does not match a name without prefix, as XPath 1.0 has it", () => assert.strictEqual(...check("/top", "")))
  it("refuses what it does not support as not supported", () => {
    for (const expression of ["t:top", "/t:top[count(t:user)=2]", "/t:top/..", "/t:top/@x", "/t:top/child::t:user"]) {
      assert.strictEqual(refusal(expression), "operation-not-supported", expression)
    }
  })
  it("refuses what is not XPath as an invalid value", () => {
    for (const expression of ["", "/t:top/", "/x:top", "/t:top[t:name='fred", "/t:top[t:name='fred'"]) {
      assert.strictEqual(refusal(expression), "invalid-value", expression)
    }
  })
})
