/**
 * The way to another session with a device beside one that is up: a further channel of its SSH connection where the peer gives
 * one (RFC 6242 §3), and a connection of its own where it does not.
 */
import * as Effect from "effect/Effect"
import type { ConnectError } from "../../errors.ts"
import type * as Core from "../../rpc/Session.ts"
import type { Transport } from "../../transport/Transport.ts"

/** The transport itself where the session is over, or has nothing that could be shared. */
export const besideTransport = (core: Core.Session, transport: Transport): Transport => {
  const beside = core.ended ? undefined : core.connection?.beside
  if (beside === undefined) return transport
  const { peer, remote } = transport
  const check = transport.check && { check: () => transport.check?.() }
  return {
    peer,
    ...(remote === undefined ? {} : { remote }),
    ...check,
    open: (handler, context) =>
      Effect.catch(beside(handler, context), (error) =>
        isOfTheChannel(error) ? transport.open(handler, context) : Effect.fail(error)
      )
  }
}

/** Another connection may do better: this one gives no further channel, answers not even that, or has just been cut. */
const isOfTheChannel = (error: ConnectError): boolean => {
  if (error._tag === "ChannelError") return error.phase === "open"
  return error._tag === "ConnectionError" || (error._tag === "DeadlineError" && error.phase === "subsystem")
}
