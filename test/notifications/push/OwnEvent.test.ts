import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { DataError } from "../../../src/errors.ts"
import * as OwnEvent from "../../../src/notifications/push/OwnEvent.ts"
import * as Element from "../../../src/xml/Element.ts"
import { notification, received, sn, yp } from "./own.ts"

const fields = (content: string) =>
  Effect.map(OwnEvent.decode(notification(content)), (event) => {
    const { notification: _, ...rest } = event as OwnEvent.OwnEvent
    return rest as Record<string, unknown>
  })

const isText = (value: unknown, text: string) => assert.strictEqual(Element.text(value as Element.Element).trim(), text)

describe("OwnEvent.decode", () => {
  it.effect("reads the state changes of RFC 8640 appendix A.3", () =>
    Effect.gen(function* () {
      const { streamXpathFilter, ...modified } = yield* fields(
        `<subscription-modified xmlns="${sn}"><id>39</id><stream-xpath-filter xmlns:ex="http://example.com/events">
           /ex:foo
         </stream-xpath-filter><stream>NETCONF</stream></subscription-modified>`
      )
      assert.deepStrictEqual(modified, { _tag: "SubscriptionModified", id: 39, stream: "NETCONF" })
      isText(streamXpathFilter, "/ex:foo")
      assert.strictEqual((streamXpathFilter as Element.Element).scope["ex"], "http://example.com/events")
      assert.deepStrictEqual(yield* fields(`<subscription-resumed xmlns="${sn}"><id>39</id></subscription-resumed>`), {
        _tag: "SubscriptionResumed",
        id: 39
      })
      assert.deepStrictEqual(
        yield* fields(`<subscription-terminated xmlns="${sn}"><id>39</id><reason>
             suspension-timeout
          </reason></subscription-terminated>`),
        { _tag: "SubscriptionTerminated", id: 39, reason: "suspension-timeout" }
      )
      assert.deepStrictEqual(
        yield* fields(`<subscription-completed xmlns="${sn}"><id> 39 </id></subscription-completed>`),
        { _tag: "SubscriptionCompleted", id: 39 }
      )
      assert.deepStrictEqual(yield* fields(`<replay-completed xmlns="${sn}"><id>39</id></replay-completed>`), {
        _tag: "ReplayCompleted",
        id: 39
      })
    })
  )

  it.effect("reads a reason by its name, whatever prefix it has", () =>
    Effect.gen(function* () {
      for (const reason of [
        `xmlns:yp="${yp}">yp:unsupportable-volume`,
        ">unsupportable-volume",
        ">x:unsupportable-volume"
      ]) {
        assert.deepStrictEqual(
          yield* fields(
            `<subscription-suspended xmlns="${sn}"><id>39</id><reason ${reason}</reason></subscription-suspended>`
          ),
          { _tag: "SubscriptionSuspended", id: 39, reason: "unsupportable-volume" }
        )
      }
    })
  )

  it.effect("reads all terms of a subscription-started", () =>
    Effect.gen(function* () {
      const { datastoreSubtreeFilter, ...rest } = yield* fields(
        `<subscription-started xmlns="${sn}" xmlns:yp="${yp}"><id>7</id>
           <yp:datastore xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:operational</yp:datastore>
           <yp:datastore-subtree-filter><a xmlns="urn:a"/></yp:datastore-subtree-filter>
           <yp:on-change><yp:dampening-period>100</yp:dampening-period><yp:sync-on-start>false</yp:sync-on-start>
             <yp:excluded-change>move</yp:excluded-change></yp:on-change>
           <stop-time>2030-01-01T00:00:00Z</stop-time><encoding>encode-xml</encoding><dscp>10</dscp>
         </subscription-started>`
      )
      assert.deepStrictEqual(rest, {
        _tag: "SubscriptionStarted",
        id: 7,
        datastore: { namespace: "urn:ietf:params:xml:ns:yang:ietf-datastores", name: "operational" },
        onChange: { dampeningPeriod: 100, syncOnStart: false, excludedChange: ["move"] },
        stopTime: "2030-01-01T00:00:00Z",
        encoding: "encode-xml",
        dscp: 10
      })
      assert.isDefined(Element.find(datastoreSubtreeFilter as Element.Element, [["urn:a", "a"]]))
    })
  )

  it.effect("reads the push-update of RFC 8641 §3.7", () =>
    Effect.gen(function* () {
      const { contents, ...rest } = yield* fields(
        `<push-update xmlns="${yp}"><id>1011</id><datastore-contents>
            <interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name>
              <oper-status>up</oper-status></interface></interfaces></datastore-contents></push-update>`
      )
      assert.deepStrictEqual(rest, { _tag: "PushUpdate", id: 1011 })
      const status = Element.find(contents as Element.Element, ["interfaces", "interface", "oper-status"])
      isText(status, "up")
    })
  )

  it.effect("reads the push-change-update of RFC 8641 §3.7, and that it is incomplete", () =>
    Effect.gen(function* () {
      const event = yield* fields(
        `<push-change-update xmlns="${yp}"><id>89</id><datastore-changes><yang-patch><patch-id>0</patch-id>
           <edit><edit-id>edit1</edit-id><operation>replace</operation><target>/ietf-interfaces:interfaces</target>
             <value><interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/></value></edit>
           <edit><edit-id>edit2</edit-id><operation>move</operation><target>/a:b/c=1</target><point>/a:b/c=2</point>
             <where>after</where></edit>
         </yang-patch></datastore-changes><incomplete-update/></push-change-update>`
      )
      const { patch } = event["changes"] as { readonly patch: OwnEvent.YangPatch }
      const [first, second] = patch.edit
      assert.strictEqual(event["incomplete"], true)
      assert.strictEqual(patch.patchId, "0")
      assert.strictEqual(first!.operation, "replace")
      assert.isDefined(Element.child(first!.value!, "interfaces"))
      assert.deepStrictEqual(second, {
        editId: "edit2",
        operation: "move",
        target: "/a:b/c=1",
        point: "/a:b/c=2",
        where: "after"
      })
    })
  )

  it.effect("takes an event record for what it is, and one of another module with such a name", () =>
    Effect.gen(function* () {
      const vrrp = `<vrrp-protocol-error-event xmlns="urn:ietf:params:xml:ns:yang:ietf-vrrp"/>`
      assert.isUndefined(yield* OwnEvent.decode(notification(vrrp)))
      assert.isUndefined(yield* OwnEvent.decode(notification(`<push-update xmlns="urn:mine"><id>1</id></push-update>`)))
    })
  )

  it.effect("understands a device that strips namespaces, and fails where a field is none", () =>
    Effect.gen(function* () {
      const plain = received(
        `<notification><eventTime>x</eventTime><subscription-resumed><id>3</id></subscription-resumed></notification>`
      )
      assert.strictEqual((yield* OwnEvent.decode(plain))?._tag, "SubscriptionResumed")
      const wrong = yield* Effect.flip(fields(`<subscription-resumed xmlns="${sn}"><id>x</id></subscription-resumed>`))
      assert.instanceOf(wrong, DataError)
    })
  )
})
