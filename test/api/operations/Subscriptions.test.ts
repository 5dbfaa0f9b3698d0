import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Filter from "../../../src/api/operations/Filter.ts"
import { modified } from "../../../src/api/operations/SubscriptionOptions.ts"
import type { EstablishOptions, ModifyOptions } from "../../../src/api/operations/SubscriptionOptions.ts"
import * as Subscriptions from "../../../src/api/operations/Subscriptions.ts"
import { told } from "../../../src/api/operations/ToldTerms.ts"
import { InputError } from "../../../src/errors.ts"
import * as Element from "../../../src/xml/Element.ts"
import { decode } from "../../../src/xml/Parse.ts"
import { isSentAs, wire } from "../wire.ts"

const sn = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
const yp = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
const ds = `xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"`
const { deleteSubscription, establishSubscription, killSubscription, modifySubscription, resyncSubscription } =
  Subscriptions

const establish = (inside: string) =>
  `<establish-subscription xmlns="${sn}" xmlns:yp="${yp}">${inside}</establish-subscription>`
const modify = (inside: string) => `<modify-subscription xmlns="${sn}" xmlns:yp="${yp}">${inside}</modify-subscription>`

const refused = (options: unknown): string => {
  try {
    wire(establishSubscription(options as EstablishOptions))
  } catch (error) {
    assert.instanceOf(error, InputError)
    return (error as InputError).summary
  }
  throw new Error("it was not refused")
}

const foo = Filter.xpath("/ex:foo", { ex: "http://example.com/sample-data/1.0" })
const fooAs = (name: string, prefix = "yp:") =>
  `<${prefix}${name} xmlns:ex="http://example.com/sample-data/1.0">/ex:foo</${prefix}${name}>`

