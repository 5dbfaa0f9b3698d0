/**
 * The datastores of one simulated device: running, startup, the candidate or candidates, their locks, and the confirmed
 * commit under way (RFC 6241 §5.1, §7.5, §8.3, §8.4, §8.7).
 *
 * Plain and synchronous, changed by whole operations of one session at a time; refuses by throwing `Refused`. It knows
 * that a confirmed commit has a timeout, not what time it is: the device keeps the timer. Session 0 is anyone who is not
 * a NETCONF session.
 */
import * as Element from "../xml/Element.ts"
import type { Dialect } from "./Dialects.ts"
import * as EditConfig from "./EditConfig.ts"
import type { Model } from "./Model.ts"
import { Locks } from "./Locks.ts"
import type { Name } from "./Locks.ts"
import * as Refusal from "./Refusal.ts"
import * as Tree from "./Tree.ts"
import * as Validate from "./Validate.ts"

export type { Name } from "./Locks.ts"

/** A confirmed commit that waits for its confirmation. */
export interface Confirmed {
  readonly session: number
  readonly persist: string | undefined
  /** Seconds from the commit, or from the follow-up that extended it. */
  readonly timeout: number
  /** What running was before. */
  readonly before: Element.Element
  /** A new object for each period of the timer, so that the device knows when to set it anew. */
  readonly period: object
}

export interface CommitOptions {
  /** The confirm-timeout in seconds; undefined for a commit that is not confirmed, or confirms. */
  readonly timeout?: number | undefined
  readonly persist?: string | undefined
  readonly persistId?: string | undefined
  /** Says ok, and does nothing. */
  readonly ignored?: boolean
}

/** A candidate: the changes made to it, and what came of them. */
interface Candidate {
  readonly data: Element.Element
  /** Replayed over running when a private candidate is committed. */
  readonly changes: ReadonlyArray<(data: Element.Element) => Element.Element>
}

interface Settings {
  readonly model: Model
  readonly dialect: Dialect
  readonly hasCandidate: boolean
  readonly hasStartup: boolean
  readonly running: Element.Element
  readonly startup: Element.Element
  readonly validate: (config: Element.Element) => ReadonlyArray<Refusal.Refusal>
}

export class Datastores {
  readonly #settings: Settings
  readonly #candidates = new Map<number, Candidate>()
  readonly #locks: Locks
  running: Element.Element
  startup: Element.Element
  confirmed: Confirmed | undefined
  /** Commits that changed running, confirming ones included. */
  commits = 0

  constructor(settings: Settings) {
    this.#settings = settings
    this.#locks = new Locks(settings.dialect)
    this.running = settings.running
    this.startup = settings.startup
  }

