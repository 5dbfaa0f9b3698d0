/**
 * DNS and TCP, up to a connected socket: address racing over IPv4 and IPv6, TCP_NODELAY, the local address, and the dial
 * deadline. What the bytes mean is for the caller (SshConnect), what went wrong is named by ConnectionFault.
 *
 * Whoever calls `dial` owns the socket from the moment it is made: it is handed over in `own.socket` before it is
 * connected, so that every way out, interruption included, can destroy it.
 */
import type * as Effect from "effect/Effect"
import * as Net from "node:net"
import { type ConnectionError, DeadlineError } from "../errors.ts"
import * as Attempt from "./Attempt.ts"
import { toConnectionError } from "./ConnectionFault.ts"
import { peerName, type Target } from "./Target.ts"
import type { OpenContext } from "./Transport.ts"

/** Holds what must be destroyed when opening ends in anything but success. */
export interface Own {
  socket?: Net.Socket
}

/**
 * How long one address is tried before the next one, in milliseconds. Node gives an address up when its time is over
 * (all but the last), and its own 250 ms are less than one round trip of a slow management network.
 */
const attemptMillis = 1_000

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

const ignored = (): void => {}

/**
 * Connects within `deadlines.dial`. The socket is paused and has no listener but one for errors, which never goes
 * away: an error that nobody listens for would end the process.
 */
export const dial = (
  target: Target,
  context: OpenContext,
  own: Own
): Effect.Effect<Net.Socket, ConnectionError | DeadlineError> =>
  Attempt.make((attempt) => {
    const peer = peerName(target.host, target.port)
    const where = () => ({ label: context.label, peer, elapsed: attempt.elapsed })
    const deadline = context.deadlines.dial
    attempt.within(deadline, () => attempt.fail(new DeadlineError({ ...where(), phase: "dial", deadline, bytes: 0 })))
    const socket = Net.connect(connectOptions(target))
    own.socket = socket
    const connected = () => {
      socket.pause()
      sendTogether(socket)
      attempt.succeed(socket)
    }
    const failed = (error: Error) => attempt.fail(toConnectionError(error, where()))
    socket.on("connect", connected).on("error", failed)
    attempt.onSettle((succeeded) => {
      // Nothing of the attempt stays with a socket that lives for months.
      socket.off("connect", connected).on("error", ignored).off("error", failed)
      if (!succeeded) socket.destroy()
    })
  })