describe("establish-subscription", () => {
  it("asks for a stream, RFC 8640 appendix A.2.1", () => {
    isSentAs(
      establishSubscription({ filter: Filter.xpath("/ex:foo/", { ex: "http://example.com/events" }), dscp: 10 }),
      establish(
        `<stream>NETCONF</stream><stream-xpath-filter xmlns:ex="http://example.com/events">/ex:foo/</stream-xpath-filter><dscp>10</dscp>`
      )
    )
  })

  it("asks for a datastore at each period, RFC 8641 §4.4.1", () => {
    isSentAs(
      establishSubscription({ datastore: "operational", filter: foo, periodic: { period: "5 seconds" } }),
      establish(
        `<yp:datastore ${ds}>ds:operational</yp:datastore>${fooAs("datastore-xpath-filter")}<yp:periodic><yp:period>500</yp:period></yp:periodic>`
      )
    )
  })

  it("asks for a datastore on change, RFC 8641 §4.4.1", () => {
    isSentAs(
      establishSubscription({ datastore: "operational", filter: foo, onChange: { dampeningPeriod: "1 second" } }),
      establish(
        `<yp:datastore ${ds}>ds:operational</yp:datastore>${fooAs("datastore-xpath-filter")}` +
          `<yp:on-change><yp:dampening-period>100</yp:dampening-period></yp:on-change>`
      )
    )
  })

  it("sends every option that there is", () => {
    isSentAs(
      establishSubscription({
        stream: "alarms",
        filter: `<a xmlns="urn:a"/>`,
        startTime: "2026-03-01T10:00:00+01:00",
        stopTime: new Date(Date.UTC(2026, 3, 1)),
        weighting: 255,
        dependency: 7
      }),
      establish(
        `<stream>alarms</stream><stream-subtree-filter><a xmlns="urn:a"/></stream-subtree-filter>` +
          `<replay-start-time>2026-03-01T10:00:00+01:00</replay-start-time><stop-time>2026-04-01T00:00:00.000Z</stop-time>` +
          `<weighting>255</weighting><dependency>7</dependency>`
      )
    )
    isSentAs(
      establishSubscription({
        datastore: { namespace: "urn:vendor", name: "special" },
        filter: { named: "mine" },
        periodic: { period: 10, anchorTime: DateTime.makeUnsafe("2026-01-01T00:00:00Z") }
      }),
      establish(
        `<yp:datastore xmlns:ds="urn:vendor">ds:special</yp:datastore><yp:selection-filter-ref>mine</yp:selection-filter-ref>` +
          `<yp:periodic><yp:period>1</yp:period><yp:anchor-time>2026-01-01T00:00:00.000Z</yp:anchor-time></yp:periodic>`
      )
    )
    isSentAs(
      establishSubscription({
        datastore: "running",
        filter: `<filter><a xmlns="urn:a"/><b xmlns="urn:b"/></filter>`,
        onChange: { dampeningPeriod: 0, syncOnStart: false, excludedChange: ["create", "move"] }
      }),
      establish(
        `<yp:datastore ${ds}>ds:running</yp:datastore><yp:datastore-subtree-filter><a xmlns="urn:a"/><b xmlns="urn:b"/></yp:datastore-subtree-filter>` +
          `<yp:on-change><yp:dampening-period>0</yp:dampening-period><yp:sync-on-start>false</yp:sync-on-start>` +
          `<yp:excluded-change>create</yp:excluded-change><yp:excluded-change>move</yp:excluded-change></yp:on-change>`
      )
    )
    isSentAs(
      establishSubscription({ filter: { named: "mine" } }),
      establish(`<stream>NETCONF</stream><stream-filter-name>mine</stream-filter-name>`)
    )
  })

  it("takes a stop-time without a start, unlike RFC 5277", () => {
    isSentAs(
      establishSubscription({ stopTime: "2030-01-01T00:00:00Z" }),
      establish(`<stream>NETCONF</stream><stop-time>2030-01-01T00:00:00Z</stop-time>`)
    )
  })

  it("sends no filter for an empty one, which would select nothing", () => {
    isSentAs(establishSubscription({ filter: "" }), establish(`<stream>NETCONF</stream>`))
  })

  it("refuses what cannot be asked, before anything is sent", () => {
    const periodic = { period: "1 second" }
    assert.include(refused({ datastore: "running" }), "either periodic or onChange")
    assert.include(refused({ datastore: "running", periodic, onChange: {} }), "either periodic or onChange")
    assert.include(refused({ datastore: "nonsense", periodic }), `expected one of running, candidate`)
    assert.include(refused({ datastore: "running", periodic, stream: "NETCONF" }), "stream")
    assert.include(refused({ datastore: "running", periodic, startTime: "2026-01-01T00:00:00Z" }), "startTime")
    assert.include(refused({ strem: "NETCONF" }), "did you mean stream?")
    assert.include(refused("NETCONF"), "expected options in an object")
    assert.include(refused({ datastore: "running", periodic: { perod: 1 } }), "did you mean period?")
    assert.include(refused({ datastore: "running", onChange: { excludedChange: ["update"] } }), "create, delete")
    assert.include(refused({ startTime: "2026-01-02T00:00:00Z", stopTime: "2026-01-01T00:00:00Z" }), "later than")
    assert.include(refused({ startTime: "yesterday" }), "expected a date-time")
    assert.include(refused({ startTime: new Date(Number.NaN) }), "expected a date-time")
    assert.include(refused({ dscp: 64 }), "0 to 63")
    assert.include(refused({ weighting: 256 }), "0 to 255")
    assert.include(refused({ filter: "<a>" }), "filter")
    for (const named of [undefined, "", 5]) {
      assert.include(refused({ filter: { named } }), "filter.named", String(named))
    }
    for (const stream of ["", 5, null]) assert.include(refused({ stream }), "stream", String(stream))
    for (const datastore of [
      null,
      5,
      "",
      {},
      { name: "x" },
      { namespace: "", name: "x" },
      { namespace: "urn:v", name: "a b" }
    ]) {
      assert.include(refused({ datastore, periodic }), "datastore", JSON.stringify(datastore))
    }
    assert.include(refused({ datastore: "running", onChange: { syncOnStart: "no" } }), "onChange.syncOnStart")
    for (const excludedChange of ["create", null, { create: true }]) {
      assert.include(refused({ datastore: "running", onChange: { excludedChange } }), "onChange.excludedChange")
    }
  })

  it("writes its parameters in the order of the modules, the trigger last (RFC 7950 §7.14.4)", () => {
    const request = establishSubscription({
      datastore: "running",
      filter: foo,
      periodic: { period: 100 },
      stopTime: "2030-01-01T00:00:00Z",
      dscp: 1,
      weighting: 2,
      dependency: 3
    }).encode({} as never)
    assert.deepStrictEqual(
      Element.elements(request).map(({ name }) => name),
      ["datastore", "datastore-xpath-filter", "stop-time", "dscp", "weighting", "dependency", "periodic"]
    )
  })

  it("refuses periods that hundredths of a second cannot say", () => {
    const period = (given: Duration.Input) => refused({ datastore: "running", periodic: { period: given } })
    assert.include(period("15 millis"), "15 ms cannot be said in whole hundredths")
    assert.include(period(0), "0 ms")
    assert.include(period("500 days"), "4294967295")
    assert.include(period("soon" as Duration.Input), "no duration")
    assert.include(period(Duration.infinity), "hundredths")
    const dampening = refused({ datastore: "running", onChange: { dampeningPeriod: "5 millis" } })
    assert.include(dampening, "onChange.dampeningPeriod")
  })
})

