/**
 * DNS and TCP, up to a connected socket: address racing over IPv4 and IPv6, TCP_NODELAY, the local address, the dial
 * deadline, and the names of what can go wrong. What the bytes mean is for the caller (Ssh).
 *
 * Whoever calls `dial` owns the socket from the moment it is made: it is handed over in `own.socket` before it is
 * connected, so that every way out, interruption included, can destroy it.
 */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { ConnectionError, DeadlineError, InputError } from "../errors.ts"
import type { OpenContext } from "./Transport.ts"

export interface Target {
  readonly host: string
  readonly port: number
  readonly localAddress: string | undefined
}

/** Holds what must be destroyed when opening ends in anything but success. */
export interface Own {
  socket?: Net.Socket
}

/**
 * How long one address is tried before the next one, in milliseconds. Node gives an address up when its time is over
 * (all but the last), and its own 250 ms are less than one round trip of a slow management network.
 */
const attemptMillis = 1_000

const hostSyntax = /^[\p{L}\p{N}_:][\p{L}\p{N}_.:%-]*$/u

/** A host that can be dialled, and printed in a shell command as it stands. */
export const checkTarget = (target: Target): InputError | undefined => {
  if (!hostSyntax.test(target.host) || target.host.length > 255) {
    return new InputError({ what: "host", why: `${JSON.stringify(target.host)} is not a host name or an IP address` })
  }
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65_535) {
    return new InputError({ what: "port", why: `${target.port} is not a port (1 to 65535)` })
  }
  if (target.localAddress !== undefined && Net.isIP(target.localAddress) === 0) {
    return new InputError({
      what: "localAddress",
      why: `${JSON.stringify(target.localAddress)} is not an IP address of this machine`
    })
  }
  return undefined
}

/** `192.0.2.1:830`, `[2001:db8::1]:830`. */
export const peerName = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

type Reason = ConnectionError["reason"]

const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: "refused",
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

const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : ""
}

/** Everything else that the kernel says (no route, network down, address not ours) is `unreachable`. */
export const reasonOf = (error: unknown): Reason => reasons[codeOf(error)] ?? "unreachable"

const describe = (error: unknown): string => {
  const { address, port } = (error ?? {}) as { readonly address?: string; readonly port?: number }
  const where = address === undefined ? "" : ` ${port === undefined ? address : peerName(address, port)}`
  return `${codeOf(error) || (error instanceof Error ? error.message : String(error))}${where}`
}

const hints: Readonly<Record<Reason, string>> = {
  refused: "nothing listens there, or a filter rejects it",
  unreachable: "no way there",
  dns: "the name could not be resolved",
  timeout: "the kernel gave up",
  reset: "the peer reset the connection"
}

/** A socket error as a ConnectionError; an AggregateError tells each address that was tried. */
export const toConnectionError = (
  error: unknown,
  context: { readonly label: string | undefined; readonly peer: string; readonly elapsed?: number }
): ConnectionError => {
  const each: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : [error]
  // With several addresses the most telling answer counts: one that refused was there.
  const reason = each.map(reasonOf).sort((a, b) => order.indexOf(a) - order.indexOf(b))[0] ?? "unreachable"
  const chosen = each.find((one) => reasonOf(one) === reason) ?? error
  return new ConnectionError({
    ...context,
    reason,
    detail: `${hints[reason]} (${describe(chosen)})`,
    attempts: each.length > 1 ? each.map(describe) : undefined
  })
}
const order: ReadonlyArray<Reason> = ["refused", "reset", "timeout", "unreachable", "dns"]

/**
 * Sends what is written in one turn of the loop together, by one system call: a login saves half of its writes, many
 * requests outstanding most of theirs. Nothing is delayed beyond the turn.
 */
const sendTogether = (socket: Net.Socket): void => {
  const write = socket.write.bind(socket) as (...input: ReadonlyArray<unknown>) => boolean
  let corked = false
  const send = () => {
    corked = false
    socket.uncork()
  }
  // On the object, because `connect` puts the prototype's `write` back in the way of a subclass.
  socket.write = (...input: ReadonlyArray<unknown>): boolean => {
    if (!corked) {
      corked = true
      socket.cork()
      process.nextTick(send)
    }
    return write(...input)
  }
}

const connectOptions = (target: Target): Net.TcpNetConnectOpts => ({
  host: target.host,
  port: target.port,
  noDelay: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: attemptMillis,
  ...(target.localAddress === undefined
    ? {}
    : // An address of one family cannot be bound for the other.
      { localAddress: target.localAddress, family: Net.isIP(target.localAddress), autoSelectFamily: false })
})

/**
 * Connects within `deadlines.dial`. The socket is paused and has no listener but one for errors, which never goes
 * away: an error that nobody listens for would end the process.
 */
export const dial = (
  target: Target,
  context: OpenContext,
  own: Own
): Effect.Effect<Net.Socket, ConnectionError | DeadlineError> =>
  Effect.callback((resume) => {
    const peer = peerName(target.host, target.port)
    const started = performance.now()
    const elapsed = () => performance.now() - started
    const socket = Net.connect(connectOptions(target))
    own.socket = socket
    let failed = (error: Error) => {
      stop()
      resume(Effect.fail(toConnectionError(error, { label: context.label, peer, elapsed: elapsed() })))
    }
    const cancelTimer = startTimer(context.deadlines.dial, () => {
      stop()
      socket.destroy()
      resume(
        Effect.fail(
          new DeadlineError({
            label: context.label,
            peer,
            phase: "dial",
            deadline: context.deadlines.dial,
            bytes: 0,
            elapsed: elapsed()
          })
        )
      )
    })
    const connected = () => {
      stop()
      socket.pause()
      sendTogether(socket)
      resume(Effect.succeed(socket))
    }
    const stop = () => {
      cancelTimer()
      socket.off("connect", connected)
      failed = () => {}
    }
    socket.on("connect", connected).on("error", (error) => failed(error))
    return Effect.sync(() => {
      stop()
      socket.destroy()
    })
  })

/** A timer for a deadline in milliseconds; none for `Infinity` and beyond what a timer can count. */
export const startTimer = (millis: number, expired: () => void): (() => void) => {
  if (millis > 2_147_483_647) return () => {}
  const timer = setTimeout(expired, millis)
  return () => clearTimeout(timer)
}
