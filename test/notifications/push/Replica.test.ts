import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as OwnEvent from "../../../src/notifications/push/OwnEvent.ts"
import { Replica } from "../../../src/notifications/push/Replica.ts"
import { ModuleNamespaces } from "../../../src/notifications/push/ModuleNamespaces.ts"
import * as Element from "../../../src/xml/Element.ts"
import { notification, yp } from "./own.ts"

const ifs = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
const own = <Tag extends OwnEvent.OwnEvent["_tag"]>(content: string) =>
  Effect.runSync(OwnEvent.decode(notification(content))) as OwnEvent.Of<Tag>

const status = (name: string) =>
  `<interfaces xmlns="${ifs}"><interface><name>eth0</name><oper-status>${name}</oper-status></interface></interfaces>`
const whole = (inside: string, more = "") =>
  own<"PushUpdate">(
    `<push-update xmlns="${yp}"><id>1</id><datastore-contents>${inside}</datastore-contents>${more}</push-update>`
  )
const change = (id: string, value: string, more = "") =>
  own<"PushChangeUpdate">(
    `<push-change-update xmlns="${yp}"><id>1</id><datastore-changes><yang-patch><patch-id>${id}</patch-id><edit><edit-id>edit1</edit-id>` +
      `<operation>replace</operation><target>/ietf-interfaces:interfaces</target><value>${status(value)}</value></edit></yang-patch></datastore-changes>${more}</push-change-update>`
  )
const incomplete = "<incomplete-update/>"
const shown = (replica: Replica) =>
  Element.text(Element.find(replica.tree!, ["interfaces", "interface", "oper-status"])!)
const make = () => new Replica(new ModuleNamespaces())

describe("Replica", () => {
  it("is the push-update, then what the patches make of it, as in RFC 8641 §3.7", () => {
    const replica = make()
    assert.isUndefined(replica.tree)
    assert.strictEqual(replica.replace(whole(status("up"))), "changed")
    assert.strictEqual(shown(replica), "up")
    assert.strictEqual(replica.change(change("0", "down")), "changed")
    assert.strictEqual(shown(replica), "down")
    assert.isFalse(replica.waits)
    assert.strictEqual(replica.replace(whole("")), "changed")
    assert.deepStrictEqual(Element.elements(replica.tree!), [])
  })

  it("ignores changes until the whole selection is there, and after it has missed something", () => {
    const replica = make()
    assert.strictEqual(replica.change(change("0", "down")), "ignored")
    replica.replace(whole(status("up")))
    assert.deepStrictEqual(replica.change(change("1", "down")), { missed: "patch 1 is not the one that was due" })
    assert.isTrue(replica.waits)
    assert.strictEqual(replica.change(change("2", "down")), "ignored")
    assert.strictEqual(shown(replica), "up")
    replica.replace(whole(status("up")))
    assert.strictEqual(replica.change(change("0", "down")), "changed")
  })

  it("takes nothing from an update that is incomplete", () => {
    const replica = make()
    assert.deepStrictEqual(replica.replace(whole(status("up"), incomplete)), { missed: "a push-update is incomplete" })
    assert.isUndefined(replica.tree)
    replica.replace(whole(status("up")))
    assert.deepStrictEqual(replica.change(change("0", "down", incomplete)), {
      missed: "a push-change-update is incomplete"
    })
    assert.strictEqual(shown(replica), "up")
    assert.deepStrictEqual(replica.replace(whole(status("down"), incomplete)), {
      missed: "a push-update is incomplete"
    })
    assert.strictEqual(shown(replica), "up")
  })

  it("says what does not fit, and keeps its tree", () => {
    const replica = make()
    replica.replace(whole(status("up")))
    const orphan = own<"PushChangeUpdate">(
      `<push-change-update xmlns="${yp}"><id>1</id><datastore-changes><yang-patch><patch-id>0</patch-id><edit><edit-id>1</edit-id>` +
        `<operation>delete</operation><target>/ietf-interfaces:interfaces/interface=eth9/mtu</target></edit></yang-patch></datastore-changes></push-change-update>`
    )
    assert.deepStrictEqual(replica.change(orphan), {
      missed: "/ietf-interfaces:interfaces/interface=eth9/mtu: its parent interface=eth9 is not there"
    })
    const empty = own<"PushChangeUpdate">(`<push-change-update xmlns="${yp}"><id>1</id></push-change-update>`)
    replica.replace(whole(status("up")))
    assert.deepStrictEqual(replica.change(empty), { missed: "a push-change-update holds no patch" })
    assert.strictEqual(shown(replica), "up")
  })

  it("waits for the whole selection of another subscription, whose ids begin anew", () => {
    const replica = make()
    replica.replace(whole(status("up")))
    replica.change(change("0", "down"))
    replica.restart()
    assert.strictEqual(replica.change(change("1", "up")), "ignored")
    assert.strictEqual(shown(replica), "down")
    replica.replace(whole(status("up")))
    assert.strictEqual(replica.change(change("0", "down")), "changed")
  })
})
