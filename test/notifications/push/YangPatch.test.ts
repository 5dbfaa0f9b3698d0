import { assert, describe, it } from "@effect/vitest"
import { Inapplicable } from "../../../src/notifications/push/YangPatch.ts"
import * as YangPatch from "../../../src/notifications/push/YangPatch.ts"
import { ModuleNamespaces } from "../../../src/notifications/push/ModuleNamespaces.ts"
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
    assert.strictEqual(learnt.belongs("sample", "http://example.com/2.0"), "known")
    assert.strictEqual(learnt.belongs("sample", "http://example.com/1.0"), "other")
  })

  it("takes nothing for a node of a module that it does not know", () => {
    const top = (inside: string) => tree(`<data><top xmlns="urn:example:top">${inside}</top></data>`)
    const a = `<state xmlns="http://v.com/a"><x>1</x></state>`
    const b = `<state xmlns="http://v.com/b"><y>2</y></state>`
    const created = YangPatch.apply(top(a), [edit("create", "/top:top/v-b:state", b)]) as Element.Element
    assert.deepStrictEqual([at(created, "top", "state", "x"), at(created, "top", "state", "y")], [["1"], ["2"]])
    for (const gone of ["/top:top/v-b:state", "/top:top/v-b:state/z", "/v-top:top/state"]) {
      const data = tree(`<data><top xmlns="http://v.com/top">${a}</top></data>`)
      const root = gone.startsWith("/top") ? top(a) : data
      const unsure = YangPatch.apply(root, [edit("delete", gone)]) as Inapplicable
      assert.instanceOf(unsure, Inapplicable)
      assert.isTrue(unsure.needsModules, gone)
    }
    const modules = new ModuleNamespaces()
    YangPatch.apply(top(""), [edit("create", "/top:top/v-b:state", b)], modules)
    const gone = YangPatch.apply(top(a + b), [edit("delete", "/top:top/v-b:state")], modules) as Element.Element
    assert.deepStrictEqual([at(gone, "top", "state", "x"), at(gone, "top", "state", "y")], [["1"], []])
    assert.include(refused(edit("delete", "/v-top:nothing/a:b")).why, "is not there")
  })

  it("learns the namespace of a module from a value below it, and never one that is another module's by its text", () => {
    const bgp = tree(`<data><bgp xmlns="http://vendor.com/x"><c><id>100</id></c></bgp></data>`)
    const c = `<c xmlns="http://vendor.com/x"><id>65000:100</id></c>`
    const after = YangPatch.apply(bgp, [edit("create", "/vendor-bgp:bgp/c=65000%3A100", c)]) as Element.Element
    assert.deepStrictEqual(at(after, "bgp", "c", "id"), ["100", "65000:100"])
    const modules = new ModuleNamespaces()
    const mtu = `<mtu xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">1</mtu>`
    YangPatch.apply(bgp, [edit("create", "/vendor-bgp:bgp/mtu", mtu)], modules)
    assert.strictEqual(modules.belongs("vendor-bgp", "http://vendor.com/x"), "unknown")
  })

  it("takes no key with a colon in it for an identity, and no identity for a key that is there in its very words", () => {
    const list = (...ids: ReadonlyArray<string>) =>
      tree(`<data><l xmlns="urn:x" xmlns:oc="urn:oc">${ids.map((id) => `<c><id>${id}</id></c>`).join("")}</l></data>`)
    const ids = (data: Element.Element | Inapplicable) => at(data as Element.Element, "l", "c", "id")
    const c = (id: string) => `<c xmlns="urn:x"><id>${id}</id></c>`
    const gone = (key: string, ...entries: ReadonlyArray<string>) =>
      YangPatch.apply(list(...entries), [edit("delete", `/x:l/c=${encodeURIComponent(key)}`)])
    assert.deepStrictEqual(ids(gone("65000:100", "100")), ["100"])
    assert.deepStrictEqual(ids(gone("65000:100", "100", "65000:100")), ["100"])
    assert.deepStrictEqual(ids(gone("100", "oc:100")), ["oc:100"])
    assert.deepStrictEqual(ids(gone("aa:bb:cc", "bb:cc", "cc")), ["bb:cc", "cc"])
    assert.deepStrictEqual(ids(gone("oc:gold", "gold", "oc:gold")), ["gold"])
    assert.isTrue((gone("vendor:gold", "gold") as Inapplicable).needsModules)
    assert.isTrue((gone("gold", "oc:gold") as Inapplicable).needsModules)
    const created = YangPatch.apply(list("gold"), [edit("create", "/x:l/c=vendor%3Agold", c("vendor:gold"))])
    assert.deepStrictEqual(ids(created), ["gold", "vendor:gold"])
    const leafs = tree(`<data><l xmlns="urn:x">a</l><l xmlns="urn:x">1:a</l></data>`)
    const left = YangPatch.apply(leafs, [edit("delete", "/x:l=1%3Aa")]) as Element.Element
    assert.deepStrictEqual(at(left, "l"), ["a"])
    const named = tree(`<data><l xmlns="urn:x"><k>fe:100</k></l><l xmlns="urn:x"><k>100</k></l></data>`)
    const kept = YangPatch.apply(named, [edit("delete", "/x:l[k='fe:100']")]) as Element.Element
    assert.deepStrictEqual(at(kept, "l", "k"), ["100"])
  })

  it("compares identities of a value by the prefixes of the XML", () => {
    const data = tree(`<data><l xmlns="urn:x" xmlns:o="http://v.com/o"><c><id>o:gold</id><n>1</n></c></l></data>`)
    const c = (prefix: string, ns: string) =>
      `<c xmlns="urn:x" xmlns:${prefix}="${ns}"><id>${prefix}:gold</id><n>2</n></c>`
    const set = (value: string) =>
      at(YangPatch.apply(data, [edit("create", "/x:l/c=v-o%3Agold", value)]) as Element.Element, "l", "c", "n")
    assert.deepStrictEqual(set(c("p", "http://v.com/o")), ["2"])
    assert.deepStrictEqual(set(c("p", "http://v.com/p")), ["1", "2"])
  })

  it("finds the key in its very words before one that differs in white space around", () => {
    const data = tree(`<data><l xmlns="urn:x"><k>a</k></l><l xmlns="urn:x"><k> a</k></l></data>`)
    for (const [key, left] of [
      ["a", " a"],
      ["%20a", "a"]
    ] as const) {
      const after = YangPatch.apply(data, [edit("delete", `/x:l=${key}`)]) as Element.Element
      assert.deepStrictEqual(at(after, "l", "k"), [left])
    }
  })

  it("compares keys that are identities by what they mean", () => {
    for (const key of ["ietf-ospf:ospfv2,one", "ietf-ospf%3Aospfv2,one"]) {
      const after = applied(edit("delete", `/routes:routes/protocol=${key}/up`))
      assert.deepStrictEqual(at(after, "routes", "protocol", "up"), [], key)
    }
    for (const key of ["ietf-rip:ospfv2,one", "ietf-ospf:ospfv2,two", "ietf-ospf:ospfv3,one"]) {
      assert.include(refused(edit("delete", `/routes:routes/protocol=${key}/up`)).why, "is not there", key)
    }
    // Without a module it is one of the leaf's own (RFC 7951 §6.8), or it is no identity at all.
    const other = refused(edit("delete", "/routes:routes/protocol=ospfv2,one/up"))
    assert.include(other.why, "cannot be told without knowing the device's modules")
    const own = tree(`<data><l xmlns="urn:x" xmlns:p="urn:x"><c><id>p:gold</id></c></l></data>`)
    assert.deepStrictEqual(at(YangPatch.apply(own, [edit("delete", "/x:l/c=gold")]) as Element.Element, "l", "c"), [])
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

  it("merges no leaf or entry into another one, and nothing from what is empty", () => {
    const merge = (was: string, is: string, target = "/x:c") =>
      YangPatch.apply(tree(`<data><c xmlns="urn:x">${was}</c></data>`), [edit("merge", target, is)])
    const whole = (inside: string) => `<c xmlns="urn:x">${inside}</c>`
    for (const [was, is] of [
      ["<k>1</k>", "<k>2</k>"],
      ["<l><k>1</k></l>", "<l><k>2</k></l>"],
      ["<l><k>1</k><m>1</m></l>", "<l><k>1</k><m>2</m></l>"],
      ["<k>1</k>", "<k><l>1</l></k>"]
    ] as const) {
      assert.instanceOf(merge(was, whole(is)), Inapplicable, is)
    }
    for (const [was, is, after] of [
      ["<k>1</k>", "", "1"],
      ["<k>1</k>", "<k>1</k>", "1"],
      ["", "<k>2</k>", "2"]
    ] as const) {
      assert.deepStrictEqual(at(merge(was, whole(is)) as Element.Element, "c", "k"), [after])
    }
    const leaf = merge("<k>1</k>", `<k xmlns="urn:x">2</k>`, "/x:c/k") as Element.Element
    assert.deepStrictEqual(at(leaf, "c", "k"), ["2"])
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
    assert.deepStrictEqual(Element.elements(applied(edit("replace", "/", ""))), [])
    assert.include(refused(edit("replace", "/")).why, "needs a value")
  })

  it("refuses a path that is none, a target of several nodes, and a value that is not the target", () => {
    assert.include(refused(edit("delete", "/a%zz")).why, "no RESTCONF path")
    assert.include(refused(edit("delete", "/a//b")).why, "no RESTCONF path")
    assert.include(refused(edit("delete", eth)).why, "several nodes")
    assert.include(refused(edit("create", `${eth}=x`, `<other xmlns="urn:x"/>`)).why, "<other>")
    assert.include(refused(edit("create", `${eth}=x`)).why, "needs one value")
  })
})