describe("modify-subscription", () => {
  it("restates the whole filter and the datastore, RFC 8640 appendix A.2.2", () => {
    const terms = modified(
      { datastore: "operational", filter: foo, periodic: { period: "1 second" } },
      { periodic: { period: "5 seconds" } }
    )
    isSentAs(
      modifySubscription(23, terms),
      modify(
        `<id>23</id><yp:datastore ${ds}>ds:operational</yp:datastore>${fooAs("datastore-xpath-filter")}<yp:periodic><yp:period>500</yp:period></yp:periodic>`
      )
    )
  })

  it("replaces a filter by another kind, RFC 8640 appendix A.4", () => {
    const vrrp = `<vrrp-protocol-error-event xmlns="urn:ietf:params:xml:ns:yang:ietf-vrrp"/>`
    isSentAs(
      modifySubscription(99, modified({ filter: foo }, { filter: vrrp })),
      modify(`<id>99</id><stream-subtree-filter>${vrrp}</stream-subtree-filter>`)
    )
  })

  it("restates the stop-time, and what of on-change can be modified", () => {
    const terms: EstablishOptions = {
      datastore: "running",
      filter: { named: "mine" },
      onChange: { dampeningPeriod: "1 second", syncOnStart: false, excludedChange: ["move"] }
    }
    isSentAs(
      modifySubscription(1, modified(terms, { stopTime: "2030-01-01T00:00:00Z" })),
      modify(
        `<id>1</id><yp:datastore ${ds}>ds:running</yp:datastore><yp:selection-filter-ref>mine</yp:selection-filter-ref>` +
          `<stop-time>2030-01-01T00:00:00Z</stop-time><yp:on-change><yp:dampening-period>100</yp:dampening-period></yp:on-change>`
      )
    )
    assert.deepStrictEqual(modified(terms, { onChange: { dampeningPeriod: 10 } }), {
      ...terms,
      onChange: { dampeningPeriod: 10, syncOnStart: false, excludedChange: ["move"] }
    })
  })

  it("keeps what is left out of a period", () => {
    const anchorTime = "2026-01-01T00:00:00Z"
    const terms: EstablishOptions = { datastore: "running", periodic: { period: "1 second", anchorTime } }
    const next = modified(terms, { periodic: { period: "5 seconds" } })
    assert.deepStrictEqual(next, { datastore: "running", periodic: { period: "5 seconds", anchorTime } })
    const moved = { period: "5 seconds", anchorTime: "2026-01-01T00:00:01Z" } as const
    assert.deepStrictEqual(modified(next, { periodic: moved }), { datastore: "running", periodic: moved })
  })

  it("takes over what the device has modified, as it tells", () => {
    const from = (event: object): EstablishOptions =>
      told(terms, { _tag: "SubscriptionModified", id: 1, ...event } as Parameters<typeof told>[1])
    const terms: EstablishOptions = { datastore: "running", filter: foo, periodic: { period: "1 second" } }
    assert.deepStrictEqual(from({}), terms)
    const xpath = decode(`<datastore-xpath-filter xmlns="${yp}" xmlns:y="urn:y">/y:a</datastore-xpath-filter>`)
    const subtree = decode(`<datastore-subtree-filter xmlns="${yp}"><a xmlns="urn:a"/></datastore-subtree-filter>`)
    const rest = `<yp:datastore ${ds}>ds:running</yp:datastore>`
    const every = (period: number) => `<yp:periodic><yp:period>${period}</yp:period></yp:periodic>`
    isSentAs(
      modifySubscription(1, from({ datastoreXpathFilter: xpath, periodic: { period: 250 } })),
      modify(
        `<id>1</id>${rest}<yp:datastore-xpath-filter xmlns:y="urn:y">/y:a</yp:datastore-xpath-filter>${every(250)}`
      )
    )
    isSentAs(
      modifySubscription(1, from({ datastoreSubtreeFilter: subtree, stopTime: "2030-01-01T00:00:00Z" })),
      modify(
        `<id>1</id>${rest}<yp:datastore-subtree-filter><a xmlns="urn:a"/></yp:datastore-subtree-filter>` +
          `<stop-time>2030-01-01T00:00:00Z</stop-time>${every(100)}`
      )
    )
    assert.deepStrictEqual(from({ selectionFilterRef: "other" }).filter, { named: "other" })
    // The filter's name stays what it is; what is told besides is its content.
    const named: EstablishOptions = { filter: { named: "mine" } }
    const event = { _tag: "SubscriptionModified", id: 1, streamSubtreeFilter: subtree } as Parameters<typeof told>[1]
    assert.deepStrictEqual(told(named, event), named)
    const onChange: EstablishOptions = { datastore: "running", onChange: { syncOnStart: false } }
    const slower = { ...event, onChange: { dampeningPeriod: 50, excludedChange: [] } }
    assert.deepStrictEqual(told(onChange, slower), {
      datastore: "running",
      filter: Filter.subtree(...Element.elements(subtree)),
      onChange: { syncOnStart: false, dampeningPeriod: Duration.millis(500) }
    })
  })

  it("widens a subscription only where that is said", () => {
    const terms = modified({ stream: "NETCONF", filter: foo }, { filter: "" })
    isSentAs(modifySubscription(1, terms), modify("<id>1</id>"))
  })

  it("refuses another kind of trigger, and what only establish takes", () => {
    const wrong = (terms: EstablishOptions, change: object) => {
      try {
        modified(terms, change as ModifyOptions)
      } catch (error) {
        return (error as InputError).summary
      }
      throw new Error("it was not refused")
    }
    const terms: EstablishOptions = { datastore: "running", periodic: { period: 100 } }
    assert.include(wrong(terms, { onChange: {} }), "cannot be modified")
    assert.include(wrong(terms, { datastore: "operational" }), "datastore")
    assert.include(wrong({ datastore: "running", onChange: {} }, { onChange: { syncOnStart: true } }), "syncOnStart")
    assert.include(wrong({}, { periodic: { period: 10 } }), "periodic")
  })
})

