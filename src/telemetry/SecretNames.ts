/**
 * Under which names the usual models keep secrets: ietf-system, ietf-snmp, ietf-keystore and ietf-key-chain, OpenConfig,
 * Junos, IOS-XE, IOS-XR, NX-OS, SR OS, VRP.
 *
 * Names are compared without case, `-` and `_`, mostly by their end: `auth-password`, `authPassword`, `encrypted-password`.
 * Two names mean other things as well. An SNMP community is a password and a BGP community is not, so where it stands
 * decides; `key` is a secret as a leaf, while a container of that name only holds some.
 */

/** `tree`: all that is inside. `leaf`: the text of an element without elements. `community`: all, unless it is BGP's. */
export type Kind = "tree" | "leaf" | "community"

/** A name that ends so. */
const endings: ReadonlyArray<string> = (
  "password passwd passphrase passcode pwd secret psk passwordhash passwordhashed passwordvalue secretkeyhashed secretkey " +
  "secretdata sharedkey presharedkey presharedkeys serverkey privatekey cleartextsymmetrickey keystring keydata authkey " +
  "authenticationkey authenkey authenticatorkey digestkey md5key encryptionkey encryptkey encryptedvalue privkey " +
  "privacykey sessionkey masterkey cipherkey hexkey asciikey wepkey wpakey snmpkey hexadecimalstring apikey authtoken " +
  "accesstoken apitoken bearertoken credential credentials"
).split(" ")

const exact: ReadonlyMap<string, Kind> = new Map([
  ["pass", "tree"],
  ["cak", "tree"],
  ["token", "tree"],
  ["secrets", "tree"],
  ["commsecplist", "tree"],
  ["communityoruser", "tree"],
  ["key", "leaf"]
])

const communityEnding = /communit(?:y|ies)(?:name|string)?$/

/** Longer names are known by their end. */
const longest = 64

/** Whatever can be part of such a name; the names of nearly all nodes are settled by this alone. */
const candidate = /pass|pwd|secret|psk|key|communit|commsec|token|cak|credential|encrypted|hexadecimal/i

export const normalized = (name: string): string => name.slice(-longest).replace(/[-_]/g, "").toLowerCase()

/** What says how a secret is written, and is none itself. */
const descriptors = new Set([
  "encryption",
  "encryptiontype",
  "type",
  "keyid",
  "algorithm",
  "cryptoalgorithm",
  "encoding"
])

/** Whether an element within a secret one may be shown. */
export const describesSecret = (name: string): boolean => descriptors.has(normalized(name))

/** Whether a name, or a line of text, speaks of SNMP; then its communities are secrets. */
export const isSnmp = (text: string): boolean => /snmp|trap/i.test(text)

/** Whether it speaks of routing; then, without SNMP, its communities are BGP's. */
export const isRouting = (text: string): boolean =>
  /bgp|polic|route-?map|vrf|vpn|community-(?:list|set)|(?:send|set|match|ip|ext|large|std)[- ]?community/i.test(text)

/** Names that hold secrets: the usual ones, and those of the caller. */
export class SecretNames {
  readonly #own: ReadonlySet<string>
  readonly #known = new Map<string, Kind | undefined>()

  constructor(own: ReadonlyArray<string> = []) {
    this.#own = new Set(own.map(normalized))
  }

  /** Of a local name. */
  kindOf(name: string): Kind | undefined {
    if (this.#own.size === 0 && !candidate.test(name)) return undefined
    const known = this.#known.get(name)
    if (known !== undefined || this.#known.has(name)) return known
    const kind = this.#judge(normalized(name))
    // Names come from the peer: they must not fill the memory.
    if (this.#known.size < 4096 && name.length <= longest) this.#known.set(name, kind)
    return kind
  }

  /** Whether a text can hold such a name at all. */
  mayStandIn(text: string): boolean {
    return this.#own.size > 0 || candidate.test(text)
  }

  #judge(name: string): Kind | undefined {
    if (this.#own.has(name)) return "tree"
    const known = exact.get(name)
    if (known !== undefined) return known
    if (communityEnding.test(name)) return "community"
    return endings.some((ending) => name.endsWith(ending)) ? "tree" : undefined
  }
}
