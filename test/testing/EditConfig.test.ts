import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as EditConfig from "../../src/testing/EditConfig.ts"
import * as Model from "../../src/testing/Model.ts"
import * as Refusal from "../../src/testing/Refusal.ts"
import * as SampleModel from "../../src/testing/SampleModel.ts"
import * as Tree from "../../src/testing/Tree.ts"
import * as Element from "../../src/xml/Element.ts"
import * as Parse from "../../src/xml/Parse.ts"
import * as Print from "../../src/xml/Print.ts"

const config = "http://example.com/schema/1.2/config"
const xc = `xmlns:xc="urn:ietf:params:xml:ns:netconf:base:1.0"`
const model = Model.make(
  Model.open(config, {
    "top/interface": ["name"],
    "top/interface/address": ["name"],
    "top/protocols/ospf/area": ["name"],
    "top/protocols/ospf/area/interfaces/interface": ["name"]
  }),
  ...SampleModel.model.modules
)
const top = (inside: string) => `<top xmlns="${config}" ${xc}>${inside}</top>`
const interfaces = (inside: string) => `<interfaces xmlns="${SampleModel.interfaces}" ${xc}>${inside}</interfaces>`
const system = (inside: string) => `<system xmlns="${SampleModel.system}" ${xc}>${inside}</system>`

type Options = Omit<EditConfig.Options, "model">

const store = (text: string) => EditConfig.apply(Tree.root(), Tree.fromXml(text), { model }).data
const edit = (before: string, change: string, options: Options = {}) =>
  EditConfig.apply(store(before), Parse.decode(`<config>${change}</config>`), { model, ...options })
const tags = (result: EditConfig.Result) => result.refusals.map(({ tag }) => tag)

type Pair = readonly [actual: unknown, expected: unknown]

/** What the edit made of it, and what it should have. */
const becomes = (before: string, change: string, after: string, options: Options = {}): Pair => {
  const result = edit(before, change, options)
  return [
    [tags(result), Print.print(result.data)],
    [[], Print.print(store(after))]
  ]
}

/** How it was refused and what is left, and how it should have been: by this one error, with nothing changed. */
const refuses = (before: string, change: string, expected: Refusal.Refusal, options: Options = {}): Pair => {
  const result = edit(before, change, options)
  const found = result.refusals.map(({ message: _message, path, ...rest }) => ({
    ...rest,
    ...(expected.path === undefined ? {} : { path: path?.text })
  }))
  const { path, ...rest } = expected
  const wanted = { ...rest, ...(path === undefined ? {} : { path: path.text }) }
  return [
    [found, Print.print(result.data)],
    [[wanted], Print.print(store(before))]
  ]
}
const at = (text: string): Refusal.Path => ({ text, scope: {} })

const eth0 = "<interface><name>Ethernet0/0</name><mtu>1500</mtu></interface>"
const eth1 = "<interface><name>Ethernet0/1</name><mtu>9000</mtu></interface>"

describe("EditConfig, the examples of RFC 6241 §7.2", () => {
  it("sets the MTU of one interface", () => {
    assert.deepStrictEqual(...becomes("", top(eth0), top(eth0)))
    assert.deepStrictEqual(
      ...becomes(top(eth0 + eth1), top(eth1.replace("9000", "1500")), top(eth0 + eth1.replace("9000", "1500")))
    )
  })

  it("replaces one interface, and no other", () => {
    const address = "<address><name>192.0.2.4</name><prefix-length>24</prefix-length></address>"
    const inside = `<name>Ethernet0/0</name><mtu>1500</mtu>${address}`
    assert.deepStrictEqual(
      ...becomes(
        top(eth0.replace("</mtu>", "</mtu><speed>10</speed>") + eth1),
        top(`<interface xc:operation="replace">${inside}</interface>`),
        top(`<interface>${inside}</interface>${eth1}`)
      )
    )
  })

  it("deletes one interface with default-operation none", () =>
    assert.deepStrictEqual(
      ...becomes(
        top(eth0 + eth1),
        top(`<interface xc:operation="delete"><name>Ethernet0/0</name></interface>`),
        top(eth1),
        {
          defaultOperation: "none"
        }
      )
    ))

  it("deletes an interface deep in the tree and leaves its neighbours", () => {
    const area = (inside: string) =>
      top(`<protocols><ospf><area><name>0.0.0.0</name><interfaces>${inside}</interfaces></area></ospf></protocols>`)
    const entry = (name: string, operation = "") => `<interface ${operation}><name>${name}</name></interface>`
    assert.deepStrictEqual(
      ...becomes(
        area(entry("192.0.2.1") + entry("192.0.2.4")),
        area(entry("192.0.2.4", `xc:operation="delete"`)),
        area(entry("192.0.2.1")),
        { defaultOperation: "none" }
      )
    )
  })
})

