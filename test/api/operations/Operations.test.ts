import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Filter from "../../../src/api/operations/Filter.ts"
import { operations } from "../../../src/api/operations/Operations.ts"
import { InputError } from "../../../src/errors.ts"
import { xml } from "../../../src/xml/Template.ts"
import { xpath } from "../../../src/xml/XPath.ts"
import { everything } from "../../rpc/peer.ts"
import { isSentAs, wire } from "../wire.ts"

const {
  cancelCommit,
  closeSession,
  commit,
  copyConfig,
  deleteConfig,
  discardChanges,
  editConfig,
  get,
  getConfig,
  killSession,
  lock,
  unlock,
  validate
} = operations
const top = (content: string) => `<top xmlns="http://example.com/schema/1.2/config">${content}</top>`

const refused = (encode: () => unknown): InputError => {
  try {
    encode()
  } catch (error) {
    assert.instanceOf(error, InputError)
    return error as InputError
  }
  throw new Error("it was not refused")
}

/** RFC 6241's own examples, by section. */
describe("Operations", () => {
  it("get-config, 7.1", () => {
    isSentAs(
      getConfig({ filter: top("<users/>") }),
      `<get-config><source><running/></source><filter type="subtree">${top("<users/>")}</filter></get-config>`
    )
    isSentAs(getConfig({ source: "candidate" }), "<get-config><source><candidate/></source></get-config>")
    isSentAs(
      getConfig({ source: { url: "file:///a.xml" } }),
      "<get-config><source><url>file:///a.xml</url></source></get-config>"
    )
  })

  it("edit-config, 7.2", () => {
    const change = top("<interface><name>Ethernet0/0</name><mtu>1500</mtu></interface>")
    isSentAs(
      editConfig({ config: change }),
      `<edit-config><target><running/></target><config>${change}</config></edit-config>`,
      []
    )
    const replace = `<top xmlns="http://example.com/schema/1.2/config" xmlns:xc="urn:ietf:params:xml:ns:netconf:base:1.0">
      <interface xc:operation="replace"><name>Ethernet0/0</name><mtu>1500</mtu></interface></top>`
    isSentAs(
      editConfig({
        config: replace,
        defaultOperation: "none",
        testOption: "test-then-set",
        errorOption: "continue-on-error"
      }),
      `<edit-config><target><running/></target><default-operation>none</default-operation><test-option>test-then-set</test-option>
       <error-option>continue-on-error</error-option><config>${replace}</config></edit-config>`
    )
    isSentAs(
      editConfig({ target: "candidate", url: "file:///checkpoint.conf" }),
      "<edit-config><target><candidate/></target><url>file:///checkpoint.conf</url></edit-config>"
    )
  })

  it("edit-config takes its change with or without config around it, as text or elements", () => {
    const expected = `<edit-config><target><candidate/></target><config>${top("<a/>")}</config></edit-config>`
    const base = "urn:ietf:params:xml:ns:netconf:base:1.0"
    for (const config of [
      top("<a/>"),
      `<config>${top("<a/>")}</config>`,
      `<?xml version="1.0"?>\n<config xmlns="${base}">${top("<a/>")}</config>`,
      `<nc:config xmlns:nc="${base}">${top("<a/>")}</nc:config>`
    ]) {
      isSentAs(editConfig({ target: "candidate", config }), expected)
    }
    const element = xml`<top xmlns="http://example.com/schema/1.2/config"><a/></top>`
    isSentAs(editConfig({ target: "candidate", config: element }), expected)
    isSentAs(editConfig({ target: "candidate", config: [element] }), expected)
    isSentAs(
      editConfig({ target: "candidate", config: `${top("<a/>")}<!-- and --><b xmlns="urn:b"/>` }),
      expected.replace("</config>", `<b xmlns="urn:b"/></config>`)
    )
  })

  it("edit-config of running rolls back on error where the peer can, and then nothing can stand", () => {
    const error = "<error-option>rollback-on-error</error-option>"
    isSentAs(
      editConfig({ config: top("") }),
      `<edit-config><target><running/></target>${error}<config>${top("")}</config></edit-config>`
    )
    isSentAs(
      editConfig({ config: top(""), target: "candidate" }),
      `<edit-config><target><candidate/></target><config>${top("")}</config></edit-config>`
    )
    const capabilities = { has: (name: string) => name === ":rollback-on-error" } as never
    const none = { has: () => false } as never
    assert.isFalse(editConfig({ config: top("") }).partial!(capabilities))
    assert.isTrue(editConfig({ config: top("") }).partial!(none))
    assert.isTrue(editConfig({ config: top(""), errorOption: "stop-on-error" }).partial!(capabilities))
    assert.isFalse(editConfig({ config: top(""), testOption: "test-only" }).partial!(none))
  })

  it("edit-config takes config or url, not both, not neither", () => {
    assert.strictEqual(refused(() => wire(editConfig({}))).what, "config")
    assert.strictEqual(refused(() => wire(editConfig({ config: "<a/>", url: "file:///a" }))).what, "config")
  })

  it("copy-config, 7.3", () => {
    isSentAs(
      copyConfig({ source: { url: "ftp://user:password@example.com/cfg/new.txt" }, target: "running" }),
      "<copy-config><target><running/></target><source><url>ftp://user:password@example.com/cfg/new.txt</url></source></copy-config>"
    )
    isSentAs(
      copyConfig({ source: "running", target: "startup" }),
      "<copy-config><target><startup/></target><source><running/></source></copy-config>"
    )
    isSentAs(
      copyConfig({ source: { config: top("<a/>") }, target: { url: "file:///x" } }),
      `<copy-config><target><url>file:///x</url></target><source><config>${top("<a/>")}</config></source></copy-config>`
    )
  })

  it("never shows the password of a URL", () => {
    for (const url of ["ftp://user:s3cret@example.com/x", "ftp://s3cret@example.com/x"]) {
      const { datastore } = copyConfig({ source: "running", target: { url } })
      assert.strictEqual(datastore, "ftp://example.com/x")
    }
    for (const url of ["ftp://user:s3/cret@example.com/x", "ftp://user:s3@cret@example.com/x", "file:s3cret@x"]) {
      const shown = copyConfig({ source: "running", target: { url } }).datastore!
      assert.notInclude(shown, "cret", url)
    }
  })

  it("delete-config, 7.4; lock, 7.5; unlock, 7.6", () => {
    isSentAs(deleteConfig({ target: "startup" }), "<delete-config><target><startup/></target></delete-config>")
    isSentAs(lock(), "<lock><target><running/></target></lock>")
    isSentAs(lock({ target: "candidate" }), "<lock><target><candidate/></target></lock>")
    isSentAs(unlock(), "<unlock><target><running/></target></unlock>")
  })

  it("get, 7.7", () => {
    const filter = top("<interfaces><interface><ifName>eth0</ifName></interface></interfaces>")
    isSentAs(get({ filter }), `<get><filter type="subtree">${filter}</filter></get>`)
    isSentAs(get(), "<get/>")
  })

  it("close-session, 7.8; kill-session, 7.9", () => {
    isSentAs(closeSession(), "<close-session/>")
    isSentAs(killSession({ sessionId: 4 }), "<kill-session><session-id>4</session-id></kill-session>")
    for (const sessionId of [0, -1, 1.5, NaN, 2 ** 32])
      assert.strictEqual(refused(() => wire(killSession({ sessionId }))).what, "sessionId")
  })

  it("commit and discard-changes, 8.3; confirmed commit, 8.4", () => {
    isSentAs(commit(), "<commit/>")
    isSentAs(discardChanges(), "<discard-changes/>")
    isSentAs(
      commit({ confirmed: true, confirmTimeout: "120 seconds" }),
      "<commit><confirmed/><confirm-timeout>120</confirm-timeout></commit>"
    )
    isSentAs(
      commit({ confirmed: true, persist: "IQ,d4668" }),
      "<commit><confirmed/><persist>IQ,d4668</persist></commit>"
    )
    isSentAs(commit({ persistId: "IQ,d4668" }), "<commit><persist-id>IQ,d4668</persist-id></commit>")
    isSentAs(
      commit({ confirmed: true, persistId: "a", persist: "b" }),
      "<commit><confirmed/><persist>b</persist><persist-id>a</persist-id></commit>"
    )
    isSentAs(
      cancelCommit({ persistId: "IQ,d4668" }),
      "<cancel-commit><persist-id>IQ,d4668</persist-id></cancel-commit>"
    )
    isSentAs(cancelCommit(), "<cancel-commit/>")
  })

  it("rounds a confirm-timeout up to whole seconds, and refuses what the device cannot count", () => {
    for (const [confirmTimeout, seconds] of [
      ["1 millis", 1],
      ["1500 millis", 2],
      ["2 minutes", 120],
      [Duration.seconds(4_294_967_295), 4_294_967_295]
    ] as const) {
      isSentAs(
        commit({ confirmed: true, confirmTimeout }),
        `<commit><confirmed/><confirm-timeout>${seconds}</confirm-timeout></commit>`
      )
    }
    for (const confirmTimeout of [0, "0 seconds", Duration.seconds(4_294_967_296), Duration.infinity, -5000] as const) {
      assert.strictEqual(refused(() => wire(commit({ confirmed: true, confirmTimeout }))).what, "confirmTimeout")
    }
  })

  it("refuses the parameters of a confirmed commit without confirmed", () => {
    assert.strictEqual(refused(() => wire(commit({ confirmTimeout: "1 minute" }))).what, "confirmTimeout")
    assert.strictEqual(refused(() => wire(commit({ persist: "a" }))).what, "persist")
    assert.strictEqual(refused(() => wire(commit({ confirmed: false, persist: "a" }))).what, "persist")
  })

  it("validate, 8.6", () => {
    isSentAs(validate(), "<validate><source><candidate/></source></validate>")
    isSentAs(validate({ source: { url: "file:///a" } }), "<validate><source><url>file:///a</url></source></validate>")
    isSentAs(
      validate({ source: { config: `<config>${top("")}</config>` } }),
      `<validate><source><config>${top("")}</config></source></validate>`
    )
  })

  it("says what each needs of the peer", () => {
    const table: ReadonlyArray<readonly [{ readonly needs: ReadonlyArray<ReadonlyArray<string>> }, string]> = [
      [get(), ""],
      [get({ filter: Filter.xpath("/a") }), ":xpath"],
      [getConfig(), ""],
      [getConfig({ source: "startup", filter: Filter.xpath("/a") }), ":startup :xpath"],
      [getConfig({ filter: `<filter type="xpath" select="/a"/>` }), ":xpath"],
      [editConfig({ config: "<a/>" }), ":writable-running"],
      [editConfig({ target: "candidate", url: "file:///a" }), ":candidate :url"],
      [
        editConfig({ target: "candidate", config: "<a/>", testOption: "set", errorOption: "rollback-on-error" }),
        ":candidate :validate :rollback-on-error"
      ],
      [editConfig({ target: "candidate", config: "<a/>", testOption: "test-only" }), ":candidate :validate:1.1"],
      [copyConfig({ source: "candidate", target: "startup" }), ":startup :candidate"],
      [copyConfig({ source: { config: "<a/>" }, target: "running" }), ":writable-running"],
      [copyConfig({ source: "running", target: { url: "file:///a" } }), ":url"],
      [deleteConfig({ target: "startup" }), ":startup"],
      [lock(), ""],
      [lock({ target: "candidate" }), ":candidate"],
      [unlock({ target: "startup" }), ":startup"],
      [commit(), ":candidate"],
      [commit({ confirmed: true }), ":candidate :confirmed-commit"],
      [commit({ confirmed: true, persist: "a" }), ":candidate :confirmed-commit :confirmed-commit:1.1"],
      [commit({ persistId: "a" }), ":candidate :confirmed-commit:1.1"],
      [cancelCommit(), ":confirmed-commit:1.1"],
      [discardChanges(), ":candidate"],
      [validate(), ":validate :candidate"],
      [validate({ source: { config: "<a/>" } }), ":validate"],
      [killSession({ sessionId: 1 }), ""],
      [closeSession(), ""]
    ]
    for (const [operation, needs] of table)
      assert.strictEqual(operation.needs.map((names) => names.join("|")).join(" "), needs)
  })

  it("refuses a URL without a scheme, or with one that the peer lacks", () => {
    assert.include(refused(() => wire(getConfig({ source: { url: "/etc/passwd" } }))).message, "no scheme")
    assert.include(
      refused(() => wire(getConfig({ source: { url: "gopher://x" } }))).message,
      "the peer reads and writes file, ftp, not gopher"
    )
    isSentAs(
      getConfig({ source: { url: "FILE:///a" } }),
      "<get-config><source><url>FILE:///a</url></source></get-config>"
    )
    isSentAs(
      getConfig({ source: { url: "x:y" } }),
      "<get-config><source><url>x:y</url></source></get-config>",
      everything.filter((name) => !name.includes("url"))
    )
  })

  it("lets nothing be injected through a datastore, a URL, an id or an option", () => {
    const evil = `running/><kill-session><session-id>1</session-id></kill-session><x`
    const lie = evil as "running"
    for (const operation of [
      getConfig({ source: lie }),
      lock({ target: lie }),
      unlock({ target: lie }),
      deleteConfig({ target: lie }),
      copyConfig({ source: lie, target: "startup" }),
      editConfig({ target: lie, config: "<a/>" })
    ]) {
      assert.throws(() => wire(operation), Error)
    }
    const text = `</url><evil/>&x;`
    isSentAs(
      commit({ confirmed: true, persist: text }),
      "<commit><confirmed/><persist>&lt;/url>&lt;evil/>&amp;x;</persist></commit>"
    )
    isSentAs(
      getConfig({ source: { url: `file:${text}` } }),
      "<get-config><source><url>file:&lt;/url>&lt;evil/>&amp;x;</url></source></get-config>"
    )
    isSentAs(
      editConfig({ target: "candidate", config: "<a/>", defaultOperation: text as "none" }),
      `<edit-config><target><candidate/></target><default-operation>&lt;/url>&lt;evil/>&amp;x;</default-operation><config><a xmlns=""/></config></edit-config>`
    )
    isSentAs(
      get({ filter: Filter.xpath(xpath`/a[b=${`"'><evil/>`}]`) }),
      `<get><filter type="xpath" select="/a[b=concat(&quot;&#34;&quot;,&quot;'>&lt;evil/>&quot;)]"/></get>`.replace(
        /select=".*"\//,
        `select="${xpath`/a[b=${`"'><evil/>`}]`.expression.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")}"/`
      )
    )
  })
})
