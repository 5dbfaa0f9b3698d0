/**
 * Establishing a dynamic subscription (RFC 8639 §2.4.2): its queue exists and the session is listened to before the request is
 * sent, so that nothing is lost that comes with the reply or before it. It ends with its scope.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InputError, type OperationError, type SubscribeError, tryInput, withContext } from "../../errors.ts"
import type { QueueOwner } from "../../notifications/Health.ts"
import * as Dynamic from "../../notifications/push/DynamicSubscription.ts"
import type { Router } from "../../notifications/push/Router.ts"
import type { SubscriptionEvent } from "../../notifications/SubscriptionEvent.ts"
import { timeText } from "../operations/CreateSubscription.ts"
import * as Terms from "../operations/SubscriptionOptions.ts"
import * as Operations from "../operations/Subscriptions.ts"
import * as NotificationHealth from "../NotificationHealth.ts"
import type { Host } from "../Subscribe.ts"
import * as Line from "./Line.ts"
import { type DynamicOptions, read, type Settings } from "./Options.ts"

/** A dynamic subscription that is established. What waits in it can still be read when it is over. */
export interface DynamicSubscription {
  /** The device's name for it. */
  readonly id: number
  readonly label: string | undefined
  readonly peer: string
  /** Its terms now: those it was established with, and what was modified. */
  readonly terms: () => Terms.EstablishOptions
  /** From when on the device's log reaches, where that is later than `startTime`; then the first event is a `Gap`. */
  readonly replayStartTimeRevision: string | undefined
  /**
   * Everything that comes, in order. Ends when stop-time is reached, when it is removed, and with its scope; fails with a
   * `SubscriptionTerminatedError` when the device ends it, and when its session is lost. One reader at a time.
   */
  readonly events: Stream.Stream<Dynamic.DynamicEvent, SubscribeError>
  /**
   * Changes its terms; what is left out stays as it is. Fails with an `RpcError` ({@link refusalOf} says why) and then
   * nothing has changed.
   */
  readonly modify: (change: Terms.ModifyOptions) => Effect.Effect<void, OperationError>
  /** Asks for the whole selection again: a `PushUpdate` follows. On-change subscriptions alone. */
  readonly resync: () => Effect.Effect<void, OperationError>
  /** Deletes it; what waits can still be read. */
  readonly remove: () => Effect.Effect<void, OperationError>
  readonly state: () => "active" | "suspended" | "ended"
  readonly statistics: () => Dynamic.DynamicStatistics
  /** Waits for its end; fails as `events` does, and not because of what has not been read. */
  readonly ended: Effect.Effect<void, SubscribeError>
}

const ownerOf = ({ context: { label, peer } }: Host, terms: Terms.EstablishOptions): QueueOwner => {
  const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer ?? "") ?? []
  const stream = Terms.isDatastore(terms) ? undefined : (terms.stream ?? "NETCONF")
  return { label, hostname: hostname ?? peer, port: port === undefined ? undefined : Number(port), stream }
}

const free = (router: Router, isStream: boolean): Effect.Effect<void, InputError> => {
  if (!isStream || !router.hasRecords) return Effect.void
  const why = "a subscription to a stream is on it already, and event records do not say whose they are; leave it out"
  return Effect.fail(new InputError({ what: "session", why }))
}

/** One subscription on one session. */
class Established implements DynamicSubscription {
  readonly id: number
  readonly replayStartTimeRevision: string | undefined
  readonly #dynamic: Dynamic.DynamicSubscription
  readonly #line: Line.Line
  readonly #context: Host["context"]
  #terms: Terms.EstablishOptions

  constructor(
    dynamic: Dynamic.DynamicSubscription,
    line: Line.Line,
    { id, replayStartTimeRevision }: Operations.Established,
    terms: Terms.EstablishOptions,
    context: Host["context"]
  ) {
    this.id = id
    this.replayStartTimeRevision = replayStartTimeRevision
    this.#dynamic = dynamic
    this.#line = line
    this.#terms = terms
    this.#context = context
  }