describe("EditConfig, the operations", () => {
  it("refuses to create what exists", () =>
    assert.deepStrictEqual(
      ...refuses(
        interfaces("<interface><name>e0</name></interface>"),
        interfaces(`<interface xc:operation="create"><name>e0</name></interface>`),
        { type: "application", tag: "data-exists", path: at("/if:interfaces/if:interface[if:name='e0']") }
      )
    ))
  it("creates what does not", () =>
    assert.deepStrictEqual(
      ...becomes(
        "",
        interfaces(`<interface xc:operation="create"><name>e0</name></interface>`),
        interfaces("<interface><name>e0</name></interface>")
      )
    ))
  it("refuses to delete what does not exist, and removes it without a word", () => {
    const gone = (operation: string) => system(`<hostname xc:operation="${operation}"/>`)
    const before = system("<contact>c</contact>")
    assert.deepStrictEqual(
      ...refuses(before, gone("delete"), {
        type: "application",
        tag: "data-missing",
        path: at("/sys:system/sys:hostname")
      })
    )
    assert.deepStrictEqual(...becomes(before, gone("remove"), before))
    assert.deepStrictEqual(...becomes(system("<contact>c</contact><hostname>h</hostname>"), gone("delete"), before))
  })
  it("lets the operation of an inner element win over that of an outer one", () =>
    assert.deepStrictEqual(
      ...becomes(
        system("<contact>c</contact><hostname>h</hostname>"),
        `<system xmlns="${SampleModel.system}" ${xc} xc:operation="merge"><hostname xc:operation="delete"/><location>l</location></system>`,
        system("<contact>c</contact><location>l</location>")
      )
    ))
  it("replaces everything with default-operation replace", () =>
    assert.deepStrictEqual(
      ...becomes(system("<contact>c</contact>"), system("<hostname>h</hostname>"), system("<hostname>h</hostname>"), {
        defaultOperation: "replace"
      })
    ))
  it("does not remove a key, whatever its operation says", () => {
    const entry = "<interface><name>e0</name></interface>"
    const change = interfaces(entry.replace("<name>", `<name xc:operation="remove">`))
    assert.deepStrictEqual(...becomes(interfaces(entry), change, interfaces(entry)))
  })
  it("creates nothing with default-operation none", () => {
    assert.deepStrictEqual(
      ...refuses(
        system("<contact>c</contact>"),
        system("<hostname>h</hostname>"),
        { type: "application", tag: "data-missing", path: at("/sys:system/sys:hostname") },
        { defaultOperation: "none" }
      )
    )
    assert.deepStrictEqual(
      ...becomes(system("<contact>c</contact>"), system("<contact>other</contact>"), system("<contact>c</contact>"), {
        defaultOperation: "none"
      })
    )
  })
  it("tells entries of a leaf-list apart by their value", () => {
    const search = (...values: ReadonlyArray<string>) =>
      system(`<dns-resolver>${values.map((value) => `<search${value}</search>`).join("")}</dns-resolver>`)
    assert.deepStrictEqual(
      ...becomes(search(">a", ">b"), search(` xc:operation="delete">a`, ">c", ">b"), search(">b", ">c"))
    )
  })
  it("removes containers that mean nothing when they become empty, and keeps those that do", () => {
    assert.deepStrictEqual(
      ...becomes(
        system("<clock><timezone-name>UTC</timezone-name></clock><hostname>h</hostname>"),
        system(`<clock><timezone-name xc:operation="delete"/></clock>`),
        system("<hostname>h</hostname>")
      )
    )
    assert.deepStrictEqual(...becomes("", system("<ntp/>"), system("<ntp/>")))
  })
  it("stores values without white space around what is not a string, and with prefixes that still mean the same", () => {
    const type = `<type xmlns:x="urn:x"> x:ethernet </type>`
    const result = edit("", interfaces(`<interface><name>e0</name>${type}<enabled> true\n</enabled></interface>`))
    const entry = Element.find(result.data, ["interfaces", "interface"])!
    assert.strictEqual(Element.text(Element.child(entry, "enabled")!), "true")
    const stored = Element.child(entry, "type")!
    assert.deepStrictEqual([Element.text(stored), stored.scope["x"]], ["x:ethernet", "urn:x"])
  })
})

