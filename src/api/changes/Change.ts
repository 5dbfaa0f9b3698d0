/**
 * A change from lock to save, as the peer's capabilities allow: `session.edit` and `session.save`.
 */
import * as Effect from "effect/Effect"
import { CapabilityError, InputError, type OperationError, tryInput, withContext, withState } from "../../errors.ts"
import type { CallOptions, Run } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type { Session } from "../../rpc/Session.ts"
import * as Logs from "../../telemetry/Logs.ts"
import { isRecord, kindOf, knownNames } from "../Checks.ts"
import { commit } from "../operations/Commit.ts"
import type { Datastore } from "../operations/Datastore.ts"
import { defined } from "../../data/Defined.ts"
import { copyConfig, editConfig, type EditConfigOptions, validate as validateOperation } from "../operations/Edit.ts"
import type { Fragment } from "../operations/Fragment.ts"
import { checkLockOptions, type LockedOptions, lockOptions } from "./Locks.ts"
import { ofCalls, ofPromises } from "../operations/Operations.ts"
import { rpc } from "../operations/Rpc.ts"

export interface EditOptions
  extends Pick<EditConfigOptions, "defaultOperation" | "errorOption">, CallOptions, LockedOptions {
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
  /** How long each step of a clean-up may take. */
  readonly cleanUp: CallOptions
  readonly locked: <A, E, R>(
    datastores: ReadonlyArray<Datastore>,
    program: Effect.Effect<A, E, R>,
    options?: LockedOptions
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

/** Throws an `InputError`. */
const check = (config: unknown, options: EditOptions): void => {
  if (isRecord(config) && !("_tag" in config)) {
    const why = `expected XML text or elements, got ${kindOf(config)}; write edit(config, { ... })`
    throw new InputError({ what: "config", why })
  }
  const own = ["target", "validate", "save", "defaultOperation", "errorOption"]
  knownNames("edit", options, [...own, ...lockOptions, ...ofCalls], ofPromises)
  checkLockOptions(options)
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

/** What stands in a locked candidate already would be committed along: the edits of a program that this is inside of. */
export const onlyThisEdit = ({ context, leases }: Session): Effect.Effect<void, InputError> => {
  if (!leases.dirty) return Effect.void
  const why = "it holds edits that are not committed; commit or discard them first"
  return new InputError({ ...context, operation: "edit-config", what: "candidate", why })
}

/** What a change came to on its way. */
interface Done {
  readonly replies: ReadonlyArray<Reply>
  readonly notes: ReadonlyArray<string>
}

const editCandidate = ({ run, session }: ChangeContext, config: Fragment, options: EditOptions) =>
  Effect.gen(function* () {
    yield* onlyThisEdit(session)
    const { defaultOperation, errorOption, validate } = options
    const loading = { config, target: "candidate", ...defined({ defaultOperation, errorOption }) } as const
    const edited = yield* run(editConfig(loading), options)
    const wanted = validate ?? session.hello.capabilities.has(":validate")
    const harms = wanted && !session.profile.validateBeforeCommit
    if (wanted && !harms) yield* run(validateOperation({ source: "candidate" }), options)
    const leftOut = `validate left out: with profile ${session.profile.name} a commit after it applies nothing`
    const done: Done = { replies: [edited, yield* run(commit(), options)], notes: harms ? [leftOut] : [] }
    return done
  })

const editRunning = ({ run, session }: ChangeContext, config: Fragment, options: EditOptions) => {
  const { defaultOperation, errorOption, validate } = options
  // Never edit and then validate: what validate refuses would be in force already.
  const testOption = (validate ?? session.hello.capabilities.has(":validate")) ? ("test-then-set" as const) : undefined
  const operation = editConfig({ config, target: "running", ...defined({ defaultOperation, errorOption, testOption }) })
  return Effect.map(run(operation, options), (edited): Done => ({ replies: [edited], notes: [] }))
}

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
    const where = { ...context.session.context, operation: "edit-config" }
    yield* Effect.mapError(
      tryInput(() => check(config, options)),
      (error) => withContext(error, where)
    )
    const target = yield* chooseTarget(context, options)
    const change =
      target === "candidate" ? editCandidate(context, config, options) : editRunning(context, config, options)
    let applied = false
    const noted = Effect.map(change, (done) => {
      applied = true
      return done
    })
    const locks = target === "candidate" ? (["running", "candidate"] as const) : (["running"] as const)
    const { breakStale, wait } = options
    const locked = context.locked(locks, noted, defined({ breakStale, wait }))
    const told = Effect.mapError(locked, (error) => (applied ? withState(error, "the change is applied") : error))
    // An operator must know: nobody is left to be told.
    const done = yield* Effect.onInterrupt(told, () =>
      applied
        ? Logs.annotated(
            context.session.context,
            Effect.logWarning("edit was interrupted after its change was applied")
          )
        : Effect.void
    )
    if (options.save !== true) return { target, saved: "no", ...done }
    const saved = yield* Effect.mapError(save(context), (error) => withState(error, "the change is applied, not saved"))
    return { target, saved, ...done }
  })
