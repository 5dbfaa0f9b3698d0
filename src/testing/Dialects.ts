/**
 * How a simulated device differs from the RFC: each difference is one field, each preset a few of them together.
 *
 * Nothing here is a fault that comes and goes (`Faults.ts`); a dialect is how the device is built. Presets are combined
 * by listing them: `dialect: [Dialects.oneLock, Dialects.slowCommit]`; a later one wins.
 */
import type * as Duration from "effect/Duration"
import type { Element } from "../xml/Element.ts"
import type { Refusal } from "./Refusal.ts"

export interface Dialect {
  /** `one`: a lock on running or candidate excludes both, also for the session that holds it (SR OS). Default: separate. */
  readonly locks: "separate" | "one"
  /** `private`: each session edits a copy of its own, its edits meet those of others at commit. Default: shared. */
  readonly candidate: "shared" | "private"
  /** Whether unlock and the end of a session discard what is left in the candidate (§8.3.5.2). Default: true. */
  readonly discardsOnRelease: boolean
  /** Whether an unedited candidate shows changes of running; else it is stale until discarded (NX-OS). Default: true. */
  readonly candidateFollowsRunning: boolean
  /**
   * Whether the end of its session, or of the device's power, releases a lock (§7.5). Without it a lock outlives them, and
   * lock-denied names a session that is gone, or another one that has got its id since. Default: true.
   */
  readonly releasesLocks: boolean
  /** What lock-denied lacks. Default: nothing. */
  readonly lockDenied: "complete" | "no-tag" | "no-session-id"
  /** How long commit takes before it changes anything. Default: no time. */
  readonly commitTime: Duration.Input
  /** `after-validate`: a commit right behind a validate says ok and applies nothing (yuma); `always`: every commit. */
  readonly commitIgnored: "never" | "after-validate" | "always"
  /** What the device stores for a value written, given the local names from the root to the leaf. Default: the value. */
  readonly normalise: (value: string, path: ReadonlyArray<string>) => string
  /** Sub-trees that this user may neither see nor write (NACM, RFC 8341): reads leave them out without a word. */
  readonly hidden: (path: ReadonlyArray<string>) => boolean
  /** Whether the hello carries a session-id. Default: true. */
  readonly helloSessionId: boolean
  /** `never-answered`: close-session is ignored, and the connection stays. Default: answered. */
  readonly closeSession: "answered" | "never-answered"
  /** Prefix of every NETCONF element; empty for the default namespace. Default: empty. */
  readonly prefix: string
  /** Text before the hello, as a banner or comment comes out of a channel. Default: none. */
  readonly beforeHello: string
  /** Text behind the hello's element, before its end-of-message mark. Default: none. */
  readonly afterHello: string
  /** `dropped`: rpc-reply carries no message-id (IOS-XE 17.15.1). Default: echoed. */
  readonly messageId: "echoed" | "dropped"
  /** Bytes sprinkled before each frame after the hello, such as NUL and BEL. Default: none. */
  readonly noise: string
  /** An XML declaration in each message. Default: false. */
  readonly declaration: boolean
  /** Largest chunk of a reply in bytes, under chunked framing. Default: one chunk. */
  readonly chunkSize: number
  /** Warnings sent beside `<ok/>`, by operation. Default: none. */
  readonly warnings: (operation: string, request: Element) => ReadonlyArray<Refusal>
  /** Wraps the rpc-errors of a commit in an element of this name, `commit-results` on Junos. Default: none. */
  readonly commitResults: string | undefined
  /** Whether eventTime has whole seconds (yuma, and many devices). Default: false. */
  readonly wholeSeconds: boolean
  /** Time between two replayed notifications, in which live events occur. Default: no time. */
  readonly replayPace: Duration.Input
  /**
   * The error-tag of a refused subscription: that of its identity (RFC 8640 §7), or operation-failed for all, as in the
   * drafts. Default: by identity.
   */
  readonly subscriptionErrorTag: "by-identity" | "operation-failed"
  /**
   * `in-library`: modules of YANG 1.1 are not in the hello, as RFC 7950 §5.6.4 has it, but in the YANG library alone (RFC
   * 8525): ietf-subscribed-notifications and ietf-yang-push are two. Default: in the hello as well, as many devices do.
   */
  readonly yang11Modules: "in-hello" | "in-library"
  /** `terminated`: delete-subscription sends subscription-terminated to who asked for it (netopeer2). Default: silent. */
  readonly deletedSubscription: "silent" | "terminated"
  /** The only base versions that the device offers, whatever its capabilities say. Default: as they say. */
  readonly framing: "auto" | "end-of-message" | "chunked"
}

