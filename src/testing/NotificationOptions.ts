/**
 * What a simulated device has of event streams, and what it is able to push: options of `SimulatedDevice.make`.
 */
import type { StreamOptions } from "./EventStreams.ts"
import type { Name } from "./StandardEvents.ts"

/** A filter by name (RFC 8639 §2.2): the elements of a subtree filter, or an XPath expression with its prefixes. */
export type NamedFilter =
  | { readonly subtree: string }
  | { readonly xpath: string; readonly prefixes?: Readonly<Record<string, string>> }

export type ChangeType = "create" | "delete" | "insert" | "move" | "replace"

/** What the device is able to push, and what it refuses (RFC 8641), told to clients as RFC 9196 has it. */
export interface PushOptions {
  /** Datastores that can be subscribed to. Default: running and operational. */
  readonly datastores?: ReadonlyArray<"running" | "candidate" | "startup" | "operational">
  /** The shortest period, in hundredths of a second. Default: 1. */
  readonly minimumPeriod?: number
  /** The shortest dampening-period, in hundredths of a second. Default: 0. */
  readonly minimumDampening?: number
  /** The most nodes of one update; more are refused as update-too-big or sync-too-big. Default: no limit. */
  readonly maxNodes?: number
  /** Whether changes are pushed at all. Default: true. */
  readonly onChange?: boolean
  /** Sub-trees whose changes are not, by local names: `interfaces/interface/statistics`, which is the default. */
  readonly onChangeUnsupported?: ReadonlyArray<string>
  /** The changes that can be excluded. Default: all. */
  readonly excludable?: ReadonlyArray<ChangeType>
  /** Whether a selection that holds nothing is refused as unchanging-selection. Default: false. */
  readonly refusesEmptySelection?: boolean
}

export interface NotificationOptions {
  /** Whether the NETCONF stream has a log to replay. Default: true. */
  readonly replay?: boolean
  /** How many events the NETCONF stream's log keeps. Default: 1000. */
  readonly logSize?: number
  /** Streams besides NETCONF. */
  readonly streams?: ReadonlyArray<StreamOptions>
  /** The events of RFC 6470 that the device sends itself: all, none, or these. Default: all. */
  readonly standardEvents?: boolean | ReadonlyArray<Name>
  /** Filters that establish-subscription can name, for streams and for datastores alike. */
  readonly filters?: Readonly<Record<string, NamedFilter>>
  /** Dynamic subscriptions that the device can serve; more are refused as insufficient-resources. Default: no limit. */
  readonly maxSubscriptions?: number
  readonly push?: PushOptions
}
