/**
 * What devices do differently, as data. A profile is chosen from the peer's hello, or given when connecting; it shapes
 * what follows the hello, never the hello itself, which is sent before anything is known of the peer.
 */

/**
 * The element within `<commit>` that takes a comment, and the capability by which a peer says so; where it is not
 * announced, no comment is sent.
 */
export interface CommitComment {
  readonly name: string
  readonly namespace: string
  readonly capability: string
}

export interface Profile {
  readonly name: string
  /** Milliseconds between the peer's hello and our first rpc. */
  readonly firstRpcDelay: number
  /**
   * Which datastores are locked for a change of the candidate. `both`: running, then candidate (RFC 6241 appendix E.1).
   * `candidate`: one lock of the device excludes both, so only the candidate's is taken.
   */
  readonly locks: "both" | "candidate"
  /** False: `validate` before `commit` is left out, with a note, because it harms. */
  readonly validateBeforeCommit: boolean
  /**
   * What a reply with a message-id that was never issued means. `fail`: the oldest unanswered rpc fails with a
   * `ProtocolError`. `oldest`: the device garbles ids, the reply is the oldest rpc's.
   */
  readonly foreignMessageId: "fail" | "oldest"
  /** The rpc that makes running survive a reboot, where it is not copy-config to startup. */
  readonly save: string | undefined
  /** Where the change id goes in a commit, so that the device's own commit history has it. */
  readonly commitComment: CommitComment | undefined
}

/** RFC 6241 as written. */
export const generic: Profile = {
  name: "generic",
  firstRpcDelay: 0,
  locks: "both",
  validateBeforeCommit: true,
  foreignMessageId: "fail",
  save: undefined,
  commitComment: undefined
}

/**
 * yuma123's and OpenYuma's netconfd. An rpc that it reads together with our hello is not answered until more bytes
 * come; a commit right after a validate answers ok and applies nothing.
 */
export const yuma: Profile = { ...generic, name: "yuma", firstRpcDelay: 5, validateBeforeCommit: false }

/** Cisco IOS-XE: running is saved by an rpc of its own. */
export const iosXe: Profile = {
  ...generic,
  name: "ios-xe",
  save: `<save-config xmlns="http://cisco.com/yang/cisco-ia"/>`
}

const srOsAugments = "urn:nokia.com:sros:ns:yang:sr:ietf-netconf-augments"

/**
 * Nokia SR OS: a lock of either datastore excludes both. Its commit takes a comment by the YANG module
 * nokia-sr-ietf-netconf-augments, as ncclient sends it too, where the device announces that module.
 */
export const srOs: Profile = {
  ...generic,
  name: "sr-os",
  locks: "candidate",
  commitComment: { name: "comment", namespace: srOsAugments, capability: srOsAugments }
}

const marks: ReadonlyArray<readonly [mark: string, profile: Profile]> = [
  ["http://netconfcentral.org/ns/yuma", yuma],
  ["http://yuma123.org/ns/yuma", yuma],
  ["http://cisco.com/yang/cisco-ia", iosXe],
  ["http://cisco.com/ns/yang/Cisco-IOS-XE-native", iosXe],
  ["urn:nokia.com:sros:ns:yang:sr:conf", srOs],
  ["urn:nokia.com:nc:", srOs]
]

/** The first profile of the table whose mark is among the capabilities of the hello; {@link generic} otherwise. */
export const detect = (uris: ReadonlyArray<string>): Profile =>
  marks.find(([mark]) => uris.some((uri) => uri.startsWith(mark)))?.[1] ?? generic
