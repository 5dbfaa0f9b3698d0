/**
 * How the devices of the farm are built: the usual one, and next to it what real ones do otherwise. Left out are devices
 * that say ok and do nothing: of those no client can tell the truth.
 */
import { Profile } from "../../src/index.ts"
import { Dialects, type SimulatedDevice } from "../../src/testing.ts"

export interface Breed {
  readonly options: Pick<SimulatedDevice.Options, "dialect" | "without">
  /** What the client has to be told of it. */
  readonly profile?: Profile.Profile
  /** How its configuration is changed. */
  readonly edits: "candidate" | "running"
}

const candidate = (dialect: NonNullable<SimulatedDevice.Options["dialect"]>, profile?: Profile.Profile): Breed => ({
  options: { dialect, without: [":writable-running"] },
  edits: "candidate",
  ...(profile === undefined ? {} : { profile })
})

const breeds: Readonly<Record<string, Breed>> = {
  standard: candidate([]),
  "chunks of 7 bytes": candidate({ chunkSize: 7 }),
  "only running": { options: { without: [":candidate", ":confirmed-commit"] }, edits: "running" },
  junos: candidate(Dialects.junos),
  "one lock": candidate(Dialects.oneLock, Profile.srOs),
  "stale candidate": candidate(Dialects.staleCandidate),
  "dirty candidate": candidate(Dialects.dirtyCandidate),
  "slow commit": candidate({ commitTime: "300 millis" }),
  "private candidate": candidate(Dialects.privateCandidate),
  "anonymous lock-denied": candidate(Dialects.anonymousLockDenied),
  "noise and declarations": candidate([Dialects.noise, Dialects.declarations]),
  "without ids": candidate(Dialects.iosXe171501),
  "confirmed-commit 1.0": {
    options: { without: [":writable-running", ":confirmed-commit:1.1"] },
    edits: "candidate"
  },
  "silent close": candidate(Dialects.silentClose)
}

/** One in three is standard, the others are dealt out in turn. */
export const breedOf = (index: number): Breed & { readonly breed: string } => {
  const names = Object.keys(breeds)
  const breed = index % 3 === 0 ? "standard" : names[1 + (index % (names.length - 1))]!
  return { breed, ...breeds[breed]! }
}