  get label(): string | undefined {
    return this.#context.label
  }

  get peer(): string {
    return this.#context.peer ?? ""
  }

  readonly terms = () => this.#terms
  readonly state = () => this.#dynamic.state
  readonly statistics = () => this.#dynamic.statistics

  get ended(): Effect.Effect<void, SubscribeError> {
    return ended(this.#dynamic)
  }

  get events(): Stream.Stream<Dynamic.DynamicEvent, SubscribeError> {
    const { mailbox, read } = this.#dynamic
    const all = (chunk: readonly [SubscriptionEvent, ...Array<SubscriptionEvent>]) => Effect.forEach(chunk, read)
    return Stream.fromPull(Effect.succeed(Effect.flatMap(mailbox.queue.take(), all)))
  }

  readonly modify: DynamicSubscription["modify"] = (change) =>
    Effect.gen({ self: this }, function* () {
      const terms = yield* tryInput(() => Terms.modified(this.#terms, change))
      yield* this.#line.run(Operations.modifySubscription(this.id, terms))
      this.#terms = terms
      this.#dynamic.modified()
    })

  readonly resync: DynamicSubscription["resync"] = () =>
    Effect.asVoid(this.#line.run(Operations.resyncSubscription(this.id)))

  readonly remove: DynamicSubscription["remove"] = () =>
    Effect.suspend(() => {
      if (this.#dynamic.state === "ended") return Effect.void
      const stays = this.#dynamic.leaving()
      const deleted = this.#line.run(Operations.deleteSubscription(this.id))
      return Effect.map(
        Effect.onError(deleted, () => Effect.sync(stays)),
        () => this.#dynamic.finish(Exit.void, "it was deleted")
      )
    })

  /** The session that closes with it ends it as well; on one that goes on it is deleted. */
  leave(deadline: number): Effect.Effect<void> {
    const { core, router, users } = this.#line
    const goesOn = users > 1 && !core.ended && this.#dynamic.state !== "ended"
    const total = deadline === Infinity ? ("none" as const) : deadline
    const deleted = Effect.ignore(this.#line.run(Operations.deleteSubscription(this.id), { deadline: total, total }))
    return Effect.ensuring(
      goesOn ? deleted : Effect.void,
      Effect.sync(() => {
        router.leave(this.#dynamic, this.id)
        this.#line.remove(this.#dynamic)
        this.#dynamic.finish(Exit.void, "its scope was closed")
      })
    )
  }
}

const ended = (dynamic: Dynamic.DynamicSubscription): Effect.Effect<void, SubscribeError> =>
  Effect.flatten(Effect.suspend(() => Deferred.await(dynamic.ended)))

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

const lineOf = (owner: object, { another }: Host, { together }: Settings) =>
  together ? Line.of(owner).together(another) : Line.alone(another)

/** Milliseconds that deleting it may take when its scope closes. */
const closeWithin = 5000

interface Asked {
  readonly owner: object
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
      const opened = Effect.flatMap(lineOf(asked.owner, asked.host, asked.settings), (line) => granted(asked, line))
      const made = yield* Effect.onError(restore(Scope.provide(opened, scope)), () => Scope.close(scope, Exit.void))
      yield* Effect.addFinalizer(() => Effect.ensuring(made.leave(closeWithin), Scope.close(scope, Exit.void)))
      return made
    })
  )

/** What `establishSubscription` of a session does; `owner` is that session. */
export const establish = (
  owner: object,
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
    const owned = ownerOf(host, settings.terms)
    const dynamic = yield* tryInput(
      () => new Dynamic.DynamicSubscription({ mailbox, owner: owned, context, health, now })
    )
    return yield* carried({ owner, host, settings, dynamic })
  }).pipe(Effect.mapError((error) => withContext(error, { operation: "establish-subscription", ...host.context })))
