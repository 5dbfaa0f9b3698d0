import { assert, describe, it } from "@effect/vitest"
import { Inapplicable } from "../../../src/notifications/push/YangPatch.ts"
import * as YangPatch from "../../../src/notifications/push/YangPatch.ts"
import { ModuleNamespaces } from "../../../src/notifications/push/ResourcePath.ts"
import type { Edit } from "../../../src/notifications/push/OwnEvent.ts"
import * as Element from "../../../src/xml/Element.ts"
import { print } from "../../../src/xml/Print.ts"
import { tree } from "./own.ts"

const songs = `<playlist xmlns="urn:ietf:params:xml:ns:yang:example-jukebox"><name>Foo-One</name>
  <song><index>1</index><id>A</id></song><song><index>2</index><id>B</id></song><song><index>3</index><id>C</id></song></playlist>`

const root = tree(`<data>
  <interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
    <interface><name>eth0</name><description>up/link</description><enabled>true</enabled>
      <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><mtu>1500</mtu></ipv4></interface>
    <interface><name>ge-0/0,1</name><enabled>false</enabled></interface>
  </interfaces>
  <system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><search>a.example</search><search>b.example</search></system>
  <mixed xmlns="urn:ietf:params:xml:ns:yang:one"><leaf>1</leaf><leaf xmlns="urn:ietf:params:xml:ns:yang:two">2</leaf></mixed>
  <routes xmlns="urn:ietf:params:xml:ns:yang:routes"><protocol><type xmlns:ospf="urn:ietf:params:xml:ns:yang:ietf-ospf">ospf:ospfv2</type>
    <name>one</name><up>true</up></protocol></routes>
  ${songs}</data>`)

const holding = (xml: string | undefined) => (xml === undefined ? {} : { value: tree(`<value>${xml}</value>`) })

const edit = (operation: Edit["operation"], target: string, value?: string, more: Partial<Edit> = {}): Edit => ({
  editId: "edit1",
  operation,
  target,
  ...holding(value),
  ...more
})

const applied = (...edits: ReadonlyArray<Edit>): Element.Element => {
  const result = YangPatch.apply(root, edits)
  assert.notInstanceOf(result, Inapplicable, JSON.stringify(result))
  return result as Element.Element
}
const refused = (...edits: ReadonlyArray<Edit>): Inapplicable => {
  const before = print(root)
  const result = YangPatch.apply(root, edits)
  assert.strictEqual(print(root), before)
  assert.instanceOf(result, Inapplicable)
  return result as Inapplicable
}

const interfaces = (xml: string) => `<interface xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">${xml}</interface>`
const namesOf = (data: Element.Element) =>
  Element.findAll(data, ["interfaces", "interface", "name"]).map((name) => Element.text(name))
const at = (data: Element.Element, ...path: ReadonlyArray<string>) =>
  Element.findAll(data, path).map((found) => Element.text(found))
const eth = "/ietf-interfaces:interfaces/interface"