/** By the RFC in every respect. */
export const standard: Dialect = {
  locks: "separate",
  candidate: "shared",
  discardsOnRelease: true,
  candidateFollowsRunning: true,
  releasesLocks: true,
  lockDenied: "complete",
  commitTime: 0,
  commitIgnored: "never",
  normalise: (value) => value,
  hidden: () => false,
  helloSessionId: true,
  closeSession: "answered",
  prefix: "",
  beforeHello: "",
  afterHello: "",
  messageId: "echoed",
  noise: "",
  declaration: false,
  chunkSize: Infinity,
  warnings: () => [],
  commitResults: undefined,
  wholeSeconds: false,
  replayPace: 0,
  subscriptionErrorTag: "by-identity",
  yang11Modules: "in-hello",
  deletedSubscription: "silent",
  framing: "auto"
}

type Preset = Partial<Dialect>

/** One lock for both datastores. */
export const oneLock: Preset = { locks: "one" }
/** A candidate per session. */
export const privateCandidate: Preset = { candidate: "private" }
/** Edits stay in the candidate when their session is gone. */
export const dirtyCandidate: Preset = { discardsOnRelease: false }
/** The candidate does not follow running: committing it undoes what others changed, unless it is discarded first. */
export const staleCandidate: Preset = { candidateFollowsRunning: false }
/** Locks outlive their session and a reboot, after which session-ids are used again. */
export const staleLocks: Preset = { releasesLocks: false }
/** lock-denied as message text only, without error-tag, type and holder. */
export const untaggedLockDenied: Preset = { lockDenied: "no-tag" }
/** lock-denied that does not say who. */
export const anonymousLockDenied: Preset = { lockDenied: "no-session-id" }
/** A commit of five minutes, by the Clock. */
export const slowCommit: Preset = { commitTime: "5 minutes" }
/** Every commit says ok and changes nothing. */
export const commitAppliesNothing: Preset = { commitIgnored: "always" }
/** Values come back changed: lower case, without white space around them. */
export const normalisedValues: Preset = { normalise: (value) => value.trim().toLowerCase() }
/** Hides the sub-trees with these paths: `Dialects.nacm("system/authentication")`. */
export const nacm = (...paths: ReadonlyArray<string>): Preset => {
  const hidden = new Set(paths)
  return { hidden: (path) => hidden.has(path.join("/")) }
}
/** close-session is never answered and never closes. */
export const silentClose: Preset = { closeSession: "never-answered" }
/** A hello without session-id. */
export const noSessionId: Preset = { helloSessionId: false }
/** NUL and BEL between the frames. */
export const noise: Preset = { noise: "\u0000\u0007" }
/** An XML declaration in each message. */
export const declarations: Preset = { declaration: true }
/** Replies lose their message-id. */
export const iosXe171501: Preset = { messageId: "dropped" }

/** Modules of YANG 1.1 in the YANG library alone, not in the hello (RFC 7950 §5.6.4). */
export const yangLibrary: Preset = { yang11Modules: "in-library" }
/** eventTime without a fraction, so that different events have equal stamps. */
export const wholeSeconds: Preset = { wholeSeconds: true }

/** Junos: base:1.0, `nc:` everywhere, banner and comments around hello, warnings beside ok, errors in commit-results. */
export const junos: Preset = {
  framing: "end-of-message",
  prefix: "nc",
  beforeHello: "<!-- No zombies were killed during the creation of this user interface -->\n",
  afterHello: "\n<!-- session start -->\n",
  commitResults: "commit-results",
  warnings: (operation) =>
    operation === "commit" ? [{ severity: "warning", message: "statement not found: no such statement, ignored" }] : []
}

/** yuma: validate spoils the commit behind it, small chunks that split characters, a declaration in each message. */
export const yuma: Preset = { commitIgnored: "after-validate", chunkSize: 1986, declaration: true }

/** SR OS: one lock, edits stay in the candidate when a session is lost. */
export const srOs: Preset = { ...oneLock, ...dirtyCandidate }

/** The presets put together over the standard. */
export const combine = (presets: Preset | ReadonlyArray<Preset> = {}): Dialect =>
  Object.assign({}, standard, ...(Array.isArray(presets) ? (presets as ReadonlyArray<Preset>) : [presets])) as Dialect
