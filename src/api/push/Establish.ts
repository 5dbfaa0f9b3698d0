/**
 * Establishing a dynamic subscription (RFC 8639 §2.4.2): its queue exists and the session is listened to before the request is
 * sent, so that nothing is lost that comes with the reply or before it. It ends with its scope.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { InputError, type SubscribeError, tryInput, withContext } from "../../errors.ts"
import { ownerOf } from "../../notifications/Health.ts"
import * as Dynamic from "../../notifications/push/DynamicSubscription.ts"
import type { Router } from "../../notifications/push/Router.ts"
import { timeText } from "../operations/CreateSubscription.ts"
import { defaultStream } from "../operations/EventStreams.ts"
import * as Terms from "../operations/SubscriptionOptions.ts"
import * as Operations from "../operations/Subscriptions.ts"
import * as NotificationHealth from "../NotificationHealth.ts"
import type { Host } from "../session/Host.ts"
import * as Line from "./Line.ts"
import { type DynamicOptions, read, type Settings } from "./Options.ts"
import { type DynamicSubscription, Established } from "./Established.ts"

const streamOf = (terms: Terms.EstablishOptions): string | undefined =>
  Terms.isDatastore(terms) ? undefined : (terms.stream ?? defaultStream)

const free = (router: Router, isStream: boolean): Effect.Effect<void, InputError> => {
  if (!isStream || !router.hasRecords) return Effect.void
  const why = "a subscription to a stream is on it already, and event records do not say whose they are; leave it out"
  return Effect.fail(new InputError({ what: "session", why }))
}

const request = (
  line: Line.Line,
  dynamic: Dynamic.DynamicSubscription,
  terms: Terms.EstablishOptions
): Effect.Effect<Operations.Established, SubscribeError> =>
  Effect.gen(function* () {
    const isStream = !Terms.isDatastore(terms)
    yield* free(line.router, isStream)
    line.router.expect(dynamic, isStream)
    line.add(dynamic)
    const reply = yield* line.run(Operations.establishSubscription(terms))
    const established = Effect.flatMap(reply.tree, Operations.established)
    return yield* Effect.tapError(established, () =>
      Effect.sync(() => line.cut("establish-subscription succeeded, and its reply does not say under which id"))
    )
  })

const lineOf = (host: Host, { together }: Settings) =>
  together ? Line.of(host).together(host.another) : Line.alone(host.another)

/** Milliseconds that deleting it may take when its scope closes. */
const closeWithin = 5000

interface Asked {
  readonly host: Host
  readonly settings: Settings
  readonly dynamic: Dynamic.DynamicSubscription
}

const granted = (
  { dynamic, host, settings: { terms } }: Asked,
  line: Line.Line
): Effect.Effect<Established, SubscribeError> => {
  const given = Effect.onError(request(line, dynamic, terms), () =>
    Effect.sync(() => {
      line.router.leave(dynamic)
      line.remove(dynamic)
    })
  )
  return Effect.map(given, (said) => {
    dynamic.begin(said.id, line)
    const { startTime } = terms as Terms.StreamOptions
    if (said.replayStartTimeRevision !== undefined && startTime !== undefined) {
      dynamic.startsLate(timeText("startTime", startTime), said.replayStartTimeRevision)
    }
    line.router.attach(said.id, dynamic)
    return new Established(dynamic, line, said, terms, host.context)
  })
}

/** With its session, which is left at once where the device refuses. */
const carried = (asked: Asked): Effect.Effect<Established, SubscribeError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const opened = Effect.flatMap(lineOf(asked.host, asked.settings), (line) => granted(asked, line))
      const made = yield* Effect.onError(restore(Scope.provide(opened, scope)), () => Scope.close(scope, Exit.void))
      yield* Effect.addFinalizer(() => Effect.ensuring(made.leave(closeWithin), Scope.close(scope, Exit.void)))
      return made
    })
  )

/** What `establishSubscription` of a session does. */
export const establish = (
  host: Host,
  options: DynamicOptions
): Effect.Effect<DynamicSubscription, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read(options))
    const clock = yield* Clock.Clock
    const health = yield* NotificationHealth.Current
    const { context } = host
    const { mailbox } = settings
    const now = () => clock.currentTimeMillisUnsafe()
    const owner = ownerOf(context, streamOf(settings.terms))
    const dynamic = yield* tryInput(() => new Dynamic.DynamicSubscription({ mailbox, owner, context, health, now }))
    return yield* carried({ host, settings, dynamic })
  }).pipe(Effect.mapError((error) => withContext(error, { operation: "establish-subscription", ...host.context })))
