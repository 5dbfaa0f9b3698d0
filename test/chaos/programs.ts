/**
 * What the fleet does with a device in one round: a read, or one edit with a token of its own, in one of the ways in which
 * users make edits; some are interrupted, some have hardly any time. Which one, the round's dice say.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type { Session } from "../../src/index.ts"
import { Filter, type OperationError } from "../../src/index.ts"
import type { Breed } from "./breeds.ts"
import type { Dice } from "../trial/dice.ts"
import { type Entry, type Kind, type Ledger, reportOf, Unhealthy } from "./ledger.ts"
import { about, create, entry } from "./token.ts"

export interface Visit {
  readonly session: Session
  readonly device: string
  readonly edits: Breed["edits"]
  readonly token: string
  readonly dice: Dice
  readonly ledger: Ledger
  /** What the program of a device has seen of its edit; the last attempt's. */
  readonly seen: Map<string, Entry>
}

type Way = (visit: Visit, deadline: number) => Effect.Effect<unknown, unknown>

/** A device whose commits take long, or that is silent, must not hold the round up. */
const patience = 4_000

const edit: Way = ({ edits, session, token }, deadline) => session.edit(create(token), { target: edits, deadline })

/** What `edit` does, by one's own hand; sometimes with patience for whoever holds the lock. */
const byHand: Way = ({ dice, edits, session, token }, deadline) => {
  const config = create(token)
  const candidate = Effect.andThen(
    session.editConfig({ target: "candidate", config, deadline }),
    session.commit({ deadline })
  )
  const wait = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 5 }))
  const options = dice.chance(50) ? { wait } : {}
  return edits === "candidate"
    ? session.locked(["running", "candidate"], candidate, options)
    : session.locked(["running"], session.editConfig({ target: "running", config, deadline }), options)
}

const withoutLocks: Way = ({ session, token }, deadline) =>
  session.editConfig({ target: "running", config: create(token), deadline })

/** The check reads its own entry back on a session of its own; one in four does not like what it sees. */
const confirmed: Way = ({ dice, session, token }) => {
  const dislikes = dice.chance(25)
  return session.confirmedCommit({ timeout: "5 seconds", config: create(token) }, (other) =>
    Effect.gen(function* () {
      const reply = yield* other.getConfig({ source: "running", filter: Filter.subtree(entry(token)) })
      if (!reply.xml.includes(token)) return yield* Effect.fail(new Unhealthy("the entry is not there"))
      if (dislikes) return yield* Effect.fail(new Unhealthy("by the dice"))
    })
  )
}

const ways: Readonly<Record<Kind, Way>> = {
  edit,
  "edit by hand": byHand,
  "edit without locks": withoutLocks,
  "confirmed commit": confirmed
}

const weights: Readonly<Record<Breed["edits"], Readonly<Record<string, number>>>> = {
  candidate: { read: 30, edit: 40, "edit by hand": 15, "confirmed commit": 15 },
  running: { read: 30, edit: 35, "edit by hand": 15, "edit without locks": 20 }
}

/** Runs it for so long and no longer, and ends as it has ended. */
const atMost = (millis: number, program: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(program, { startImmediately: true })
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(millis))
    yield* Fiber.interrupt(fiber)
    return yield* Fiber.join(fiber)
  })

/** Hardly any time, or enough. */
const deadlineOf = (dice: Dice, hasty: boolean): number => (hasty ? dice.between(1, 60) : patience)

/** Two questions in turn, whose answers differ: each must be this device's own, and the one to this question. */
const read = ({ device, dice, ledger, session, token }: Visit): Effect.Effect<void, OperationError> => {
  const ask = (filter: Filter.Filter, what: string, isRight: (text: string) => boolean) =>
    Effect.suspend(() =>
      session.getConfig({ source: "running", filter, deadline: deadlineOf(dice, dice.chance(30)) })
    ).pipe(
      Effect.tapError(() => Effect.sync(() => void ledger.reads.failed++)),
      Effect.map(({ xml }) => {
        ledger.reads[isRight(xml) ? "right" : "wrong"]++
        if (!isRight(xml)) ledger.find("reads that brought another's answer", `${device}: ${what} brought ${xml}`)
      })
    )
  const own = ask(Filter.subtree(about), "its name", (text) => text.includes(`>${device}<`))
  const none = ask(Filter.subtree(entry(token)), "an entry that nobody made", (text) => !/about|token/.test(text))
  // An answer that nobody waits for any more comes while the next one is waited for.
  return Effect.gen(function* () {
    for (let i = 0; i < 3; i++) yield* Effect.ignore(i % 2 === 0 ? own : none)
    yield* none
    yield* own
  })
}

/** Edits that a lost session has left in the candidate keep everyone out, on devices that do not discard them. */
const cleanUp = ({ dice, edits, session }: Visit): Effect.Effect<void> =>
  edits === "candidate" && dice.chance(20) ? Effect.ignore(session.discardChanges({ deadline: patience })) : Effect.void

const write = (visit: Visit, kind: Kind): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const { device, dice, ledger, seen, token } = visit
    const deadline = deadlineOf(dice, dice.chance(10))
    const began = performance.now()
    return Effect.onExit(ways[kind](visit, deadline), (exit) =>
      Effect.sync(() => {
        const elapsed = Math.round(performance.now() - began)
        const noted: Entry = { device, token, kind, elapsed, at: Date.now(), ...reportOf(exit) }
        seen.set(device, noted)
        ledger.note(noted)
      })
    )
  })

/** One visit; fails as the edit does, and is over within a quarter of a minute whatever happens. */
export const program = (visit: Visit): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const { dice, edits } = visit
    const what = dice.weighted(weights[edits]) as Kind | "read"
    if (what === "read") return Effect.andThen(cleanUp(visit), read(visit))
    const interrupted = dice.chance(10)
    return atMost(interrupted ? dice.between(1, 400) : 12_000, write(visit, what))
  })
