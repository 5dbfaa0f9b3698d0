/**
 * Where the secrets are in the text of a message, and how they are hidden without moving a byte: each is overwritten by
 * stars of the same number of bytes, so that frames around it stay what they are.
 *
 * By name (password, secret, key, community, ...; everything inside such an element) and by value (`$1$` to `$9$`, PEM,
 * user information in a URL, passwords in CLI text). It errs on the side of hiding. Text is latin1: one character, one byte.
 */

type Region = readonly [start: number, end: number]

const secretName = /pass(word|wd|phrase|code)|secret|key|communit|token|credential|psk|md5|hash|private/i

const valuePatterns: ReadonlyArray<RegExp> = [
  /\$[1-9][a-z]?\$[^\s<>"'&]+/g,
  /-----BEGIN [A-Z0-9 ]+-----[^<]*/g,
  /(?<=:\/\/)[^\s/<>"'@]+(?=@)/g,
  // A predicate or an attribute: [t:community='public'], password="x".
  /(?<=(?:pass(?:word|wd|phrase)|secret|key|community|token)\s{0,4}=\s{0,4}(?:["']|&quot;|&apos;))[^"'<>&]+/gi,
  // CLI text: enable secret 5 ..., password 7 0822455D0A16, snmp-server community public.
  /(?<=\b(?:password|secret|key|community)\s{1,4}(?:\d\s{1,4})?)[^\s<>]+/gi
]

// One alternative per kind of markup, so that the text between two matches is text.
const markup = /<!\[CDATA\[|<!--[^]*?-->|<\?[^]*?\?>|<(\/?)([^\s<>/!?]+)[^<>]*?(\/?)>/g

const trimmed = (text: string, start: number, end: number): ReadonlyArray<Region> => {
  const inside = text.slice(start, end)
  if (inside.trim() === "") return []
  return [[start + inside.length - inside.trimStart().length, end - inside.length + inside.trimEnd().length]]
}

/** Text inside elements with a secret's name, however deep. */
const byName = (text: string): ReadonlyArray<Region> => {
  const regions: Array<Region> = []
  let from = 0
  let depth = 0
  for (const match of text.matchAll(markup)) {
    const [tag, closing, name, empty] = match
    if (depth > 0) regions.push(...trimmed(text, from, match.index))
    from = match.index + tag.length
    if (name === undefined || empty === "/") continue
    if (closing === "/") depth = Math.max(0, depth - 1)
    else if (depth > 0 || secretName.test(name.slice(name.indexOf(":") + 1))) depth++
  }
  return depth > 0 ? [...regions, ...trimmed(text, from, text.length)] : regions
}

const byValue = (text: string): ReadonlyArray<Region> =>
  valuePatterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match): Region => [match.index, match.index + match[0].length])
  )

/** Every region of a message that has to be hidden. */
const find = (message: string): ReadonlyArray<Region> => [...byName(message), ...byValue(message)]

/** Overwrites the secrets of one message, which lies in these pieces. */
export const mask = (pieces: ReadonlyArray<Buffer>): void => {
  const regions = find(Buffer.concat(pieces).toString("latin1"))
  let offset = 0
  for (const piece of pieces) {
    for (const [start, end] of regions) {
      const from = Math.max(start - offset, 0)
      const to = Math.min(end - offset, piece.length)
      if (from < to) piece.fill("*", from, to)
    }
    offset += piece.length
  }
}

/** The text with its secrets hidden. */
export const hide = (message: string): string => {
  const bytes = Buffer.from(message)
  mask([bytes])
  return bytes.toString()
}
