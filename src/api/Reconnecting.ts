/**
 * The session that comes back: a `Session` over one after another of them, opened anew when the present one is lost.
 *
 * Reads are repeated after a lost connection, nothing else is (docs/change-safety.md). What has to happen on one session,
 * programs under locks above all, does, and fails with it.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  type ChannelError,
  type ConnectError,
  type ErrorContext,
  type InputError,
  type OperationError,
  tryInput,
  withContext
} from "../errors.ts"
import type { CallOptions, Operation, Run } from "../rpc/Operation.ts"
import * as Reconnect from "../sessions/Reconnect.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import {
  type ConnectionState,
  type DownReason,
  inWords,
  toCloseReason,
  unavailable
} from "./reconnecting/ConnectionState.ts"
import { checkConfirmedCommit } from "./changes/ConfirmedCommit.ts"
import { Acquired } from "./reconnecting/Forfeits.ts"
import { checkLocked } from "./changes/Locks.ts"
import { makeMethods } from "./operations/Operations.ts"
import { Pins } from "./reconnecting/Pins.ts"
import { anotherOf } from "./session/CoreOf.ts"
import type { Host } from "./session/Host.ts"
import { isFinal, read, type ReconnectingOptions, type Settings, steadyAfter } from "./reconnecting/Options.ts"
import type { Session } from "./Session.ts"
import { establish } from "./push/Establish.ts"
import * as Subscribe from "./Subscribe.ts"

export type { ReconnectingOptions } from "./reconnecting/Options.ts"

/** A session that is opened anew when it is lost; facts of it are those of the present or the last one. */
export interface ReconnectingSession extends Session {
  /**
   * Every change of state, the present one first; ends with Stopped. A subscriber that is more than 64 states behind loses
   * the oldest.
   */
  readonly states: Stream.Stream<ConnectionState>
  readonly state: ConnectionState
  /** The session of now, or the next one, by the rule of `whileDown`; it lives no longer than its connection. */
  readonly current: Effect.Effect<Session, ChannelError>
}

const toPublic = (state: Reconnect.State<Session, DownReason>): ConnectionState => {
  switch (state._tag) {
    case "Connecting":
    case "Stopped":
      return state
    case "Up":
      return { _tag: "Up", sessionId: state.item.sessionId, since: DateTime.makeUnsafe(state.since) }
    case "Down":
      return { _tag: "Down", why: state.why, attempt: state.attempt, retryIn: state.retryIn }
  }
}

const isLost = (error: OperationError): boolean =>
  error._tag === "ChannelError" && error.by !== "us" && error.phase !== "open"

type Life = Reconnect.Reconnect<Session, ConnectError, DownReason>

/** Gives callers their session, and repeats reads. */
class Calls {
  readonly #life: Life
  readonly #where: ErrorContext
  readonly #settings: Settings
  readonly #pins = new Pins<Session>()
  readonly #acquired = new Acquired()

  constructor(life: Life, where: ErrorContext, settings: Settings) {
    this.#life = life
    this.#where = where
    this.#settings = settings
  }

  /** The session of a program that is bound to one; otherwise the present one, or the next. */
  get current(): Effect.Effect<Session, ChannelError> {
    return Effect.flatMap(this.#pins.current, (bound) =>
      bound === undefined ? this.#available() : Effect.succeed(bound)
    )
  }

  /** Something that happens on one session the whole way. */
  on<A, E, R>(use: (session: Session) => Effect.Effect<A, E, R>): Effect.Effect<A, E | ChannelError, R> {
    return Effect.flatMap(this.current, (session) => noticed(use(session)))
  }

