import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { decode } from "../../../src/data/Data.ts"
import * as NotificationCapabilities from "../../../src/notifications/push/NotificationCapabilities.ts"
import { tree } from "./own.ts"

const system = "urn:ietf:params:xml:ns:yang:ietf-system-capabilities"
const notc = "urn:ietf:params:xml:ns:yang:ietf-notification-capabilities"
const ifs = "urn:ietf:params:xml:ns:yang:ietf-interfaces"

const subscription = (inside: string) =>
  `<subscription-capabilities xmlns="${notc}">${inside}</subscription-capabilities>`
const onChange = (bits: string) => subscription(`<on-change-supported>${bits}</on-change-supported>`)
const node = (selector: string, inside: string) =>
  `<per-node-capabilities><node-selector xmlns:if="${ifs}">${selector}</node-selector>${inside}</per-node-capabilities>`
const datastore = (name: string, inside: string) =>
  `<datastore-capabilities><datastore xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:${name}</datastore>${inside}</datastore-capabilities>`

const read = (inside: string) =>
  decode(NotificationCapabilities.NotificationCapabilities)(
    tree(`<system-capabilities xmlns="${system}">${inside}</system-capabilities>`)
  )

const both = "config-changes state-changes"
const statistics = ["interfaces", "interface", "statistics"]

describe("NotificationCapabilities", () => {
  it.effect("reads what a device says, in each of the three places", () =>
    Effect.gen(function* () {
      const said = yield* read(
        datastore(
          "operational",
          node("/if:interfaces", subscription("<max-nodes-per-update>10</max-nodes-per-update>"))
        ) +
          subscription(
            `<max-nodes-per-update>1000</max-nodes-per-update><periodic-notifications-supported>${both}</periodic-notifications-supported>` +
              `<minimum-update-period>500</minimum-update-period><on-change-supported>config-changes</on-change-supported>` +
              `<minimum-dampening-period>10</minimum-dampening-period><supported-excluded-change-type>create</supported-excluded-change-type>` +
              `<supported-excluded-change-type>delete</supported-excluded-change-type>`
          )
      )
      assert.deepStrictEqual(said.subscription, {
        maxNodesPerUpdate: 1000,
        periodicSupported: { configChanges: true, stateChanges: true },
        minimumUpdatePeriod: Duration.seconds(5),
        supportedUpdatePeriods: [],
        onChangeSupported: { configChanges: true, stateChanges: false },
        minimumDampeningPeriod: Duration.millis(100),
        supportedExcludedChanges: ["create", "delete"]
      })
      const [operational] = said.datastores
      assert.strictEqual(operational!.datastore.name, "operational")
      assert.deepStrictEqual(operational!.nodes[0]!.selector, { path: "/if:interfaces", namespaces: { if: ifs } })
      assert.strictEqual(operational!.nodes[0]!.subscription?.maxNodesPerUpdate, 10)
      const periods = subscription(
        "<supported-update-period>100</supported-update-period><supported-update-period>200</supported-update-period>"
      )
      assert.deepStrictEqual((yield* read(periods)).subscription?.supportedUpdatePeriods, [
        Duration.seconds(1),
        Duration.seconds(2)
      ])
    })
  )

  it.effect("takes the first entry that selects a node and says something about it", () =>
    Effect.gen(function* () {
      const said = yield* read(
        datastore(
          "operational",
          node("/if:interfaces/if:interface/if:statistics", onChange("")) +
            node("/if:interfaces/if:interface", subscription("<max-nodes-per-update>1</max-nodes-per-update>")) +
            node("/if:interfaces", onChange(both)) +
            node("/", onChange("config-changes"))
        ) + onChange("")
      )
      const support = (path: ReadonlyArray<string>, name = "operational") =>
        NotificationCapabilities.onChangeSupport(said, name, path)
      assert.strictEqual(support([...statistics, "in-octets"]), "none")
      assert.strictEqual(support(["interfaces", "interface", "name"]), "all")
      assert.strictEqual(support(["system"]), "some")
      assert.strictEqual(support(["interfaces", "interface"]), "some")
      assert.strictEqual(support([]), "some")
      assert.strictEqual(support(statistics, "running"), "none")
      const elsewhere = NotificationCapabilities.onChangeSupport(said, "operational", [["urn:other", "interfaces"]])
      assert.strictEqual(elsewhere, "some")
    })
  )

  it.effect("does not know what is true of some entries of a list alone", () =>
    Effect.gen(function* () {
      const said = yield* read(
        datastore("running", node("/if:interfaces/if:interface[if:name='a/]b']", onChange(""))) + onChange(both)
      )
      const support = (...path: ReadonlyArray<string>) =>
        NotificationCapabilities.onChangeSupport(said, "running", path)
      assert.strictEqual(support("interfaces", "interface", "enabled"), "some")
      assert.strictEqual(support("system"), "all")
    })
  )

  it("knows nothing of a device that says nothing", () => {
    assert.strictEqual(NotificationCapabilities.onChangeSupport(NotificationCapabilities.unknown, "running"), "unknown")
  })
})