describe("EditConfig, what it refuses", () => {
  const entry = (inside: string) => interfaces(`<interface><name>e0</name>${inside}</interface>`)
  const path = "/if:interfaces/if:interface[if:name='e0']"
  it("refuses an unknown namespace, naming it", () =>
    assert.deepStrictEqual(
      ...refuses("", `<x xmlns="urn:nobody"/>`, {
        type: "application",
        tag: "unknown-namespace",
        info: [
          ["bad-element", "x"],
          ["bad-namespace", "urn:nobody"]
        ]
      })
    ))
  it("refuses an unknown element, also one named like a property of every object", () => {
    for (const name of ["colour", "constructor"]) {
      assert.deepStrictEqual(
        ...refuses(
          "",
          entry(`<${name}/>`),
          {
            type: "application",
            tag: "unknown-element",
            path: at(`${path}/if:${name}`),
            info: [["bad-element", name]]
          },
          { errorOption: "rollback-on-error" }
        )
      )
    }
  })
  it("refuses state data", () =>
    assert.deepStrictEqual(
      ...refuses(
        "",
        entry("<oper-status>up</oper-status>"),
        { type: "application", tag: "unknown-element", info: [["bad-element", "oper-status"]] },
        { errorOption: "rollback-on-error" }
      )
    ))
  it("refuses a value that is not of the leaf's type", () => {
    const ipv4 = (mtu: string) => entry(`<ipv4 xmlns="${SampleModel.ip}"><mtu>${mtu}</mtu></ipv4>`)
    for (const mtu of ["67", "65536", "big", "", "-1", "1e3"]) {
      assert.deepStrictEqual(
        ...refuses(
          "",
          ipv4(mtu),
          { type: "application", tag: "invalid-value", path: at(`${path}/ip:ipv4/ip:mtu`) },
          { errorOption: "rollback-on-error" }
        )
      )
    }
    assert.deepStrictEqual(tags(edit("", ipv4("68"))), [])
    assert.deepStrictEqual(tags(edit("", ipv4("65535"))), [])
  })
  it("refuses a list entry without its key", () =>
    assert.deepStrictEqual(
      ...refuses(
        "",
        interfaces("<interface><enabled>true</enabled></interface>"),
        { type: "application", tag: "missing-element", info: [["bad-element", "name"]] },
        { errorOption: "rollback-on-error" }
      )
    ))
  it("refuses an operation that there is not, and an operation attribute without its namespace", () => {
    assert.deepStrictEqual(
      ...refuses("", system(`<hostname xc:operation="destroy"/>`), {
        type: "application",
        tag: "bad-attribute",
        info: [
          ["bad-attribute", "operation"],
          ["bad-element", "hostname"]
        ]
      })
    )
    assert.deepStrictEqual(
      ...refuses("", system(`<hostname operation="delete"/>`), {
        type: "application",
        tag: "unknown-attribute",
        info: [
          ["bad-attribute", "operation"],
          ["bad-element", "hostname"]
        ]
      })
    )
  })
  it("refuses elements in a leaf and text in a container", () => {
    assert.deepStrictEqual(tags(edit("", system("<hostname><x/></hostname>"))), ["unknown-element"])
    assert.deepStrictEqual(tags(edit("", system("<clock>noon</clock>"))), ["invalid-value"])
  })
  it("refuses what may not be written", () => {
    const denied = (names: ReadonlyArray<string>) => names.join("/") === "system/authentication"
    assert.deepStrictEqual(tags(edit("", system("<authentication/>"), { denied })), ["access-denied"])
  })
})

