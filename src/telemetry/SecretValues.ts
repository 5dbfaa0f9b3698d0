/**
 * Secrets that are known by what they look like, wherever they stand: crypt hashes and their kin (`$9$` and Cisco's type 7
 * can be turned back), PEM, user information in URLs, and the commands whose secret no name announces.
 *
 * Every pattern is linear: what repeats is bounded, or ends where no other match can begin.
 */

/** A part of a text: from here, up to there. */
export type Region = readonly [start: number, end: number]

/** The whole match is hidden, or its first group where there is one. */
const patterns: ReadonlyArray<RegExp> = [
  // $1$ to $9$, $5$rounds=..., $y$, $2b$, $8$aes256-gcm$...
  /\$(?:\d{1,2}[a-z]?|[a-z][a-z0-9-]{0,15})\$[^\s"'<>]{4,}/dgi,
  // VRP wraps its ciphertext in such marks.
  /(?:%\^%#|%\$%\$|@%@%|%@%@|%#%#)[^\s"'<>]+/dg,
  /-{4,5} ?BEGIN [A-Z0-9 ]{1,40}-{4,5}[^]*?(?:-{4,5} ?END [A-Z0-9 ]{1,40}-{4,5}|$)/dg,
  // Junos marks what it shows: "..."; ## SECRET-DATA
  /"([^"\n]+)";?[ \t]{0,8}## SECRET-DATA/dg,
  /\bauthorization: ?([^\r\n]+)/dgi,
  // snmp-server user ops netops v3 auth sha A priv aes 128 P
  /\bauth(?:entication)?(?:-mode|-protocol)?[ \t]{1,8}(?:md5|sha[\w-]{0,12})[ \t]{1,8}(?!\d{1,5}\s)(\S+)/dgi,
  /\bpriv(?:acy)?(?:-mode|-protocol)?[ \t]{1,8}(?:3?des|aes)[\w-]{0,12}[ \t]{1,8}(?:(?:128|192|256)[ \t]{1,8})?(\S+)/dgi,
  /\bmd5[ \t]{1,8}(?:\d{1,5}[ \t]{1,8})?(?:cipher|\d)[ \t]{1,8}(\S+)/dgi,
  /\bsnmp-(?:server|agent)[ \t]{1,8}[^\r\n]{0,200}?\b(?:version[ \t]{1,8}(?:1|2c)|securityname(?:[ \t]{1,8}cipher)?)[ \t]{1,8}(\S+)/dgi,
  /\b(?:standby|vrrp|glbp)[ \t]{1,8}\d{1,5}[ \t]{1,8}authentication[ \t]{1,8}(?:text[ \t]{1,8})?(?!md5\b)(\S+)/dgi
]

/** What every match of a pattern holds: most texts are settled by this alone. */
const candidate = /[$%@]|BEGIN |SECRET-DATA|auth|priv|md5|snmp-|standby|vrrp|glbp/i

/** The caller's own expression, to be used over and over: `lastIndex` is ours, and so is the search for every match. */
export const pattern = (own: RegExp): RegExp => new RegExp(own.source, `${own.flags.replace(/[dgy]/g, "")}dg`)

const matchesOf = (text: string, expression: RegExp): ReadonlyArray<Region> =>
  Array.from(text.matchAll(expression), ({ indices }): Region => indices?.[1] ?? indices![0]!).filter(
    ([start, end]) => end > start
  )

/** All that looks like a secret; `own` are further expressions, made by {@link pattern}. */
export const find = (text: string, own: ReadonlyArray<RegExp>): ReadonlyArray<Region> =>
  [...(candidate.test(text) ? patterns : []), ...own]
    .flatMap((expression) => matchesOf(text, expression))
    .concat(userinfo(text))

/** `user:password` of each URL. A password may hold a `/` that should have been escaped. */
const userinfo = (text: string): ReadonlyArray<Region> => {
  const found: Array<Region> = []
  const end = /[\s<>"]|$/g
  for (let at = text.indexOf("://"); at !== -1; at = text.indexOf("://", end.lastIndex)) {
    const start = at + 3
    end.lastIndex = start
    const stop = end.exec(text)!.index
    end.lastIndex = Math.max(stop, start)
    const length = userinfoLength(text.slice(start, stop))
    if (length > 0) found.push([start, start + length])
  }
  return found
}

const userinfoLength = (rest: string): number => {
  const [authority = ""] = rest.split("/", 1)
  const at = authority.lastIndexOf("@")
  if (at !== -1) return at
  const colon = authority.indexOf(":")
  const isPort = colon === -1 || /^\d{1,5}$/.test(authority.slice(colon + 1)) || authority.startsWith("[")
  return isPort ? 0 : Math.max(0, rest.lastIndexOf("@"))
}