  /** Whose candidate a session uses: its own, or the one that all share. */
  #owner(session: number): number {
    return this.#settings.dialect.candidate === "private" ? session : 0
  }

  candidate(session: number): Element.Element {
    return this.#candidates.get(this.#owner(session))?.data ?? this.running
  }

  /** Whether the candidate holds changes that were neither committed nor discarded. */
  isDirty(session: number): boolean {
    return (this.#candidates.get(this.#owner(session))?.changes.length ?? 0) > 0
  }

  read(name: Name, session: number): Element.Element {
    this.#exists(name)
    return name === "candidate" ? this.candidate(session) : this[name]
  }

  #exists(name: Name): void {
    const { hasCandidate, hasStartup } = this.#settings
    if ((name === "candidate" && !hasCandidate) || (name === "startup" && !hasStartup)) {
      throw new Refusal.Refused(Refusal.unknownParameter(name, `this device has no ${name} datastore`))
    }
  }

  /** Refuses when somebody else holds the lock. */
  mayWrite(name: Name, session: number): void {
    this.#exists(name)
    const holder = this.#locks.holder(name)
    if (holder === undefined || holder === session || this.#isPrivate(name)) return
    throw new Refusal.Refused(Refusal.inUse(`${name} is locked by session ${holder}`))
  }

  #isPrivate(name: Name): boolean {
    return name === "candidate" && this.#settings.dialect.candidate === "private"
  }

  /** Changes a datastore by a function of what it is. */
  change(name: Name, session: number, step: (data: Element.Element) => Element.Element): void {
    this.mayWrite(name, session)
    if (name === "candidate") {
      const changes = this.#candidates.get(this.#owner(session))?.changes ?? []
      const data = step(this.candidate(session))
      this.#candidates.set(this.#owner(session), { data, changes: [...changes, step] })
    } else if (name === "running") {
      this.#setRunning(step(this.running))
    } else {
      this.startup = step(this.startup)
    }
  }

  #setRunning(data: Element.Element): void {
    // A stale candidate is a copy made when running moved on.
    if (!this.#settings.dialect.candidateFollowsRunning && !this.#candidates.has(0)) {
      this.#candidates.set(0, { data: this.running, changes: [] })
    }
    this.running = data
  }

  validate(data: Element.Element): ReadonlyArray<Refusal.Refusal> {
    return [...Validate.check(this.#settings.model, data), ...this.#settings.validate(data)]
  }

  discard(session: number): void {
    this.mayWrite("candidate", session)
    this.#candidates.delete(this.#owner(session))
  }

  /** Who holds which lock. */
  get locks(): ReadonlyMap<Name, number> {
    return this.#locks.held
  }

  lock(name: Name, session: number): void {
    this.#exists(name)
    this.#locks.mayTake(name)
    if (name === "candidate" && this.isDirty(session)) {
      throw this.#locks.denied(0, "Lock failed, the candidate holds changes that were neither committed nor discarded")
    }
    if (name === "running" && this.confirmed !== undefined && this.confirmed.session !== session) {
      throw this.#locks.denied(
        this.confirmed.session,
        "Lock failed, a confirmed commit of another session is under way"
      )
    }
    this.#locks.take(name, session)
  }

  unlock(name: Name, session: number): void {
    this.#exists(name)
    this.#locks.mayGive(name, session)
    this.#release(name, session)
  }

  #release(name: Name, session: number): void {
    this.#locks.give(name)
    const { discardsOnRelease, locks } = this.#settings.dialect
    const covered = name === "candidate" || (locks === "one" && name === "running")
    if (covered && discardsOnRelease) this.#candidates.delete(this.#owner(session))
  }

  /** Makes the candidate running; throws `Refused` with everything that is wrong with it. */
  commit(session: number, options: CommitOptions): void {
    this.mayWrite("running", session)
    this.mayWrite("candidate", session)
    this.#mayFollow(session, options.persistId)
    const next = this.#committed(session)
    const refusals = this.validate(next)
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
    if (options.ignored === true) return
    const before = this.confirmed?.before ?? this.running
    this.running = next
    this.commits++
    this.#candidates.delete(this.#owner(session))
    this.confirmed =
      options.timeout === undefined
        ? undefined
        : { session, persist: options.persist ?? this.confirmed?.persist, timeout: options.timeout, before, period: {} }
  }

  #committed(session: number): Element.Element {
    const candidate = this.#candidates.get(this.#owner(session))
    if (candidate === undefined) return this.running
    if (this.#settings.dialect.candidate === "shared") return candidate.data
    return candidate.changes.reduce((data, step) => step(data), this.running)
  }

  /** Whether this session and id may commit while a confirmed commit is under way (§8.4.1). */
  #mayFollow(session: number, persistId: string | undefined): void {
    const pending = this.confirmed
    if (persistId !== undefined && persistId !== pending?.persist) {
      throw new Refusal.Refused(Refusal.invalidParameter("persist-id is not that of a confirmed commit under way"))
    }
    if (pending === undefined || persistId !== undefined) return
    if (pending.persist !== undefined) {
      throw new Refusal.Refused(Refusal.missingParameter("persist-id", "a persistent confirmed commit is under way"))
    }
    if (pending.session !== session) {
      throw new Refusal.Refused(Refusal.inUse("a confirmed commit of another session is under way"))
    }
  }

  cancelCommit(session: number, persistId: string | undefined): void {
    const pending = this.confirmed
    if (pending === undefined && persistId === undefined) {
      throw new Refusal.Refused(Refusal.operationFailed("no confirmed commit is under way"))
    }
    const allowed = persistId === undefined ? pending?.session === session : persistId === pending?.persist
    if (!allowed) {
      throw new Refusal.Refused(Refusal.invalidParameter("this is not the confirmed commit that is under way"))
    }
    this.rollback()
  }

  /** Undoes the confirmed commit under way, if there is one. */
  rollback(): void {
    if (this.confirmed === undefined) return
    const { before } = this.confirmed
    this.confirmed = undefined
    this.#setRunning(before)
  }

  /** What the end of a session means for the device: §7.5, §8.3.5.2, §8.4.1. */
  release(session: number): void {
    if (this.#settings.dialect.releasesLocks) {
      for (const [name, holder] of this.locks) if (holder === session) this.#release(name, session)
    }
    if (this.#settings.dialect.candidate === "private") this.#candidates.delete(session)
    if (this.confirmed === undefined || this.confirmed.session !== session) return
    if (this.confirmed.persist === undefined) this.rollback()
    // A session-id may be used again; the persistent commit belongs to nobody from now on.
    else this.confirmed = { ...this.confirmed, session: 0 }
  }

  /** The device starts anew from its startup datastore, or from the running one that it keeps. */
  reboot(): void {
    this.rollback()
    if (this.#settings.dialect.releasesLocks) this.#locks.clear()
    this.#candidates.clear()
    if (this.#settings.hasStartup) this.running = this.startup
  }

  /** Applies an edit-config by the rules of its options; throws `Refused` with all errors met. */
  edit(name: Name, session: number, config: Element.Element, options: EditOptions): void {
    this.mayWrite(name, session)
    const apply = (data: Element.Element, errorOption = options.errorOption) =>
      EditConfig.apply(data, config, { ...options, errorOption, model: this.#settings.model })
    const current = this.read(name, session)
    if (options.testOption !== "set") this.#test(name, current, apply, options.testOption)
    if (options.testOption === "test-only") return
    const { data, refusals } = apply(current)
    // What is refused without having changed anything does not make the candidate dirty.
    const changed = refusals.length === 0 || !Element.equals(data, current)
    if (changed) this.change(name, session, (before) => (before === current ? data : apply(before).data))
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
  }

  /** test-then-set refuses what the model refuses; what exists or not is found out by doing it. */
  #test(
    name: Name,
    current: Element.Element,
    apply: (data: Element.Element, errorOption: EditConfig.ErrorOption) => EditConfig.Result,
    option: EditOptions["testOption"]
  ): void {
    const { data, refusals } = apply(current, "continue-on-error")
    const wrong =
      option === "test-only" ? refusals : refusals.filter(({ tag }) => tag !== "data-exists" && tag !== "data-missing")
    const invalid = name === "running" && refusals.length === 0 ? this.validate(data) : []
    if (wrong.length + invalid.length > 0) throw new Refusal.Refused(...wrong, ...invalid)
  }

  /** What somebody else writes past all locks. Throws `Refused`. */
  override(name: Name, config: Element.Element): void {
    const { data, refusals } = EditConfig.apply(this.read(name, 0), config, { model: this.#settings.model })
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
    if (name === "running") this.#setRunning(data)
    else if (name === "startup") this.startup = data
    else this.#candidates.set(0, { data, changes: [...(this.#candidates.get(0)?.changes ?? []), () => data] })
  }

  /** Replaces the whole of a datastore. */
  copy(name: Name, session: number, data: Element.Element): void {
    const invalid = name === "running" ? this.validate(data) : []
    if (invalid.length > 0) throw new Refusal.Refused(...invalid)
    this.change(name, session, () => data)
  }

  /** A whole configuration as the model allows it; throws `Refused`. */
  load(config: Element.Element, options: Omit<EditConfig.Options, "model"> = {}): Element.Element {
    const { data, refusals } = EditConfig.apply(Tree.root(), config, { ...options, model: this.#settings.model })
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
    return data
  }
}

interface EditOptions extends Omit<EditConfig.Options, "model"> {
  readonly testOption: "test-then-set" | "set" | "test-only"
}
