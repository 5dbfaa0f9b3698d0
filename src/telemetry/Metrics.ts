/**
 * Every metric by its name; docs/observability.md says what each is for. Names and attributes are stable.
 *
 * What happens to an operation is counted when it ends, in the registry and with the attributes of its caller's fiber.
 * What sessions and pools know anyway is read when somebody asks (`LiveSessions.ts`), and costs nothing until then.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { OperationOutcome } from "./OperationOutcome.ts"

const counter = (name: string, description: string, attributes: Readonly<Record<string, string>> = {}) =>
  Metric.counter(name, { description, attributes, incremental: true })

const gauge = (name: string, description: string, attributes: Readonly<Record<string, string>> = {}) =>
  Metric.gauge(name, { description, attributes })

/** Sessions that were opened anew after they had been lost. */
export const reconnects = counter("netconf.reconnects", "Sessions opened anew after they were lost")

/** Sessions by state: `connecting`, `up`, `closing`. */
export const sessions = {
  connecting: gauge("netconf.sessions", "Sessions by state", { state: "connecting" }),
  up: gauge("netconf.sessions", "Sessions by state", { state: "up" }),
  closing: gauge("netconf.sessions", "Sessions by state", { state: "closing" })
} as const

/** Sessions that were asked for: `ok`, the tag of the error, or `interrupted`. */
export const connects = (outcome: string): Metric.Counter<number> => {
  let metric = connected.get(outcome)
  if (metric === undefined) {
    metric = counter("netconf.connects", "Sessions that were asked for, by how that ended", { outcome })
    connected.set(outcome, metric)
  }
  return metric
}

const connected = new Map<string, Metric.Counter<number>>()

const endedText = "Sessions that were up and have ended, by who ended them"
/** Sessions that were up and have ended, by who ended them. */
export const sessionsEnded = {
  us: counter("netconf.sessions.ended", endedText, { by: "us" }),
  peer: counter("netconf.sessions.ended", endedText, { by: "peer" }),
  network: counter("netconf.sessions.ended", endedText, { by: "network" })
} as const

/** Of the operation pools that have sessions. */
export const pool = {
  size: gauge("netconf.pool.size", "Operations that may run at once"),
  running: gauge("netconf.pool.running", "Operations that hold a permit of the pool"),
  waiting: gauge("netconf.pool.waiting", "Operations that wait for a permit of the pool")
} as const

/** Octets of all sessions, framing and hellos included. */
export const bytes = {
  received: counter("netconf.bytes.received", "Octets from peers, framing included", { unit: "By" }),
  sent: counter("netconf.bytes.sent", "Octets to peers, framing included", { unit: "By" })
} as const

/** Messages that answered nobody who waits. */
export const dropped = {
  late: counter("netconf.replies.late", "Replies that came after their call was abandoned"),
  foreign: counter("netconf.replies.foreign", "Replies with an id that was never sent or was answered"),
  unexpected: counter("netconf.messages.unexpected", "Messages that are neither a reply nor a notification"),
  discarded: counter("netconf.notifications.discarded", "Notifications on sessions without a subscription of ours")
} as const

/** What a strict reader would have refused; `session.statistics().tolerated` has the same kinds. */
export const toleratedKinds = ["whitespace", "nul", "bel", "bom", "empty-frame", "missing-lf", "invalid-utf8"] as const
export type ToleratedKind = (typeof toleratedKinds)[number]

const toleratedOf = (kind: ToleratedKind) =>
  counter("netconf.tolerated", "Oddities of peers that were tolerated, by kind", { kind })

export const tolerated = Object.fromEntries(toleratedKinds.map((kind) => [kind, toleratedOf(kind)])) as Readonly<
  Record<ToleratedKind, ReturnType<typeof toleratedOf>>
>

/** Seconds; a device's get takes milliseconds, its commit minutes. */
const boundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

const make = (operation: string, outcome: OperationOutcome) => ({
  count: counter("netconf.operations", "Operations by name and outcome", { operation, outcome }),
  duration: Metric.histogram("netconf.operation.duration", {
    description: "Seconds from the call to its end, waiting for its turn included",
    attributes: { operation, outcome, unit: "s" },
    boundaries
  })
})

/** One series for each name and outcome, made when it is first needed: attributes are never put together per call. */
const series = new Map<string, Partial<Record<OperationOutcome, ReturnType<typeof make>>>>()

/** The two metrics of operations of one name, of {@link nameOf}, that ended in one way. */
export const operation = (name: string, outcome: OperationOutcome): ReturnType<typeof make> => {
  let outcomes = series.get(name)
  if (outcomes === undefined) series.set(name, (outcomes = {}))
  return (outcomes[outcome] ??= make(name, outcome))
}

/** Counts an operation that has ended after so many seconds. */
export const count = (
  name: string,
  outcome: OperationOutcome,
  seconds: number,
  context: Context.Context<never>
): void => {
  const metrics = operation(name, outcome)
  metrics.count.updateUnsafe(1, context)
  metrics.duration.updateUnsafe(seconds, context)
}

/** The operations of the RFCs. Every other element counts as `rpc`: what users send must not make series without end. */
const names: ReadonlySet<string> = new Set(
  (
    "get get-config edit-config copy-config delete-config validate lock unlock commit cancel-commit discard-changes " +
    "close-session kill-session partial-lock partial-unlock get-schema get-data edit-data create-subscription " +
    "establish-subscription modify-subscription delete-subscription kill-subscription resync-subscription"
  ).split(" ")
)

/** The name that an operation counts under. */
export const nameOf = (element: string): string => (names.has(element) ? element : "rpc")
