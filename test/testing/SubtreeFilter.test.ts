import { assert, describe, it } from "@effect/vitest"
import * as Model from "../../src/testing/Model.ts"
import * as SubtreeFilter from "../../src/testing/SubtreeFilter.ts"
import * as Tree from "../../src/testing/Tree.ts"
import * as Element from "../../src/xml/Element.ts"
import * as Parse from "../../src/xml/Parse.ts"
import * as Print from "../../src/xml/Print.ts"

const config = "http://example.com/schema/1.2/config"
const stats = "http://example.com/schema/1.2/stats"
const model = Model.make(Model.open(config, { "top/users/user": ["name"] }), Model.open(stats))

const user = (name: string, type: string, full: string, dept: number, id: number) =>
  `<user><name>${name}</name><type>${type}</type><full-name>${full}</full-name>` +
  `<company-info><dept>${dept}</dept><id>${id}</id></company-info></user>`
const root = user("root", "superuser", "Charlie Root", 1, 1)
const fred = user("fred", "admin", "Fred Flintstone", 2, 2)
const barney = user("barney", "admin", "Barney Rubble", 2, 3)
const top = (users: string) => `<top xmlns="${config}"><users>${users}</users></top>`
const interfaces = (name: string, inside: string) =>
  `<t:top xmlns:t="${stats}"><t:interfaces><t:interface t:ifName="${name}">${inside}</t:interface></t:interfaces></t:top>`
const counters = "<t:ifInOctets>45621</t:ifInOctets><t:ifOutOctets>774344</t:ifOutOctets>"
const children = `<top xmlns="${stats}"><interfaces><interface><ifName>eth0</ifName><ifInOctets>1</ifInOctets></interface><interface><ifName>eth1</ifName></interface></interfaces></top>`

const data = Tree.fromXml(
  top(root + fred + barney) + `<other xmlns="${config}"/>` + interfaces("eth0", counters) + children
)

/** The filter's children against the data; the result has to be exactly what is expected. */
const check = (filter: string, expected: string) => {
  const result = SubtreeFilter.apply(model, data, Parse.decode(`<filter>${filter}</filter>`))
  const children = Tree.fromXml(expected).children
  const message = `${Print.print(result)}\nshould be\n${expected}`
  return [Element.equals(Tree.root(result.children), Tree.root(children)), true, message] as const
}

describe("SubtreeFilter", () => {
  it("selects nothing for an empty filter (§6.4.2)", () => assert.strictEqual(...check("  ", "")))

  it("selects an entire subtree (§6.4.3)", () => {
    assert.strictEqual(...check(`<top xmlns="${config}"><users/></top>`, top(root + fred + barney)))
    assert.strictEqual(...check(`<top xmlns="${config}"><users><user/></users></top>`, top(root + fred + barney)))
  })

  it("selects one kind of element of every entry (§6.4.4)", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${config}"><users><user><name/></user></users></top>`,
        top("<user><name>root</name></user><user><name>fred</name></user><user><name>barney</name></user>")
      )
    ))

  it("selects one entry by its content (§6.4.5)", () =>
    assert.strictEqual(
      ...check(`<top xmlns="${config}"><users><user><name> fred\n</name></user></users></top>`, top(fred))
    ))

  it("selects some elements of one entry (§6.4.6)", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${config}"><users><user><name>fred</name><type/><full-name/></user></users></top>`,
        top("<user><name>fred</name><type>admin</type><full-name>Fred Flintstone</full-name></user>")
      )
    ))

  it("puts several subtrees together, and leaves out the one whose content does not match (§6.4.7)", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${config}"><users>
        <user><name>root</name><company-info/></user>
        <user><name>fred</name><company-info><id/></company-info></user>
        <user><name>barney</name><type>superuser</type><company-info><dept/></company-info></user>
      </users></top>`,
        top(
          "<user><name>root</name><company-info><dept>1</dept><id>1</id></company-info></user>" +
            "<user><name>fred</name><company-info><id>2</id></company-info></user>"
        )
      )
    ))

  it("matches attributes by namespace and value (§6.4.8)", () => {
    assert.strictEqual(...check(interfaces("eth0", "").replace("></t:interface>", "/>"), interfaces("eth0", counters)))
    assert.strictEqual(...check(interfaces("eth1", ""), ""))
    assert.strictEqual(
      ...check(`<t:top xmlns:t="${stats}"><t:interfaces><t:interface ifName="eth0"/></t:interfaces></t:top>`, "")
    )
  })

  it("matches by content where the name is a child (§6.4.8)", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${stats}"><interfaces><interface><ifName>eth0</ifName></interface></interfaces></top>`,
        children.replace("<interface><ifName>eth1</ifName></interface>", "")
      )
    ))

  it("matches any namespace where the filter has none (§6.2.1)", () => {
    assert.strictEqual(
      ...check(
        "<top><interfaces><interface><ifName>eth1</ifName></interface></interfaces></top>",
        `<top xmlns="${stats}"><interfaces><interface><ifName>eth1</ifName></interface></interfaces></top>`
      )
    )
    assert.strictEqual(...check("<other/>", `<other xmlns="${config}"/>`))
    assert.strictEqual(...check(`<top xmlns="urn:nobody"/>`, ""))
  })

  it("does not repeat what several expressions select", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${config}"><users><user><name>fred</name><type/></user></users></top><top xmlns="${config}"><users><user><name>fred</name><type/><full-name/></user></users></top>`,
        top("<user><name>fred</name><type>admin</type><full-name>Fred Flintstone</full-name></user>")
      )
    ))

  it("adds the keys of an entry of which something else is selected", () =>
    assert.strictEqual(
      ...check(
        `<top xmlns="${config}"><users><user><company-info><dept/></company-info></user></users></top>`,
        top(
          ["root", "fred", "barney"]
            .map(
              (name, at) =>
                `<user><name>${name}</name><company-info><dept>${at === 0 ? 1 : 2}</dept></company-info></user>`
            )
            .join("")
        )
      )
    ))
})
