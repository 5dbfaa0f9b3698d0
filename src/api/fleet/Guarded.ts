/**
 * The session of a device whose last one was lost with something that later programs may rely on: an unconfirmed commit,
 * edits of the candidate, locks that nobody was there to miss. What relies on them is refused.
 *
 * Programs of `locked`, and what `edit` and `confirmedCommit` do, begin with locks of their own and a discard.
 */
import * as Effect from "effect/Effect"
import type { Run } from "../../rpc/Operation.ts"
import { makeMethods } from "../operations/Operations.ts"
import type { Forfeits } from "../reconnecting/Forfeits.ts"
import { Pins } from "../reconnecting/Pins.ts"
import type { Session } from "../Session.ts"

export const guarded = (session: Session, forfeits: Forfeits): Session => {
  const pins = new Pins<Session>()
  const run: Run = (operation, options) =>
    Effect.flatMap(pins.current, (bound) => {
      const sent = session.run(operation, options)
      return bound === undefined ? forfeits.guard(session, operation, sent) : forfeits.noted(operation, sent)
    })
  const { capabilities, closed, framing, label, notes, peer, profile, reactor, sessionId, transport } = session
  return {
    ...makeMethods(run),
    capabilities,
    closed,
    framing,
    label,
    notes,
    peer,
    profile,
    reactor,
    sessionId,
    transport,
    run,
    statistics: session.statistics,
    locked: (datastores, program, options) =>
      session.locked(datastores, Effect.isEffect(program) ? pins.bind(session, program) : program, options),
    edit: (config, options) => Effect.tap(session.edit(config, options), () => forfeits.discarded),
    confirmedCommit: session.confirmedCommit,
    save: session.save,
    streams: session.streams,
    openSubscription: session.openSubscription,
    subscribe: session.subscribe,
    establishSubscription: session.establishSubscription
  }
}