describe("the operations on a subscription", () => {
  it("name it by its id: delete and kill, RFC 8640 appendix A.2.3; resync, RFC 8641 §4.4.4", () => {
    isSentAs(deleteSubscription(22), `<delete-subscription xmlns="${sn}"><id>22</id></delete-subscription>`)
    isSentAs(killSubscription(22), `<kill-subscription xmlns="${sn}"><id>22</id></kill-subscription>`)
    isSentAs(resyncSubscription(1011), `<resync-subscription xmlns="${yp}"><id>1011</id></resync-subscription>`)
    assert.throws(() => wire(deleteSubscription(-1)), InputError)
  })

  it.effect("read the id of the reply, and from when on it is replayed", () =>
    Effect.gen(function* () {
      const read = (inside: string) =>
        Subscriptions.established(
          decode(`<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${inside}</rpc-reply>`)
        )
      assert.deepStrictEqual(yield* read(`<id xmlns="${sn}">\n 22\n </id>`), {
        id: 22,
        replayStartTimeRevision: undefined
      })
      const revised = yield* read(
        `<id xmlns="${sn}">1</id><replay-start-time-revision xmlns="${sn}">2026-01-01T00:00:00Z</replay-start-time-revision>`
      )
      assert.strictEqual(revised.replayStartTimeRevision, "2026-01-01T00:00:00Z")
      assert.include((yield* Effect.flip(read("<ok/>"))).message, "holds no id")
    })
  )
})
