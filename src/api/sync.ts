/**
 * **It blocks the event loop**: while a method of `NetconfClientSync` waits for the device, nothing else of the program runs:
 * no timer, no other connection, no signal handler. It is for scripts; everything else uses `NetconfClient`, or Effect.
 *
 * Its methods are those of `NetconfClient`, carried out by one in another thread, one thread for all of them; nothing is
 * decided here.
 */
import { isRecord } from "./Checks.ts"
import type { NetconfClientOptions, ReconnectingClientOptions } from "./promise/ClientOptions.ts"
import type { PlainNotification } from "../notifications/PlainNotification.ts"
import type { ClientState } from "./promise/ClientState.ts"
import type { PlainSubscriptionEvent } from "./promise/SubscriptionHandle.ts"
import type { RetryPlan } from "./promise/RetryPlan.ts"
import { insteadOf, pack } from "./sync/Crossing.ts"
import { type About, Line } from "./sync/Line.ts"
import type { Reference } from "./sync/Messages.ts"
import { NetconfSessionClientSync } from "./sync/SessionClientSync.ts"
import { itemsOf, reading, SubscriptionSync, type WaitSyncOptions } from "./sync/SubscriptionSync.ts"

export type {
  ConfirmedCommitSyncOptions,
  LockedSyncOptions,
  NetconfSessionClientSync,
  SyncProgram
} from "./sync/SessionClientSync.ts"
export type { SubscribeSyncOptions, SubscriptionSync, WaitSyncOptions } from "./sync/SubscriptionSync.ts"

/** Those of `NetconfClient` without functions, which cannot cross to the thread that does the work. */
export interface NetconfClientSyncOptions extends Omit<
  NetconfClientOptions,
  "transport" | "wireLog" | "audit" | "reconnect"
> {
  /** The path of a file in which every write is recorded before it is sent and when its outcome is known. */
  readonly audit?: string
  /** Logs every message with its secrets hidden, at Debug. Default: off. */
  readonly wireLog?: true
  /** Opens the session anew whenever it is lost; `true` for all defaults. Default: one session, one life. */
  readonly reconnect?: true | (Omit<ReconnectingClientOptions, "schedule"> & { readonly schedule?: RetryPlan })
}

const connecting: About = { operation: "connect", kind: "control", permit: false }
const closing: About = { operation: "close-session", kind: "control", permit: false }
const asking: About = { operation: "session", kind: "read", permit: false }

const whereOf = (options: unknown): { readonly label?: string; readonly peer?: string } => {
  if (!isRecord(options)) return {}
  const { hostname, label, port = 830 } = options
  return {
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof hostname === "string" ? { peer: `${hostname}:${String(port)}` } : {})
  }
}

const packOptions = (options: NetconfClientSyncOptions): unknown => {
  if (isRecord(options) && options["transport"] !== undefined) throw insteadOf("transport", "a transport")
  return pack(options, "")
}

/**
 * A NETCONF session that **blocks the event loop** while it waits: for scripts.
 *
 * Without a handler for SIGINT, Ctrl-C ends the process at once, in the middle of a call as well; a handler of the program's
 * own runs only when the call has returned. The process may end without `disconnect`: the session then ends with it.
 *
 * @example
 * const client = new NetconfClientSync({ hostname: "192.0.2.1", username: "admin", password, hostKey: "known-hosts" })
 * client.connect()
 * const reply = client.getConfig({ source: "running" })
 * console.log(reply.xml)
 * client.disconnect()
 */
export class NetconfClientSync extends NetconfSessionClientSync implements Disposable {
  readonly #line: Line

  /** Throws an `InputError` for options that cannot work, and for functions among them. */
  constructor(options: NetconfClientSyncOptions) {
    const line = Line.make(whereOf(options), packOptions(options))
    super(line)
    this.#line = line
  }

  /** Opens the session. Throws when it is open already; after `disconnect`, or when it was lost, it opens a new one. */
  connect(): void {
    this.#line.renew()
    this.#line.call("connect", [], connecting)
  }

  /**
   * Ends the subscriptions, then the session: close-session, then the connection. Never throws. Notifications that are unread
   * can still be read.
   */
  disconnect(): void {
    this.#line.drop("disconnect", closing, () => this.notificationQueueSize() > 0)
  }

  /**
   * What all subscriptions bring, as one: fairly between them, each in its order. It ends with the last subscription, and with
   * `disconnect`; begun before there is one, it waits for ever, because nobody can subscribe meanwhile. Where one fails, it
   * throws that error, once, after all that it had brought; the others go on in the next loop. Leaving the loop loses nothing.
   */
  notifications(): Generator<PlainNotification, undefined> {
    return itemsOf(this.#line, this.#line.call("notifications", [], reading) as Reference)
  }

  /** The same with every event, by `_tag`: `Notification`, `ReplayComplete` and `Gap`. */
  subscriptionEvents(): Generator<PlainSubscriptionEvent, undefined> {
    return itemsOf(this.#line, this.#line.call("subscriptionEvents", [], reading) as Reference)
  }

  /**
   * The next notification of any subscription; undefined when `timeout` (default: 10 ms) passes first. Throws the error of a
   * subscription that has failed, once, after all that it had brought.
   */
  nextNotification(options: WaitSyncOptions = {}): PlainNotification | undefined {
    return this.#line.call("nextNotification", [options], reading) as PlainNotification | undefined
  }

  /** The oldest notifications that wait, at most `max` (default: 100) of them; they stay there. */
  peekNotifications(max?: number): ReadonlyArray<PlainNotification> {
    return this.#line.call("peekNotifications", [max], reading) as ReadonlyArray<PlainNotification>
  }

  /** How much waits to be read, over all subscriptions. */
  notificationQueueSize(): number {
    return this.#line.call("notificationQueueSize", [], reading) as number
  }

  /** Whether a session carries a subscription of this client now. */
  isSubscriptionActive(): boolean {
    return this.#line.call("isSubscriptionActive", [], reading) as boolean
  }

  /** Ends one subscription, or all of them, with the sessions that they have to themselves. What is unread can still be read. */
  deleteSubscription(subscription?: SubscriptionSync): void {
    this.#line.call("deleteSubscription", [SubscriptionSync.given(subscription)], closing)
  }

  [Symbol.dispose](): void {
    this.disconnect()
  }

  /**
   * With `reconnect`: whether the session is up, and if not, why and what comes next. `Stopped` where nothing comes next
   * by itself: before `connect`, when that has failed, and after `disconnect`.
   */
  get state(): ClientState {
    return this.#line.call("state", [], asking) as ClientState
  }
}
