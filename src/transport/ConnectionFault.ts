/**
 * What the system says when a connection cannot be made, or breaks, as a ConnectionError: the one table of error codes,
 * for every transport.
 */
import { ConnectionError } from "../errors.ts"
import { peerName } from "./Target.ts"

type Reason = ConnectionError["reason"]

/** Everything else that the kernel says (no route, network down, address not ours) is `unreachable`. */
const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: "refused",
  // A unix socket that is not there.
  ENOENT: "refused",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  ENODATA: "dns",
  EAI_NODATA: "dns",
  ETIMEDOUT: "timeout",
  ECONNRESET: "reset",
  EPIPE: "reset",
  ECONNABORTED: "reset"
}

const hints: Readonly<Record<Reason, string>> = {
  refused: "nothing listens there, or a filter rejects it",
  unreachable: "no way there",
  dns: "the name could not be resolved",
  timeout: "the kernel gave up",
  reset: "the peer reset the connection"
}

/** With several addresses the most telling answer counts: one that refused was there. */
const telling: ReadonlyArray<Reason> = ["refused", "reset", "timeout", "unreachable", "dns"]

/** The system's error code, in the error or in what caused it. */
const codeOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return ""
  if ("code" in error && typeof error.code === "string") return error.code
  return "cause" in error ? codeOf(error.cause) : ""
}

export const reasonOf = (error: unknown): Reason => reasons[codeOf(error)] ?? "unreachable"

const describe = (error: unknown): string => {
  const { address, port } = (error ?? {}) as { readonly address?: string; readonly port?: number }
  const where = address === undefined ? "" : ` ${port === undefined ? address : peerName(address, port)}`
  return `${codeOf(error) || (error instanceof Error ? error.message : String(error))}${where}`
}

/** A socket error as a ConnectionError; an AggregateError tells each address that was tried. */
export const toConnectionError = (
  error: unknown,
  context: { readonly label: string | undefined; readonly peer: string; readonly elapsed?: number }
): ConnectionError => {
  const each: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : [error]
  const seen = each.map(reasonOf)
  const reason = telling.find((one) => seen.includes(one)) ?? "unreachable"
  const chosen = each.find((one) => reasonOf(one) === reason) ?? error
  return new ConnectionError({
    ...context,
    reason,
    detail: `${hints[reason]} (${describe(chosen)})`,
    attempts: each.length > 1 ? each.map(describe) : undefined
  })
}
