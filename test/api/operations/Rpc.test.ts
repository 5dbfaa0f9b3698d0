import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { operations } from "../../../src/api/operations/Operations.ts"
import { rpc } from "../../../src/api/operations/Rpc.ts"
import { InputError } from "../../../src/errors.ts"
import type { Operation } from "../../../src/rpc/Operation.ts"
import { print } from "../../../src/xml/Print.ts"
import { xml } from "../../../src/xml/Template.ts"
import { base, connect, everything, failure, obliging, settle, start, success } from "../../rpc/peer.ts"
import { capabilitiesOf, isSentAs, wire } from "../wire.ts"

const name = (operation: Operation<unknown> | "close-session" | undefined) =>
  typeof operation === "object" ? operation.name : operation

describe("rpc", () => {
  it("sends an operation given as text or element; without a namespace it is the base's", () => {
    isSentAs(
      rpc("<get-config><source><running/></source></get-config>"),
      "<get-config><source><running/></source></get-config>"
    )
    isSentAs(rpc(`<show xmlns="urn:x"><a/></show>`), `<show xmlns="urn:x"><a/></show>`)
    isSentAs(rpc(xml`<show xmlns="urn:x">${"<a&b>"}</show>`), `<show xmlns="urn:x">&lt;a&amp;b></show>`)
    isSentAs(rpc(`<?xml version="1.0"?><!-- x --><get/>`), "<get/>")
  })

  it("unwraps a whole rpc, whose message-id is replaced, prefixes and all", () => {
    isSentAs(rpc(`<rpc message-id="101"><get/></rpc>`), "<get/>")
    isSentAs(
      rpc(
        `<nc:rpc xmlns:nc="${base}" xmlns:x="urn:x" message-id="1"><nc:get-config><nc:source><nc:running/></nc:source><x:y/></nc:get-config></nc:rpc>`
      ),
      `<get-config><source><running/></source><y xmlns="urn:x"/></get-config>`
    )
    isSentAs(rpc(`<rpc xmlns="urn:model"/>`), `<rpc xmlns="urn:model"/>`)
  })

  for (const [body, why] of [
    ["", "expected one operation element, got 0"],
    ["<a/><b/>", "got 2"],
    ["<rpc/>", "in <rpc>, got 0"],
    ["<rpc><a/><b/></rpc>", "in <rpc>, got 2"],
    ["<a>", "line 1"],
    ["text", "text stands outside"],
    ["<a/></fragment><evil/>", "line 1"],
    ["<!DOCTYPE a><a/>", "line 1"]
  ] as const) {
    it(`refuses ${JSON.stringify(body)} before sending`, () => {
      assert.throws(() => wire(rpc(body)), InputError, why)
    })
  }

  it("knows the operations of the RFC by name and namespace", () => {
    const kinds = (body: string) => rpc(body).kind
    assert.deepStrictEqual(["<get/>", "<get-config/>", "<validate/>"].map(kinds), ["read", "read", "read"])
    assert.deepStrictEqual(
      ["<lock/>", "<unlock/>", "<discard-changes/>", "<kill-session/>"].map(kinds),
      Array(4).fill("control")
    )
    assert.deepStrictEqual(
      ["<commit/>", "<edit-config/>", "<delete-config/>", "<copy-config/>", "<anything/>"].map(kinds),
      Array(5).fill("write")
    )
    for (const name of ["get", "lock", "validate"]) assert.strictEqual(kinds(`<${name} xmlns="urn:x"/>`), "write")
    assert.strictEqual(rpc(`<show xmlns="urn:x"/>`, { read: true }).kind, "read")
    assert.deepInclude(rpc("<edit-config><target><candidate/></target></edit-config>").lease, {
      change: "edit",
      datastore: "candidate"
    })
    assert.isUndefined(rpc(`<edit-config xmlns="urn:x"><target><candidate/></target></edit-config>`).lease)
    assert.isTrue(rpc("<unlock/>").release)
  })

  it("knows that the operations of subscriptions leave the configuration alone", () => {
    const sn = `xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"`
    for (const name of ["establish-subscription", "modify-subscription", "delete-subscription", "kill-subscription"]) {
      assert.strictEqual(rpc(`<${name} ${sn}/>`).kind, "control", name)
    }
    assert.strictEqual(rpc(`<resync-subscription xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"/>`).kind, "control")
  })

  it("knows what a late success has to give back", () => {
    const undo = (body: string) => {
      const back = rpc(body).undo?.(capabilitiesOf())
      return typeof back === "object" ? back.name : back
    }
    assert.strictEqual(undo("<lock><target><running/></target></lock>"), "unlock")
    assert.strictEqual(undo("<commit><confirmed/></commit>"), "cancel-commit")
    assert.strictEqual(undo(`<partial-lock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0"/>`), "close-session")
    assert.strictEqual(
      undo(`<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`),
      "close-session"
    )
    for (const body of ["<commit/>", "<unlock/>", "<get/>", `<lock xmlns="urn:x"/>`]) assert.isUndefined(undo(body))
  })

  const { cancelCommit, closeSession, commit, copyConfig, deleteConfig, discardChanges, editConfig, get, getConfig } =
    operations
  const { killSession, lock, unlock, validate } = operations
  for (const operation of [
    get(),
    getConfig({ source: "candidate" }),
    editConfig({ target: "candidate", config: "<a/>" }),
    editConfig({ config: "<a/>", errorOption: "rollback-on-error" }),
    editConfig({ config: "<a/>", errorOption: "stop-on-error" }),
    editConfig({ config: "<a/>", testOption: "test-only" }),
    copyConfig({ target: "startup", source: "running" }),
    copyConfig({ target: { url: "file:///a.xml" }, source: "running" }),
    deleteConfig({ target: "startup" }),
    validate(),
    lock({ target: "candidate" }),
    unlock({ target: "startup" }),
    commit(),
    commit({ confirmed: true, persist: "x" }),
    commit({ persistId: "x" }),
    cancelCommit({ persistId: "x" }),
    discardChanges(),
    closeSession(),
    killSession({ sessionId: 4 })
  ]) {
    const text = print(wire(operation))
    it(`treats ${text} as the operation that it is`, () => {
      const facts = ({ datastore, deadline, kind, lease, release }: Operation<unknown>) => ({
        datastore,
        deadline,
        kind,
        lease: lease && { ...lease, lasts: lease.lasts?.() },
        release
      })
      const given = (made: Operation<unknown>) => ({
        ...facts(made),
        partial: made.partial?.(capabilitiesOf()),
        undo: name(made.undo?.(capabilitiesOf())),
        onRefused: name(made.onRefused?.(capabilitiesOf()))
      })
      assert.deepStrictEqual(given(rpc(text)), given(operation))
    })
  }

  it.effect("leaves a lost raw commit in doubt, under the candidate's lock too", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = (request, peer) => (request.name === "commit" ? peer.endpoint.close() : obliging(request, peer))
      const error = yield* Effect.flip(session.locked(["running", "candidate"], session.rpc("<commit/>")))
      assert.strictEqual(error._tag, "CommitUnknownError")
    })
  )

  it.effect("fails as a typed error, with the device's name", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ label: "leaf" })
      const error = yield* Effect.flip(session.rpc("<a>"))
      assert.deepInclude({ ...error }, { _tag: "InputError", label: "leaf", what: "rpc" })
      assert.deepStrictEqual(peer.names, [])
    })
  )

  for (const [what, text] of [
    ["U+0000", "\u0000"],
    ["U+001B", "\u001b"],
    ["U+FFFE", "\ufffe"],
    ["a lone surrogate", "\ud83d"],
    ["a lone low surrogate", "\ude00"]
  ] as const) {
    it.effect(`refuses ${what}, which XML cannot carry, before sending`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        for (const call of [
          session.commit({ confirmed: true, persist: text }),
          session.rpc(
            xml`<a xmlns="urn:a" b="x">${"x"}</a>`.children.length === 1
              ? { ...xml`<a xmlns="urn:a"/>`, children: [text] }
              : ""
          )
        ]) {
          const error = yield* Effect.flip(call)
          assert.strictEqual(error._tag, "InputError", error.message)
          assert.notInclude(error.message, text)
        }
        assert.deepStrictEqual(peer.names, [])
        peer.onRpc = obliging
        yield* session.get()
      })
    )
  }

  it.effect("refuses ]]>]]> under end-of-message framing, and carries it under chunked", () =>
    Effect.gen(function* () {
      const body = { ...xml`<a xmlns="urn:a"/>`, children: [{ _tag: "Comment", text: " ]]>]]> " } as const] }
      const old = yield* connect({ peer: everything.filter((name) => name !== ":base:1.1") })
      const error = yield* Effect.flip(old.session.rpc(body))
      assert.strictEqual(error._tag, "InputError")
      assert.include(error.message, "]]>]]>")
      assert.deepStrictEqual(old.peer.names, [])
      const text = yield* start(old.session.commit({ confirmed: true, persist: "]]>]]>" }))
      assert.include(old.peer.last.xml, "<persist>]]&gt;]]&gt;</persist>")
      old.peer.reply(old.peer.last)
      yield* settle
      success(text)
      const { peer, session } = yield* connect()
      const call = yield* start(session.rpc(body))
      assert.include(peer.last.xml, "<!-- ]]>]]> -->")
      peer.reply(peer.last)
      yield* settle
      success(call)
    })
  )

  it.effect("is refused by capability only where it says what it needs", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: [":base:1.1"], label: "leaf" })
      const error = yield* Effect.flip(session.commit())
      assert.deepInclude(
        { ...error },
        { _tag: "CapabilityError", needed: [":candidate"], label: "leaf", operation: "commit" }
      )
      assert.include(error.message, "not sent")
      assert.deepStrictEqual(peer.names, [])
      const call = yield* start(session.commit({ capabilityCheck: false }))
      assert.deepStrictEqual(peer.names, ["commit"])
      peer.reply(peer.last)
      yield* settle
      success(call)
      const lie = yield* start(session.getConfig({ source: "running/><evil/><x" as "running", capabilityCheck: false }))
      assert.strictEqual(failure(lie)._tag, "InputError")
      assert.deepStrictEqual(peer.names, ["commit"])
    })
  )
})
