/**
 * The event streams that a device offers: the list of RFC 5277 §3.2.5, and where it has it that of RFC 8639 §2.1, read by one
 * get. What their logs reach back to is `notifications/ReplayLog.ts`.
 */
import * as Effect from "effect/Effect"
import type { OperationError } from "../../errors.ts"
import type { Capabilities } from "../../rpc/Capabilities.ts"
import type { CallOptions, Run } from "../../rpc/Operation.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import { subtree } from "./Filter.ts"
import { get } from "./Retrieve.ts"

/** The stream that a subscription without a name is to (RFC 5277 §3.2.3). */
export const defaultStream = "NETCONF"

export interface EventStream {
  readonly name: string
  readonly description: string | undefined
  /** Whether what was logged can be asked for by `startTime`. */
  readonly replaySupport: boolean
  /** When the log was created, as the device says. */
  readonly replayLogCreationTime: string | undefined
  /** eventTime of the last event that the log has lost. */
  readonly replayLogAgedTime: string | undefined
}

/** Names of RFC 5277's list, then those of RFC 8639's. */
const leafs = {
  creation: ["replayLogCreationTime", "replay-log-creation-time"],
  aged: ["replayLogAgedTime", "replay-log-aged-time"],
  support: ["replaySupport", "replay-support"]
} as const

const filter = (capabilities: Capabilities) => {
  const netconf = Element.make("netconf", Namespaces.netmod, {
    children: [Element.make("streams", Namespaces.netmod)]
  })
  const streams = Element.make("streams", Namespaces.subscribed)
  const hasDynamic = capabilities.modules.some(({ namespace }) => namespace === Namespaces.subscribed)
  if (!hasDynamic) return subtree(netconf)
  return capabilities.has(":notification") ? subtree(netconf, streams) : subtree(streams)
}

const textOf = (stream: Element.Element, names: ReadonlyArray<string>): string | undefined => {
  for (const name of names) {
    const found = Element.child(stream, name)
    const text = found && Element.text(found).trim()
    if (text !== undefined && text !== "") return text
  }
  return undefined
}

/** In RFC 5277 a boolean, in RFC 8639 an empty leaf that is there. */
const replays = (stream: Element.Element): boolean => {
  const [old, dynamic] = leafs.support
  const said = Element.child(stream, old)
  if (said !== undefined) return ["true", "1"].includes(Element.text(said).trim())
  return Element.child(stream, dynamic) !== undefined
}

const read = (stream: Element.Element): EventStream => ({
  name: textOf(stream, ["name"]) ?? "",
  description: textOf(stream, ["description"]),
  replaySupport: replays(stream),
  replayLogCreationTime: textOf(stream, leafs.creation),
  replayLogAgedTime: textOf(stream, leafs.aged)
})

/** `<netconf><streams>` or `<streams>`, whatever namespace a device puts them in. */
const listed = (data: Element.Element): ReadonlyArray<Element.Element> =>
  Element.elements(data)
    .flatMap((top) => (top.name === "netconf" ? Element.children(top, "streams") : [top]))
    .filter(({ name }) => name === "streams")
    .flatMap((streams) => Element.children(streams, "stream"))

/** Each stream once, as the first list that has it says. */
export const streams = (
  run: Run,
  capabilities: Capabilities,
  options?: CallOptions
): Effect.Effect<ReadonlyArray<EventStream>, OperationError> =>
  run(get({ filter: filter(capabilities) }), options).pipe(
    Effect.flatMap((reply) => reply.data),
    Effect.map((data) => {
      const found = new Map<string, EventStream>()
      for (const stream of listed(data).map(read)) if (!found.has(stream.name)) found.set(stream.name, stream)
      return [...found.values()]
    })
  )
