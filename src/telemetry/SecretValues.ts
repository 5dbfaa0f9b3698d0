/**
 * Secrets that are known by what they look like, wherever they stand: crypt hashes and their kin (`$9$` and Cisco's type 7
 * can be turned back), private keys, tokens, headers of HTTP, user information in URLs.
 *
 * Every pattern is linear: what repeats is bounded, or ends where no other match can begin.
 */
import type { Region } from "./WrittenValue.ts"

/** The whole match is hidden, or its first group where there is one. */
const patterns: ReadonlyArray<RegExp> = [
  // $1$ to $9$, $5$rounds=..., $y$, $2b$, $8$aes256-gcm$...
  /\$(?:\d{1,2}[a-z]?|[a-z][a-z0-9-]{0,15})\$[^\s"'<>]{4,}/dgi,
  // LDAP's {SSHA}..., and pbkdf2:sha256:...
  /\{(?:S?SHA(?:-?\d{3})?|S?MD5|CRYPT|ARGON2|PBKDF2[\w-]{0,16})\}[^\s"'<>]{4,}/dgi,
  /\bpbkdf2:[\w-]{1,32}:[^\s"'<>]+/dgi,
  // VRP wraps its ciphertext in such marks.
  /(?:%\^%#|%\$%\$|@%@%|%@%@|%#%#)[^\s"'<>]+/dg,
  // Anybody may see a certificate or a public key.
  /-{4,5} ?BEGIN (?!CERTIFICATE|TRUSTED CERT|X509 |(?:RSA |SSH2 )?PUBLIC )[A-Z0-9 ]{1,40}-{4,5}[^]*?(?:-{4,5} ?END [A-Z0-9 ]{1,40}-{4,5}|$)/dg,
  /PuTTY-User-Key-File-\d[^]*?(?:Private-MAC: ?[^\s"'<>]+|$)/dg,
  // Junos marks what it shows: "..."; ## SECRET-DATA
  /"([^"\n]+)";?[ \t]{0,8}## SECRET-DATA/dg,
  /\b(?:proxy-)?authorization: ?([^\r\n]+)/dgi,
  /\b(?:set-)?cookie: ?([^\r\n]+)/dgi,
  /\bauthorization\\?["'][ \t]{0,8}[:=][ \t]{0,8}\\?["'](?:basic|bearer|digest|token|apikey|negotiate)[ \t]{1,8}([^\s"'\\]+)/dgi,
  // A JSON Web Token.
  /(?<![\w-])eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]+)*/dg,
  /[?&](?:sig|signature|auth|code)=([^\s"'<>&]+)/dgi,
  /\bcommsec(?:p)?-([^\s"'<>/[\]]+)/dgi,
  /-\w{0,12}auth=(?:key|token),([^\s"'<>,]+)/dgi,
  // user:password@host without a scheme, as scp has it.
  /(?<![\w.:/@%-])(?!(?:mailto|sips?|xmpp|urn):)[\w.-]{1,64}:([^\s:@/"'<>]{1,128})@(?=[A-Za-z0-9[])/dgi
]

/** What every match of a pattern holds: most texts are settled by this alone. */
const candidate = /[$%@{?&]|BEGIN |PuTTY|SECRET-DATA|auth|cookie|pbkdf2|eyJ|commsec/i

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
