/**
 * W3C trace context on an rpc (draft-ietf-netconf-trace-ctx-extension-04 §2): the attributes `traceparent` and
 * `tracestate`, only to a peer that says it understands them, only of a span that is sampled.
 */
import * as Context from "effect/Context"
import type * as Tracer from "effect/Tracer"

/** §5. */
export const namespace = "urn:ietf:params:xml:ns:netconf:w3ctc:1.0"
const capability = ":w3ctc:1.0"
const module = (header: "traceparent" | "tracestate") => `urn:ietf:params:xml:ns:yang:ietf-trace-ctx-${header}-1.0`

export interface Header {
  readonly traceparent: string
  readonly tracestate: string | undefined
}

/** Which of the two a peer understands: by the capability of §5 both, by the YANG modules of §2.2 each by its own. */
export interface Understood {
  readonly traceparent: boolean
  readonly tracestate: boolean
}

export const understood = (peer: { readonly has: (nameOrUri: string) => boolean }): Understood => {
  const both = peer.has(capability)
  const traceparent = both || peer.has(module("traceparent"))
  return { traceparent, tracestate: traceparent && (both || peer.has(module("tracestate"))) }
}

/**
 * The `tracestate` that came with the request that a program works on, passed on with its rpcs. Effect's spans have none,
 * so it is given: `Effect.provideService(program, TraceState, request.headers.tracestate)`.
 */
export const TraceState: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "effect-netconf/TraceState",
  { defaultValue: () => undefined }
)

/** W3C §3.3.1.3: printable ASCII; at most 512 characters are passed on by everybody. Anything else is left out. */
const tracestateSyntax = /^[\t -~]{1,512}$/

const isId = (id: string, digits: number): boolean => id.length === digits && /^[0-9a-f]*[1-9a-f][0-9a-f]*$/.test(id)

/** W3C §3.2.2, version 00. Undefined for a span that is not sampled, or whose ids are none of W3C's. */
export const of = (span: Tracer.AnySpan, tracestate: string | undefined): Header | undefined => {
  if (!span.sampled) return undefined
  const traceId = span.traceId.padStart(32, "0")
  if (!isId(traceId, 32) || !isId(span.spanId, 16)) return undefined
  const passed = tracestate !== undefined && tracestateSyntax.test(tracestate) ? tracestate : undefined
  return { traceparent: `00-${traceId}-${span.spanId}-01`, tracestate: passed }
}

/** The attributes of `<rpc>`, its prefix bound. */
export const attributes = (header: Header, peer: Understood): Readonly<Record<string, string>> => {
  if (!peer.traceparent) return {}
  const { traceparent, tracestate } = header
  return {
    "xmlns:w3ctc": namespace,
    "w3ctc:traceparent": traceparent,
    ...(tracestate === undefined || !peer.tracestate ? {} : { "w3ctc:tracestate": tracestate })
  }
}
