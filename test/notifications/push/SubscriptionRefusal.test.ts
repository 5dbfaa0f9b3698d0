import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { RpcError } from "../../../src/errors.ts"
import * as SubscriptionRefusal from "../../../src/notifications/push/SubscriptionRefusal.ts"
import * as RpcErrors from "../../../src/rpc/RpcErrors.ts"
import * as Element from "../../../src/xml/Element.ts"
import { decode } from "../../../src/xml/Parse.ts"
import { sn, yp } from "./own.ts"

const refusal = (inside: string) => {
  const [item] = Element.elements(
    decode(
      `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><rpc-error><error-type>application</error-type>
       <error-severity>error</error-severity>${inside}</rpc-error></rpc-reply>`
    )
  )
  const found = SubscriptionRefusal.refusalOf(new RpcError({ errors: [RpcErrors.read(item!)] }))
  return found && { reason: found.reason, hints: found.hints }
}

const tagged = (tag: string, info = "") =>
  refusal(`<error-tag>operation-failed</error-tag><error-app-tag>${tag}</error-app-tag>${info}`)

const info = (name: string, namespace: string, inside: string) =>
  `<error-info><${name} xmlns="${namespace}">${inside}</${name}></error-info>`

describe("SubscriptionRefusal.refusalOf", () => {
  it("reads the refusals of RFC 8640 appendix A.2", () => {
    assert.deepStrictEqual(tagged("\n ietf-subscribed-notifications:dscp-unavailable\n "), {
      reason: "dscp-unavailable",
      hints: {}
    })
    assert.deepStrictEqual(tagged(" ietf-subscribed-notifications:no-such-subscription"), {
      reason: "no-such-subscription",
      hints: {}
    })
    const period = info("modify-subscription-datastore-error-info", yp, "<period-hint>\n 3000\n </period-hint>")
    assert.deepStrictEqual(tagged("\n ietf-yang-push:period-unsupported \n", period), {
      reason: "period-unsupported",
      hints: { period: Duration.seconds(30) }
    })
  })

  it("reads every hint", () => {
    const all =
      "<reason>yp:update-too-big</reason><filter-failure-hint>line 1</filter-failure-hint><object-count-estimate>7</object-count-estimate>" +
      "<object-count-limit>5</object-count-limit><kilobytes-estimate>70</kilobytes-estimate><kilobytes-limit>50</kilobytes-limit>"
    assert.deepStrictEqual(
      tagged("update-too-big", info("establish-subscription-datastore-error-info", yp, all))?.hints,
      {
        filterFailure: "line 1",
        objectCountEstimate: 7,
        objectCountLimit: 5,
        kilobytesEstimate: 70,
        kilobytesLimit: 50
      }
    )
    const filter = info(
      "establish-subscription-stream-error-info",
      sn,
      "<filter-failure-hint>no such prefix</filter-failure-hint>"
    )
    assert.deepStrictEqual(tagged("sn:filter-unsupported", filter), {
      reason: "filter-unsupported",
      hints: { filterFailure: "no such prefix" }
    })
  })

  it("goes by the reason in error-info where there is no error-app-tag, as in the draft's example", () => {
    const inside = `<error-tag>operation-failed</error-tag><error-path>/yp:periodic/yp:period</error-path><error-info>
      <yp:establish-subscription-error-datastore xmlns:yp="${sn}"><yp:reason>yp:on-change-unsupported</yp:reason>
      </yp:establish-subscription-error-datastore></error-info>`
    assert.deepStrictEqual(refusal(inside), { reason: "on-change-unsupported", hints: {} })
  })

  it("is read whatever the error-tag is", () => {
    const inside = `<error-tag>invalid-value</error-tag><error-app-tag>ietf-yang-push:cant-exclude</error-app-tag>`
    assert.strictEqual(refusal(inside)?.reason, "cant-exclude")
  })

  it("says nothing of other refusals, nor of a hint that is no number", () => {
    assert.isUndefined(refusal("<error-tag>access-denied</error-tag>"))
    assert.isUndefined(tagged("too-many-elements"))
    const wrong = info("establish-subscription-datastore-error-info", yp, "<period-hint>soon</period-hint>")
    assert.deepStrictEqual(tagged("period-unsupported", wrong)?.hints, {})
  })
})