describe("YangPatch.apply", () => {
  it("applies the patch of RFC 8641 §3.7, and leaves what it was given as it is", () => {
    const before = print(root)
    const value = `<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name><oper-status>down</oper-status></interface></interfaces>`
    const after = applied(edit("replace", "/ietf-interfaces:interfaces", value))
    assert.deepStrictEqual(at(after, "interfaces", "interface", "oper-status"), ["down"])
    assert.deepStrictEqual(namesOf(after), ["eth0"])
    assert.strictEqual(print(root), before)
  })

  it("creates, replaces and deletes by the values of keys, percent-decoded", () => {
    assert.deepStrictEqual(namesOf(applied(edit("create", `${eth}=eth5`, interfaces("<name>eth5</name>")))), [
      "eth0",
      "ge-0/0,1",
      "eth5"
    ])
    assert.deepStrictEqual(namesOf(applied(edit("delete", `${eth}=ge-0%2F0%2C1`))), ["eth0"])
    const enabled = `<enabled xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">true</enabled>`
    assert.deepStrictEqual(
      at(applied(edit("replace", `${eth}=ge-0%2F0%2C1/enabled`, enabled)), "interfaces", "interface", "enabled"),
      ["true", "true"]
    )
  })

  it("compares keys with the first children, not with whatever has that value", () => {
    const after = applied(edit("create", `${eth}=up%2Flink`, interfaces("<name>up/link</name>")))
    assert.deepStrictEqual(namesOf(after), ["eth0", "ge-0/0,1", "up/link"])
    assert.deepStrictEqual(namesOf(applied(edit("delete", `${eth}=up%2Flink`))), ["eth0", "ge-0/0,1"])
  })

  it("finds the namespace of a module, its own and another's", () => {
    const mtu = `<mtu xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">9000</mtu>`
    const after = applied(edit("replace", `${eth}=eth0/ietf-ip:ipv4/mtu`, mtu))
    assert.deepStrictEqual(at(after, "interfaces", "interface", "ipv4", "mtu"), ["9000"])
    assert.deepStrictEqual(at(applied(edit("delete", "/one:mixed/leaf")), "mixed", "leaf"), ["2"])
    assert.deepStrictEqual(at(applied(edit("delete", "/one:mixed/two:leaf")), "mixed", "leaf"), ["1"])
    assert.deepStrictEqual(at(applied(edit("delete", "/one:mixed/three:leaf")), "mixed", "leaf"), ["1", "2"])
  })

  it("takes a namespace that does not end in the module's name from the hello, or from a value", () => {
    const data = tree(`<data><foo xmlns="http://example.com/1.0"><bar>1</bar></foo></data>`)
    const known = new ModuleNamespaces([{ name: "sample", namespace: "http://example.com/1.0" }])
    const gone = YangPatch.apply(data, [edit("delete", "/sample:foo/bar")], known) as Element.Element
    assert.deepStrictEqual(at(gone, "foo", "bar"), [])
    const other = new ModuleNamespaces([{ name: "other", namespace: "http://example.com/1.0" }])
    assert.instanceOf(YangPatch.apply(data, [edit("delete", "/sample:foo/bar")], other), Inapplicable)
    const learnt = new ModuleNamespaces()
    YangPatch.apply(data, [edit("replace", "/sample:foo", `<foo xmlns="http://example.com/2.0"/>`)], learnt)
    assert.isTrue(learnt.matches("sample", "http://example.com/2.0"))
    assert.isFalse(learnt.matches("sample", "http://example.com/1.0"))
  })

  it("compares keys that are identities by what they mean", () => {
    for (const key of ["ietf-ospf:ospfv2,one", "ospfv2,one", "ietf-ospf%3Aospfv2,one"]) {
      const after = applied(edit("delete", `/routes:routes/protocol=${key}/up`))
      assert.deepStrictEqual(at(after, "routes", "protocol", "up"), [], key)
    }
    for (const key of ["ietf-rip:ospfv2,one", "ietf-ospf:ospfv2,two", "ietf-ospf:ospfv3,one"]) {
      assert.include(refused(edit("delete", `/routes:routes/protocol=${key}/up`)).why, "is not there", key)
    }
  })

  it("finds the entries of a leaf-list by their value", () => {
    assert.deepStrictEqual(at(applied(edit("delete", "/ietf-system:system/search=a.example")), "system", "search"), [
      "b.example"
    ])
    const value = `<search xmlns="urn:ietf:params:xml:ns:yang:ietf-system">c.example</search>`
    const after = applied(edit("create", "/ietf-system:system/search=c.example", value))
    assert.deepStrictEqual(at(after, "system", "search"), ["a.example", "b.example", "c.example"])
  })

  it("sets what is created and exists, and deletes what is gone", () => {
    const description = `<description xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">new</description>`
    const after = applied(edit("create", `${eth}=eth0/description`, description))
    assert.deepStrictEqual(at(after, "interfaces", "interface", "description"), ["new"])
    assert.strictEqual(print(applied(edit("delete", `${eth}=eth9`), edit("remove", `${eth}=eth0/type`))), print(root))
  })

  it("applies edits in their order, and none of them where one does not fit", () => {
    const ipv4 = `<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"/>`
    const mtu = `<mtu xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">9000</mtu>`
    const first = edit("create", `${eth}=eth5`, interfaces("<name>eth5</name>"))
    const second = edit("create", `${eth}=eth5/ietf-ip:ipv4`, ipv4)
    const third = edit("create", `${eth}=eth5/ietf-ip:ipv4/mtu`, mtu)
    assert.deepStrictEqual(at(applied(first, second, third), "interfaces", "interface", "ipv4", "mtu"), [
      "1500",
      "9000"
    ])
    const { editId, path, why } = refused(first, { ...third, editId: "edit2" })
    assert.strictEqual(editId, "edit2")
    assert.strictEqual(path, `${eth}=eth5/ietf-ip:ipv4/mtu`)
    assert.strictEqual(why, "its parent ipv4 is not there")
  })

  it("inserts and moves by where and point", () => {
    const order = (data: Element.Element) => at(data, "playlist", "song", "id").join("")
    const song = "/example-jukebox:playlist/song"
    const value = `<song xmlns="urn:ietf:params:xml:ns:yang:example-jukebox"><index>9</index><id>X</id></song>`
    const insert = (more: Partial<Edit>) => order(applied(edit("insert", `${song}=9`, value, more)))
    assert.strictEqual(insert({}), "ABCX")
    assert.strictEqual(insert({ where: "first" }), "XABC")
    assert.strictEqual(insert({ where: "before", point: `${song}=2` }), "AXBC")
    assert.strictEqual(insert({ where: "after", point: `${song}=2` }), "ABXC")
    const move = (from: number, more: Partial<Edit>) => order(applied(edit("move", `${song}=${from}`, undefined, more)))
    assert.strictEqual(move(1, {}), "BCA")
    assert.strictEqual(move(3, { where: "first" }), "CAB")
    assert.strictEqual(move(1, { where: "after", point: `${song}=2` }), "BAC")
    assert.strictEqual(move(3, { where: "before", point: `${song}=2` }), "ACB")
    const again = edit("insert", `${song}=9`, value, { where: "first" })
    assert.strictEqual(order(applied(again, { ...again, where: "last" })), "ABCX")
    assert.include(refused(edit("move", `${song}=8`, undefined, { where: "first" })).why, "is not there")
    assert.include(refused(edit("move", `${song}=1`, undefined, { where: "after", point: `${song}=8` })).why, "point")
    assert.include(refused(edit("move", `${song}=1`, undefined, { where: "after" })).why, "point")
  })

  it("merges containers and leafs, and no lists, whose keys nobody knows", () => {
    const value = `<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><forwarding>true</forwarding></ipv4>`
    const after = applied(edit("merge", `${eth}=eth0/ietf-ip:ipv4`, value))
    assert.deepStrictEqual(at(after, "interfaces", "interface", "ipv4", "mtu"), ["1500"])
    assert.deepStrictEqual(at(after, "interfaces", "interface", "ipv4", "forwarding"), ["true"])
    const list = `<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name></interface></interfaces>`
    assert.include(refused(edit("merge", "/ietf-interfaces:interfaces", list)).why, "keys")
  })

  it("reads instance-identifiers too, as sysrepo sends them for targets and points", () => {
    const after = applied(
      edit("create", `${eth}[name='eth5']`, interfaces("<name>eth5</name>")),
      edit("delete", `${eth}[name='ge-0/0,1']/enabled`),
      edit("delete", `${eth}[name="eth0"]/ietf-ip:ipv4/mtu`),
      edit("delete", "/ietf-system:system/search[.='a.example']")
    )
    assert.deepStrictEqual(namesOf(after), ["eth0", "ge-0/0,1", "eth5"])
    assert.deepStrictEqual(at(after, "interfaces", "interface", "enabled"), ["true"])
    assert.deepStrictEqual(at(after, "interfaces", "interface", "ipv4", "mtu"), [])
    assert.deepStrictEqual(at(after, "system", "search"), ["b.example"])
    const song = "/example-jukebox:playlist/song"
    const moved = applied(
      edit("move", `${song}[index='1']`, undefined, { where: "after", point: `${song}[index='2']` })
    )
    assert.strictEqual(at(moved, "playlist", "song", "id").join(""), "BAC")
    const doubled = applied(
      edit("move", `${song}[index='1']`, undefined, { where: "after", point: `${song}[index='1'][index='2']` })
    )
    assert.strictEqual(at(doubled, "playlist", "song", "id").join(""), "BAC")
    assert.strictEqual(at(applied(edit("delete", `${song}[2]`)), "playlist", "song", "id").join(""), "AC")
    const two = edit("delete", "/routes:routes/protocol[type='ietf-ospf:ospfv2'][name='one']/up")
    assert.deepStrictEqual(at(applied(two), "routes", "protocol", "up"), [])
    assert.include(refused(edit("delete", `${eth}[name='x']/mtu`)).why, "is not there")
    for (const path of [`${eth}[name]`, `${eth}[name='x'`, `${eth}[position()=1]`]) {
      assert.include(refused(edit("delete", path)).why, "no RESTCONF path", path)
    }
  })

  it("takes / for the whole tree", () => {
    const after = applied(edit("replace", "/", `<a xmlns="urn:a"/><b xmlns="urn:b"/>`))
    assert.deepStrictEqual(
      Element.elements(after).map(({ name }) => name),
      ["a", "b"]
    )
    assert.deepStrictEqual(Element.elements(applied(edit("delete", "/"))), [])
  })

  it("refuses a path that is none, a target of several nodes, and a value that is not the target", () => {
    assert.include(refused(edit("delete", "/a%zz")).why, "no RESTCONF path")
    assert.include(refused(edit("delete", "/a//b")).why, "no RESTCONF path")
    assert.include(refused(edit("delete", eth)).why, "several nodes")
    assert.include(refused(edit("create", `${eth}=x`, `<other xmlns="urn:x"/>`)).why, "<other>")
    assert.include(refused(edit("create", `${eth}=x`)).why, "needs one value")
  })
})
