/**
 * A change from lock to save, as the peer's capabilities allow: `session.edit` and `session.save`.
 */
import * as Effect from "effect/Effect"
import { CapabilityError, CommitUnknownError, InputError, type OperationError, withContext } from "../errors.ts"
import type { CallOptions, Operation } from "../rpc/Operation.ts"
import type { Reply } from "../rpc/Reply.ts"
import type { Session } from "../rpc/Session.ts"
import { commit } from "./Commit.ts"
import type { Datastore } from "./Datastore.ts"
import { copyConfig, editConfig, type EditConfigOptions, validate as validateOperation } from "./Edit.ts"
import type { Fragment } from "./Fragment.ts"
import { rpc } from "./Rpc.ts"

type Run = <A>(operation: Operation<A>, options?: CallOptions) => Effect.Effect<A, OperationError>

export interface EditOptions extends Pick<EditConfigOptions, "defaultOperation" | "errorOption">, CallOptions {
  /** Default: the candidate where the peer has one, otherwise running. */
  readonly target?: "candidate" | "running"
  /** Default: where the peer offers it. True insists on it, false leaves it out. */
  readonly validate?: boolean
  /** Also makes it survive a reboot, see `save`. Default: false. */
  readonly save?: boolean
}

export interface EditReport {
  readonly target: "candidate" | "running"
  /** `no`: gone at the next reboot unless the device saves by itself. `not-needed`: running is what it boots from. */
  readonly saved: "yes" | "no" | "not-needed"
  /** The replies of edit-config and, for the candidate, of commit; their warnings with them. */
  readonly replies: ReadonlyArray<Reply>
  /** What was done otherwise than asked, and why. */
  readonly notes: ReadonlyArray<string>
}

export interface ChangeContext {
  readonly session: Session
  readonly run: Run
  readonly locked: <A, E, R>(
    datastores: ReadonlyArray<Datastore>,
    program: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | OperationError, R>
}

/**
 * Makes running survive a reboot: copy-config to startup where the peer has one, the profile's own rpc, or nothing
 * where running is persistent. Never the candidate.
 */
export const save = ({
  run,
  session
}: Pick<ChangeContext, "run" | "session">): Effect.Effect<"yes" | "not-needed", OperationError> => {
  if (session.hello.capabilities.has(":startup")) {
    return Effect.as(run(copyConfig({ source: "running", target: "startup" })), "yes")
  }
  const { save: saveRpc } = session.profile
  return saveRpc === undefined ? Effect.succeed("not-needed") : Effect.as(run(rpc(saveRpc)), "yes")
}

const targets = { candidate: ":candidate", running: ":writable-running" } as const

/** The datastore to edit, known to be there before the first lock is asked for. */
const chooseTarget = (
  { session }: ChangeContext,
  { capabilityCheck, target }: EditOptions
): Effect.Effect<"candidate" | "running", CapabilityError | InputError> => {
  const { capabilities } = session.hello
  const context = { ...session.context, operation: "edit-config" }
  if (target !== undefined && !(target in targets)) {
    return new InputError({ ...context, what: "target", why: `expected candidate or running, got ${String(target)}` })
  }
  const wanted = target === undefined ? (["candidate", "running"] as const) : [target]
  const chosen = wanted.find((name) => capabilities.has(targets[name]))
  if (chosen !== undefined) return Effect.succeed(chosen)
  if (target !== undefined && capabilityCheck === false) return Effect.succeed(target)
  return new CapabilityError({ ...context, needed: wanted.map((name) => targets[name]), offered: capabilities.uris })
}

const editCandidate = ({ run, session }: ChangeContext, config: Fragment, options: EditOptions, notes: Array<string>) =>
  Effect.gen(function* () {
    const { defaultOperation, errorOption, validate } = options
    const edited = yield* run(
      editConfig({ config, target: "candidate", ...defined({ defaultOperation, errorOption }) }),
      options
    )
    const wanted = validate ?? session.hello.capabilities.has(":validate")
    if (wanted && session.profile.validateBeforeCommit) yield* run(validateOperation({ source: "candidate" }), options)
    else if (wanted)
      notes.push(`validate left out: with profile ${session.profile.name} a commit after it applies nothing`)
    return [edited, yield* run(commit(), options)]
  })

const editRunning = ({ run, session }: ChangeContext, config: Fragment, options: EditOptions) => {
  const { defaultOperation, errorOption, validate } = options
  // Never edit and then validate: what validate refuses would be in force already.
  const testOption = (validate ?? session.hello.capabilities.has(":validate")) ? ("test-then-set" as const) : undefined
  const operation = editConfig({ config, target: "running", ...defined({ defaultOperation, errorOption, testOption }) })
  return Effect.map(run(operation, options), (edited): ReadonlyArray<Reply> => [edited])
}

type Defined<A> = { [K in keyof A]?: Exclude<A[K], undefined> }
const defined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<A>

/** What an error shows of itself does not include its cause, without which a CommitUnknownError cannot be made. */
const withState = (error: OperationError, state: string): OperationError =>
  error._tag === "CommitUnknownError"
    ? new CommitUnknownError({ ...error, cause: error.cause, state: error.state ?? state })
    : withContext(error, { state })

/**
 * Locks, edits, validates, commits and unlocks. Any refusal means no commit: the edit is discarded, the locks are
 * released, and the first error is the one that comes back.
 */
export const edit = (
  context: ChangeContext,
  config: Fragment,
  options: EditOptions = {}
): Effect.Effect<EditReport, OperationError> =>
  Effect.gen(function* () {
    const target = yield* chooseTarget(context, options)
    const notes: Array<string> = []
    let applied = false
    const change =
      target === "candidate" ? editCandidate(context, config, options, notes) : editRunning(context, config, options)
    const noted = Effect.tap(change, () =>
      Effect.sync(() => {
        applied = true
      })
    )
    const replies = yield* Effect.mapError(
      context.locked(target === "candidate" ? ["running", "candidate"] : ["running"], noted),
      (error) => (applied ? withState(error, "the change is applied") : error)
    )
    if (options.save !== true) return { target, saved: "no", replies, notes }
    const saved = yield* Effect.mapError(save(context), (error) => withState(error, "the change is applied, not saved"))
    return { target, saved, replies, notes }
  })