  /** The same, with a program inside that is bound to that session. */
  onBound<A, E, R>(
    use: (
      session: Session,
      bind: <A2, E2, R2>(program: Effect.Effect<A2, E2, R2>) => Effect.Effect<A2, E2, R2>
    ) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | ChannelError, R> {
    return this.on((session) => use(session, (program) => this.#pins.bind(session, program)))
  }

  readonly run: Run = (operation, options) =>
    Effect.flatMap(this.#pins.current, (bound) => {
      if (bound !== undefined) return this.#acquired.bound(bound, operation, bound.run(operation, options))
      const { readRetries, wait } = this.#settings
      if (operation.kind === "read") return this.#read(operation, options, wait ? readRetries : 0)
      return Effect.flatMap(this.#available(), (session) =>
        this.#acquired.guard(session, operation, noticed(session.run(operation, options)))
      )
    })

  #read<A>(
    operation: Operation<A>,
    options: CallOptions | undefined,
    retries: number,
    lost?: Session
  ): Effect.Effect<A, OperationError> {
    return Effect.flatMap(this.#available(lost), (session) =>
      Effect.catch(noticed(session.run(operation, options)), (error) =>
        retries > 0 && isLost(error) ? this.#read(operation, options, retries - 1, session) : Effect.fail(error)
      )
    )
  }

  #available(lost?: Session): Effect.Effect<Session, ChannelError> {
    return Effect.suspend(() => {
      const { present, state } = this.#life
      if (present !== undefined && present !== lost) return Effect.succeed(present)
      const failed = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.fail(unavailable(this.#where, this.#life.state, this.#life.why, { now, sent: lost !== undefined }))
      )
      if (!this.#settings.wait || state._tag === "Stopped") return failed
      const next = Effect.catch(this.#life.next(lost), () => failed)
      const { waitLimit } = this.#settings
      return waitLimit === Infinity ? next : Effect.timeoutOrElse(next, { duration: waitLimit, orElse: () => failed })
    })
  }
}

/** A session that ends tells its callers first: who goes on after a failure shall find that it is gone. */
const noticed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapError(self, () => Effect.yieldNow)

/** Nothing above Debug, but what an operator must know. */
const watch = (context: ErrorContext) => {
  let everUp = false
  const log = (message: string) => Effect.annotateLogs(Effect.logDebug(message), { ...context })
  return (state: Reconnect.State<Session, DownReason>): Effect.Effect<void> => {
    switch (state._tag) {
      case "Connecting":
        return log(`connecting, attempt ${state.attempt}`)
      case "Up": {
        const again = everUp ? Metric.update(Metrics.reconnects, 1) : Effect.void
        everUp = true
        return Effect.andThen(again, log(`session ${state.item.sessionId ?? "without id"} is up`))
      }
      case "Down":
        return log(`down: ${inWords(state.why)}; attempt ${state.attempt} in ${state.retryIn} ms`)
      case "Stopped": {
        const message = `stopped: ${inWords(state.why)}`
        const forGood = everUp && state.why !== over
        return forGood
          ? Effect.annotateLogs(Effect.logWarning(`${message}; it does not connect again`), { ...context })
          : log(message)
      }
    }
  }
}

const over: DownReason = { by: "us", detail: "the session was closed" }

/** The device, as its errors name it. */
interface Where {
  readonly label: string | undefined
  readonly peer: string
}

/** Returns when the first session is up. `open` opens one in a scope. */
export const make = (
  open: Effect.Effect<Session, ConnectError, Scope.Scope>,
  where: Where,
  options: ReconnectingOptions = {}
): Effect.Effect<ReconnectingSession, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read(options))
    const life = yield* Reconnect.make<Session, ConnectError, DownReason>({
      open,
      closed: (session) => session.closed,
      schedule: settings.schedule,
      steadyAfter,
      isFinal,
      over,
      died: (detail) => ({
        by: "us",
        detail: `it does not connect again, because that has failed by itself: ${detail}`
      }),
      changed: watch(where)
    })
    return toSession(life, new Calls(life, where, settings), where, open)
  })

/** What can be told before there is a session to say it. */
const checked = (where: Where, operation: string, check: () => void): Effect.Effect<void, InputError> =>
  Effect.mapError(tryInput(check), (error) => withContext(error, { ...where, operation }))

/** A function of the caller's whose effects are bound; what is none is refused where it is called. */
const boundBy =
  <B, A, E, R>(
    bind: (effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    call: (given: B) => Effect.Effect<A, E, R>
  ) =>
  (given: B): Effect.Effect<A, E, R> => {
    const made = call(given)
    return Effect.isEffect(made) ? bind(made) : made
  }

const toSession = (
  life: Life,
  calls: Calls,
  where: Where,
  open: Effect.Effect<Session, ConnectError, Scope.Scope>
): ReconnectingSession => {
  const last = () => life.last!
  const host: Host = {
    context: where,
    capabilities: () => last().capabilities,
    another: Effect.suspend(() => (life.present && anotherOf(life.present)) ?? open),
    elsewhere: open,
    shared: calls.current,
    returns: true
  }
  return {
    ...makeMethods(calls.run),
    ...where,
    get sessionId() {
      return last().sessionId
    },
    get capabilities() {
      return last().capabilities
    },
    get framing() {
      return last().framing
    },
    get profile() {
      return last().profile
    },
    get notes() {
      return last().notes
    },
    get transport() {
      return last().transport
    },
    get reactor() {
      return last().reactor
    },
    get state() {
      return toPublic(life.state)
    },
    states: Stream.map(life.states, toPublic),
    current: calls.current,
    closed: Effect.map(life.stopped, toCloseReason),
    statistics: () => last().statistics(),
    run: calls.run,
    locked: (datastores, program, options) =>
      Effect.andThen(
        checked(where, "lock", () => checkLocked(datastores, program, options)),
        calls.onBound((session, bind) => session.locked(datastores, bind(program), options))
      ),
    edit: (config, options) => calls.on((session) => session.edit(config, options)),
    confirmedCommit: (options, verify) =>
      Effect.andThen(
        checked(where, "commit", () => checkConfirmedCommit(options, verify)),
        calls.onBound((session, bind) => {
          const { record } = options
          const recording = record === undefined ? {} : { record: boundBy(bind, record) }
          return session.confirmedCommit({ ...options, ...recording }, boundBy(bind, verify))
        })
      ),
    save: () => calls.on((session) => session.save()),
    streams: (options) => calls.on((session) => session.streams(options)),
    openSubscription: (options) => Effect.suspend(() => Subscribe.open(host, options)),
    subscribe: (options) => Subscribe.stream(host, options),
    establishSubscription: (options) => establish(host, options)
  }
}