describe("EditConfig, the error-options", () => {
  const before = system("<hostname>h</hostname>")
  const change = system(
    `<contact>first</contact><location xc:operation="delete"/><hostname>last</hostname><clock><timezone-utc-offset>x</timezone-utc-offset></clock>`
  )
  const after = (errorOption: EditConfig.ErrorOption) => {
    const result = edit(before, change, { errorOption })
    return [tags(result), Print.print(result.data) === Print.print(store(before)), Print.print(result.data)] as const
  }
  it("stops at the first error and keeps what came before it", () => {
    const [errors, same, data] = after("stop-on-error")
    assert.deepStrictEqual([errors, same], [["data-missing"], false])
    assert.include(data, "<contact>first</contact>")
    assert.include(data, "<hostname>h</hostname>")
  })
  it("continues after an error and reports all", () => {
    const [errors, same, data] = after("continue-on-error")
    assert.deepStrictEqual([errors, same], [["data-missing", "invalid-value"], false])
    assert.include(data, "<hostname>last</hostname>")
  })
  it("rolls back", () => {
    const [errors, same] = after("rollback-on-error")
    assert.deepStrictEqual([errors, same], [["data-missing"], true])
  })
})

const Name = Schema.Literals(["e0", "e1", "e2", "e3"])
const Entry = Schema.Struct({
  name: Name,
  operation: Schema.Literals(["", "merge", "replace", "create", "delete", "remove"]),
  description: Schema.Literals(["", "a", "b"]),
  mtu: Schema.Literals(["", "1500", "9000", "bad"])
})
type Entry = typeof Entry.Type
const Entries = Arbitrary.array(Arbitrary.schema(Entry), { maxLength: 5 })

const print = ({ description, mtu, name, operation }: Entry, plain: boolean) =>
  `<interface${operation === "" || plain ? "" : ` xc:operation="${operation}"`}><name>${name}</name>` +
  (description === "" ? "" : `<description>${description}</description>`) +
  (mtu === "" || (plain && mtu === "bad") ? "" : `<ipv4 xmlns="${SampleModel.ip}"><mtu>${mtu}</mtu></ipv4>`) +
  "</interface>"
const printAll = (entries: ReadonlyArray<Entry>, plain = false) =>
  interfaces(entries.map((entry) => print(entry, plain)).join(""))

const seeded = { arbitrary: { seed: 1 } }

describe("EditConfig, always", () => {
  it.prop(
    "merges the same configuration a second time without changing anything",
    [Entries, Entries],
    ([base, change]) => {
      const once = edit(printAll(base, true), printAll(change, true)).data
      const twice = EditConfig.apply(once, Tree.fromXml(printAll(change, true)), { model }).data
      assert.isTrue(Element.equals(once, twice))
    },
    seeded
  )
  it.prop(
    "holds exactly the configuration after replacing everything by it",
    [Entries, Entries],
    ([base, change]) => {
      const result = edit(printAll(base, true), printAll(change, true), { defaultOperation: "replace" })
      assert.isTrue(Element.equals(result.data, store(printAll(change, true))))
    },
    seeded
  )
  it.prop(
    "leaves everything as it was when it rolls back",
    [Entries, Entries],
    ([base, change]) => {
      const before = store(printAll(base, true))
      const result = EditConfig.apply(before, Tree.fromXml(printAll(change)), {
        model,
        errorOption: "rollback-on-error"
      })
      assert.isTrue(result.refusals.length === 0 || Element.equals(result.data, before))
    },
    seeded
  )
  it.prop(
    "refuses to delete an entry exactly when it is missing",
    [Entries, Name],
    ([base, name]) => {
      const there = base.some((entry) => entry.name === name)
      const change = interfaces(`<interface xc:operation="delete"><name>${name}</name></interface>`)
      assert.deepStrictEqual(tags(edit(printAll(base, true), change)), there ? [] : ["data-missing"])
    },
    seeded
  )
  it.prop(
    "keeps one entry per key",
    [Entries, Entries],
    ([base, change]) => {
      const result = edit(printAll(base, true), printAll(change), { errorOption: "continue-on-error" })
      const names = Element.findAll(result.data, ["interfaces", "interface", "name"]).map(Element.text)
      assert.strictEqual(new Set(names).size, names.length)
    },
    seeded
  )
})
