/**
 * Keeps a wrong credential from locking an account: after three refusals in a row it is offered to no further device,
 * until a person says so. A rotated password times a thousand devices is a thousand failed logins of one account. A device
 * that cuts the connection upon a password, or says nothing, may have refused it, so that counts as a refusal.
 *
 * Until a credential has proven itself, no more logins with it are under way at once than refusals are left; the others
 * wait. What one login reports is Offers' business, CredentialIdentity tells credentials apart. Plain synchronous state,
 * no secret in it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Identity } from "./CredentialIdentity.ts"
import * as Monotonic from "./Monotonic.ts"

/** How many refusals in a row bar a credential. */
export const maxRefusals = 3

/**
 * For how many milliseconds a success proves a credential. After that it may have been rotated, and the first logins go
 * few at a time again; that costs as long as one login takes.
 */
export const provenFor = 60_000

/**
 * What a login says of a credential that it has offered. `undecided`: the device had it, and the login ended before it had
 * said anything. `unknown`: nobody can have refused it, or the login was interrupted.
 */
export type Outcome = "accepted" | "refused" | "undecided" | "unknown"

/** What is known of one credential. */
export interface CredentialStatus {
  /** `the password of admin`, `the key SHA256:... of admin`. */
  readonly credential: string
  /** Refusals in a row, with those that are only feared. */
  readonly refusals: number
  /** How many of them are feared: the device was shown it and said nothing. */
  readonly undecided: number
  /** The devices that refused it, or said nothing, in their order. */
  readonly refusedBy: ReadonlyArray<string>
  /** True: it is offered to no device any more. */
  readonly barred: boolean
  /** Logins that have offered it and are not over. */
  readonly underWay: number
  /** Logins that wait until they may offer it. */
  readonly waiting: number
}

export type Verdict =
  | { readonly _tag: "Admitted"; readonly pass: Pass }
  | { readonly _tag: "Barred"; readonly why: string }

interface Waiter {
  readonly decide: (verdict: Verdict) => void
  cancelled: boolean
}

interface Entry {
  readonly identity: Identity
  refusedBy: Array<string>
  refusals: number
  undecided: number
  underWay: number
  provenAt: number
  readonly waiting: Set<Waiter>
}

/** One login's permission to offer a credential. */
export interface Pass {
  /** Lets another login offer it, before it is known what becomes of this one. */
  readonly free: () => void
  /** Says what came of it; the first call counts. */
  readonly end: (outcome: Outcome, device: string) => void
}

class Admission implements Pass {
  readonly #guard: CredentialGuard
  readonly #identity: Identity
  #held = true
  #counted = false

  constructor(guard: CredentialGuard, of: Identity) {
    this.#guard = guard
    this.#identity = of
  }

  free(): void {
    if (!this.#held) return
    this.#held = false
    this.#guard.leave(this.#identity, "unknown", "", true)
  }

  end(outcome: Outcome, device: string): void {
    if (this.#counted) return
    const held = this.#held
    this.#counted = true
    this.#held = false
    if (held || outcome !== "unknown") this.#guard.leave(this.#identity, outcome, device, held)
  }
}

export class CredentialGuard {
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()
  #sweepAt = 1_000

  /** `now` in milliseconds, of which only differences are taken. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** What is known of each credential that is in use, waited for, proven or was refused. */
  get status(): ReadonlyArray<CredentialStatus> {
    return [...this.#entries.values()].map(({ identity, refusals, refusedBy, undecided, underWay, waiting }) => ({
      credential: identity.name,
      refusals,
      undecided,
      refusedBy: [...refusedBy],
      barred: refusals >= maxRefusals,
      underWay,
      waiting: waiting.size
    }))
  }

  /** Forgets every refusal: what was barred is offered again. */
  reset(): void {
    for (const entry of this.#entries.values()) {
      clear(entry)
      this.#wake(entry)
    }
  }

  /** Why a credential is offered to no device any more; undefined when it may be. */
  barred(of: Identity): string | undefined {
    const entry = this.#entries.get(of.id)
    return entry === undefined || entry.refusals < maxRefusals ? undefined : describe(entry)
  }

  /** Why none of these is offered to any device any more; undefined when one of them may be. */
  whyNone(all: ReadonlyArray<Identity>): Effect.Effect<string | undefined> {
    return Effect.sync(() => {
      const reasons = new Set<string>()
      for (const identity of all) {
        const reason = this.barred(identity)
        if (reason === undefined) return undefined
        reasons.add(reason)
      }
      return reasons.size === 0 ? undefined : [...reasons].join("; ")
    })
  }

