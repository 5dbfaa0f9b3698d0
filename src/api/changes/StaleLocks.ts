/**
 * Breaking a lock that another session holds (kill-session, RFC 6241 §7.9), when the caller asks for it and knows who is
 * killed.
 *
 * A session-id alone says nothing: it is used again after a reboot, and a device may name a session that is long gone. So
 * the holder is looked up in `netconf-state/sessions` (RFC 6022 §2.1.3) just before, and the caller decides about the
 * person, the host and the time that stand there. Whatever is missing leaves the lock where it is.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { InputError, type OperationError, printable, type RpcError, withState } from "../../errors.ts"
import type { Operation, Run } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type { Session } from "../../rpc/Session.ts"
import * as Logs from "../../telemetry/Logs.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import { kindOf } from "../Checks.ts"
import * as Filter from "../operations/Filter.ts"
import { get } from "../operations/Retrieve.ts"
import { killSession } from "../operations/SessionControl.ts"

/** Who holds a lock, as the device says. */
export interface LockHolder {
  readonly sessionId: number
  readonly username: string
  /** Where it came from: a name or an address. */
  readonly sourceHost: string
  /** By the device's clock. */
  readonly loginTime: DateTime.Utc
  /** `netconf-ssh`, without a prefix. */
  readonly transport: string
}

/** Decides at once whether the session that holds a lock is killed for it; anything but true or false is refused. */
export type BreakStale = (holder: LockHolder) => boolean

export interface Breaking {
  readonly session: Session
  readonly run: Run
  readonly breakStale: BreakStale
}

/** The victim's rollback takes a moment: asked again so often, for as long as its lock is still there. */
const settling = Schedule.upTo(Schedule.spaced("500 millis"), { times: 20 })

const holderIn = (error: RpcError): number | undefined =>
  error.errors.find(({ tag }) => tag === "lock-denied")?.info?.sessionId

/** Why the lock stays where it is, for the error of who asked for it. */
type Reason = string

const sessionsFilter = Filter.subtree(
  Element.make("netconf-state", Namespaces.monitoring, { children: [Element.make("sessions", Namespaces.monitoring)] })
)

const leaf = (session: Element.Element, name: string): string => {
  const found = Element.child(session, name, Namespaces.monitoring)
  return found === undefined ? "" : Element.text(found).trim()
}

/** All that is to be decided by has to be there. */
const toHolder = (sessionId: number, session: Element.Element): LockHolder | Reason => {
  const [username, sourceHost, loginTime, transport] = [
    leaf(session, "username"),
    leaf(session, "source-host"),
    DateTime.make(leaf(session, "login-time")),
    leaf(session, "transport").replace(/^.*:/, "")
  ]
  if (username === "" || sourceHost === "" || transport === "" || Option.isNone(loginTime)) {
    return `the device does not say of session ${sessionId} who it is, from where, since when and over what`
  }
  return { sessionId, username, sourceHost, loginTime: DateTime.toUtc(loginTime.value), transport }
}

const listed = (data: Element.Element, sessionId: number): LockHolder | Reason => {
  const path = ["netconf-state", "sessions", "session"].map((name) => [Namespaces.monitoring, name] as const)
  const found = Element.findAll(data, path).filter((session) => Number(leaf(session, "session-id")) === sessionId)
  const [only] = found
  if (only === undefined) return `session ${sessionId} is not among the sessions of the device`
  return found.length === 1 ? toHolder(sessionId, only) : `the device lists session ${sessionId} more than once`
}

const lookUp = ({ run, session }: Breaking, error: RpcError): Effect.Effect<LockHolder | Reason> => {
  const sessionId = holderIn(error)
  if (sessionId === undefined) return Effect.succeed("the device does not say which session holds it")
  if (sessionId === 0) return Effect.succeed("what holds it is no NETCONF session")
  if (sessionId === session.hello.sessionId) return Effect.succeed("this session holds it itself")
  if (!session.hello.capabilities.has(Namespaces.monitoring))
    return Effect.succeed("the device does not offer its sessions for reading (ietf-netconf-monitoring)")
  return Effect.matchEffect(
    Effect.flatMap(run(get({ filter: sessionsFilter })), (reply) => reply.data),
    {
      onFailure: (failure) => Effect.succeed(`the sessions of the device could not be read: ${failure.summary}`),
      onSuccess: (data) => Effect.succeed(listed(data, sessionId))
    }
  )
}

const describe = ({ loginTime, sessionId, sourceHost, transport, username }: LockHolder): string =>
  printable(
    `session ${sessionId} of ${username} from ${sourceHost} over ${transport}, since ${DateTime.formatIso(loginTime)}`
  )

/** What the caller says of the holder. A promise is true to everybody who does not look twice. */
const decided = ({ breakStale, session }: Breaking, holder: LockHolder): Effect.Effect<boolean, InputError> => {
  const answer: unknown = breakStale(holder)
  if (typeof answer === "boolean") return Effect.succeed(answer)
  if (kindOf(answer) === "a Promise") void Promise.resolve(answer).catch(() => {})
  const why = `expected true or false at once, got ${kindOf(answer)}; nobody was killed`
  return new InputError({ ...session.context, operation: "lock", what: "breakStale", why })
}

/** Kills the session that holds the lock, if all is known of it and the caller wants it killed. */
const kill = (breaking: Breaking, error: RpcError): Effect.Effect<LockHolder | Reason, InputError> =>
  Effect.gen(function* () {
    const { run, session } = breaking
    const holder = yield* lookUp(breaking, error)
    if (typeof holder === "string") return holder
    if (!(yield* decided(breaking, holder))) return `breakStale spared ${describe(holder)}`
    const context = { ...session.context, operation: "kill-session" }
    // An operator must know.
    yield* Logs.annotated(context, Effect.logWarning(`killing ${describe(holder)}, to break its lock`))
    return yield* Effect.match(run(killSession({ sessionId: holder.sessionId })), {
      onFailure: (failure): LockHolder | Reason => `${describe(holder)} could not be killed: ${failure.summary}`,
      onSuccess: () => holder
    })
  })

const isDenied = (error: OperationError): error is RpcError => error._tag === "RpcError" && error.has("lock-denied")

/** Asks anew once the victim is dead; another session that was faster keeps its lock. */
const askAnew = ({ run }: Breaking, asking: Operation<Reply>, victim: LockHolder) => {
  const stillThere = (error: OperationError) => isDenied(error) && holderIn(error) === victim.sessionId
  return Effect.mapError(Effect.retry(run(asking), { schedule: settling, while: stillThere }), (error) =>
    withState(error, `${describe(victim)} was killed to break its lock`)
  )
}

/**
 * Asks for a lock and breaks the one that is in the way, by rule: at most one session is killed for it, however often this
 * is run. What is not broken fails as it was refused, with a `state` that says why it was not.
 */
export const breaking = (context: Breaking, asking: Operation<Reply>): Effect.Effect<Reply, OperationError> => {
  let victim: LockHolder | undefined
  const denied = (error: RpcError) =>
    Effect.gen(function* () {
      if (victim !== undefined) return yield* withState(error, `${describe(victim)} was killed to break its lock`)
      const killed = yield* kill(context, error)
      if (typeof killed === "string") return yield* withState(error, `the lock was not broken: ${killed}`)
      victim = killed
      return yield* askAnew(context, asking, killed)
    })
  return Effect.catchIf(context.run(asking), isDenied, denied)
}
