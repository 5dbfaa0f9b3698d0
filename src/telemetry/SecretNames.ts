/**
 * Under which names the usual models keep secrets: ietf-system, ietf-snmp, ietf-keystore and ietf-key-chain, OpenConfig,
 * Junos, IOS-XE, IOS-XR, NX-OS, SR OS, VRP.
 *
 * Names are compared without case, `-` and `_`, mostly by their end: `auth-password`, `authPassword`, `encrypted-password`.
 * Two names mean other things as well. An SNMP community is a password and a BGP community is not, so where it stands
 * decides; `key` is a secret as a leaf, while a container of that name only holds some.
 */

/**
 * `tree`: all that is inside. `leaf`: the text of an element without elements. `community`: all, unless it is BGP's.
 * `field`: a tree as an element or a member of JSON; in prose the word means nothing.
 */
export type Kind = "tree" | "leaf" | "community" | "field"

/** A name that ends so. */
const endings: ReadonlyArray<string> = (
  "password passwd passphrase passcode pwd secret psk passwordhash passwordhashed passwordvalue secretkeyhashed secretkey " +
  "secretdata sharedkey presharedkey presharedkeys serverkey privatekey cleartextsymmetrickey keystring keydata authkey " +
  "authenticationkey authenkey authenticatorkey digestkey md5key encryptionkey encryptkey encryptedvalue privkey " +
  "privacykey sessionkey masterkey cipherkey hexkey asciikey wepkey wpakey snmpkey hexadecimalstring apikey authtoken " +
  "accesstoken apitoken bearertoken credential credentials keyoctetstring passwordtext passwordstring passwordencrypted " +
  "passwordnew secretvalue secretstring presharedkeyvalue tacacskey radiuskey isakmpkey hmackey symmetrickey idtoken " +
  "refreshtoken psksetkey wpa2key authenticatekey ikekey ospfkey bgpkey aeskey deskey clusterkey stringkey authenticationhex " +
  "encryptionhex phash rsaprivate"
).split(" ")

const exact: ReadonlyMap<string, Kind> = new Map([
  ["pass", "tree"],
  ["cak", "tree"],
  ["token", "tree"],
  ["secrets", "tree"],
  ["pmk", "tree"],
  ["commsec", "tree"],
  ["kek", "field"],
  ["jwt", "field"],
  ["pkcs12", "field"],
  ["ciphertext", "field"],
  ["tcpmd5", "field"],
  ["keyvalue", "field"],
  ["commsecplist", "tree"],
  ["communityoruser", "tree"],
  ["key", "leaf"]
])

const communityEnding = /communit(?:y|ies)(?:name|string|config)?$/

/** Longer names are known by their end. */
const longest = 64

/** Whatever can be part of such a name; the names of nearly all nodes are settled by this alone. */
const candidate =
  /pass|pwd|secret|psk|key|communit|commsec|token|cak|credential|encrypted|hexadecimal|pmk|phash|private|kek|jwt|pkcs12|ciphertext|cipher-text|md5|-hex/i

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

const ofAuthentication = new Set("word text simple simpletext encrypted plain asciitext hexadecimal".split(" "))
const ofKey = new Set([...ofAuthentication, ..."value string octetstring data hex cipher".split(" ")])

/** Whether an element is a secret because of the one it stands in: `<key><ascii-text>`, `<v2c><security-name>`. */
export const isSecretWithin = (name: string, parent: string): boolean => {
  if (!/^(?:word|text|simple|enc|plain|ascii|hex|value|string|octet|data|cipher|security)/i.test(name)) return false
  const [child, outer] = [normalized(name), normalized(parent)]
  if (child === "securityname") return /^(?:v1|v2c|targethost|snmpagent)$/.test(outer)
  return outer === "key" ? ofKey.has(child) : outer.endsWith("authentication") && ofAuthentication.has(child)
}

/** A community of BGP by its looks: `65000:100`, `no-export`. */
export const isBgpCommunity = (text: string): boolean =>
  /^(?:\d{1,10}(?::\d{1,10}){1,2}|no-(?:export|advertise|export-subconfed)|local-as|internet|additive)[,;.]?$/i.test(
    text.trim()
  )

/** Whether a name, or a line of text, speaks of SNMP; then its communities are secrets. */
export const isSnmp = (text: string): boolean => /snmp|trap/i.test(text)

/** Whether it speaks of routing; then, without SNMP, its communities are BGP's. */
export const isRouting = (text: string): boolean =>
  /bgp|polic|route-?map|community-(?:list|set)|(?:send|set|match|ip|ext|large|std)[- ]?community/i.test(text)

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
    const unnumbered = name.replace(/\d{1,3}$/, "")
    return endings.some((ending) => unnumbered.endsWith(ending)) ? "tree" : undefined
  }
}