  /** Decides at once, or says that it waits and decides when other logins have ended. The result gives up waiting. */
  admit(of: Identity, decide: (verdict: Verdict) => void, waits: () => void = () => {}): () => void {
    const entry = this.#entry(of)
    const verdict = this.#judge(entry)
    const waiter: Waiter = { decide, cancelled: false }
    if (verdict === undefined) {
      entry.waiting.add(waiter)
      waits()
    } else decide(verdict)
    return () => {
      waiter.cancelled = true
      if (entry.waiting.delete(waiter)) this.#forget(entry)
    }
  }

  /** For Admission alone. */
  leave(of: Identity, outcome: Outcome, device: string, held: boolean): void {
    const entry = this.#entry(of)
    if (held) entry.underWay--
    if (outcome === "accepted") {
      clear(entry)
      entry.provenAt = this.#now()
    } else if (outcome !== "unknown") {
      entry.refusals++
      if (outcome === "undecided") entry.undecided++
      entry.refusedBy.push(device)
      entry.provenAt = -Infinity
    }
    this.#wake(entry)
  }

  #entry(of: Identity): Entry {
    const found = this.#entries.get(of.id)
    if (found !== undefined) return found
    if (this.#entries.size >= this.#sweepAt) this.#sweep()
    const entry: Entry = {
      identity: of,
      refusedBy: [],
      refusals: 0,
      undecided: 0,
      underWay: 0,
      provenAt: -Infinity,
      waiting: new Set()
    }
    this.#entries.set(of.id, entry)
    return entry
  }

  #isProven(entry: Entry): boolean {
    return this.#now() - entry.provenAt < provenFor
  }

  /** Undefined: not yet. An admission is counted here. */
  #judge(entry: Entry): Verdict | undefined {
    if (entry.refusals >= maxRefusals) return { _tag: "Barred", why: describe(entry) }
    if (!this.#isProven(entry) && entry.underWay >= maxRefusals - entry.refusals) return undefined
    entry.underWay++
    return { _tag: "Admitted", pass: new Admission(this, entry.identity) }
  }

  /** Everything is decided before anybody is told: who is told may end, and come back here. */
  #wake(entry: Entry): void {
    const decided: Array<readonly [Waiter, Verdict]> = []
    for (const waiter of entry.waiting) {
      const verdict = this.#judge(entry)
      if (verdict === undefined) break
      entry.waiting.delete(waiter)
      decided.push([waiter, verdict])
    }
    this.#forget(entry)
    for (const [waiter, verdict] of decided) {
      if (!waiter.cancelled) waiter.decide(verdict)
      else if (verdict._tag === "Admitted") verdict.pass.free()
    }
  }

  #forget(entry: Entry): void {
    const isIdle = entry.refusals === 0 && entry.underWay === 0 && entry.waiting.size === 0
    if (isIdle && !this.#isProven(entry)) this.#entries.delete(entry.identity.id)
  }

  /** One-time passwords come once each. */
  #sweep(): void {
    for (const entry of this.#entries.values()) this.#forget(entry)
    this.#sweepAt = Math.max(1_000, this.#entries.size * 2)
  }
}

const clear = (entry: Entry): void => {
  entry.refusals = 0
  entry.undecided = 0
  entry.refusedBy = []
}

const describe = ({ identity, refusals, refusedBy, undecided }: Entry): string =>
  `${identity.name} is not offered: ${listed([...new Set(refusedBy)])} refused it, ${refusals} times in a row` +
  `${undecided === 0 ? "" : ` (${undecided} without a word: cut or timed out after it was sent)`}, and more` +
  " may lock the account; once it is right, CredentialGuard.reset() or resetCredentials() lifts this"

const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

const processWide = new CredentialGuard()

/** The guard that logins ask: one for the process, unless a layer gives another. */
export const Current: Context.Reference<CredentialGuard> = Context.Reference<CredentialGuard>(
  "effect-netconf/CredentialGuard",
  { defaultValue: () => processWide }
)

/** A guard of its own for what connects inside. */
export const layer: Layer.Layer<never> = Layer.effect(
  Current,
  Effect.map(Clock.Clock, (clock) => new CredentialGuard(() => Monotonic.millis(clock)))
)

/** Forgets every refusal, when the password is right again: what was barred is offered again. */
export const reset = (): Effect.Effect<void> => Effect.map(Current, (guard) => guard.reset())

/** What is known of the credentials: which are barred, which devices refused them, how many logins wait. */
export const status = (): Effect.Effect<ReadonlyArray<CredentialStatus>> => Effect.map(Current, (guard) => guard.status)

/** Forgets every refusal that the guard of the process knows of: credentials that were barred are offered again. */
export const resetCredentials = (): void => processWide.reset()
