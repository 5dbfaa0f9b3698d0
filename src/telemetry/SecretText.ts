/**
 * Where the secrets are in text that names them: messages, CLI, paths with their predicates, JSON and pieces of XML.
 *
 * One walk from name to name; what follows a name decides where its value is. It errs on the side of hiding, and leaves
 * what prose says about a password (`password is too short`) readable. Each character is looked at a bounded number of times.
 */
import { forms, isProse, joints } from "./SecretWords.ts"
import { isRouting, isSnmp, type Kind, type SecretNames } from "./SecretNames.ts"
import type { Region } from "./SecretValues.ts"

/** Every value that stands behind a name of a secret. */
export const find = (text: string, names: SecretNames): ReadonlyArray<Region> => {
  if (!names.mayStandIn(text)) return []
  const regions: Array<Region> = []
  const identifier = /[A-Za-z_][\w-]*/g
  const line = new Line(text)
  for (let match = identifier.exec(text); match !== null; match = identifier.exec(text)) {
    const kind = names.kindOf(match[0])
    if (kind === undefined) continue
    const end = identifier.lastIndex
    const { next = end, found } = valuesOf(text, { name: match[0], start: match.index, end, kind }, line)
    for (const region of found) if (region[1] > region[0]) regions.push(region)
    // Nothing is read twice, or hostile text would cost its square.
    identifier.lastIndex = Math.max(end, next, found.at(-1)?.[1] ?? 0)
  }
  return regions
}

/** The values behind one name, and where the search goes on, unless that is behind the name or its last value. */
interface Values {
  readonly found: ReadonlyArray<Region>
  readonly next?: number
}

const none: Values = { found: [] }

/** A name in the text. */
interface Named {
  readonly name: string
  readonly start: number
  readonly end: number
  readonly kind: Kind
}

/** What the line around a name is about; each line is read once. */
class Line {
  readonly #text: string
  #start = 0
  #end = -1
  #snmp = false
  #routing = false
  #login = false

  constructor(text: string) {
    this.#text = text
  }

  #at(index: number): this {
    if (index < this.#end) return this
    this.#start = Math.max(this.#text.lastIndexOf("\n", index) + 1, this.#end)
    const end = this.#text.indexOf("\n", index)
    this.#end = end === -1 ? this.#text.length : end
    const line = this.#text.slice(this.#start, this.#end)
    this.#snmp = isSnmp(line)
    this.#routing = isRouting(line)
    this.#login = /tacacs|radius|isakmp|ldap|\bntp\b|keyring|\bwpa|\bike|server-private/i.test(line)
    return this
  }

  /** Whether a community here is BGP's. */
  isRouting(index: number): boolean {
    this.#at(index)
    return this.#routing && !this.#snmp
  }

  /** Whether a bare `key` here is a secret. */
  isLogin(index: number): boolean {
    return this.#at(index).#login
  }
}

const valuesOf = (text: string, named: Named, line: Line): Values => {
  if (named.kind === "community" && line.isRouting(named.start)) return none
  const next = text[named.end]
  const tag = tagAt(text, named.start)
  if (tag === "closing") return none
  if (tag !== undefined) return one(content(text, named, tag))
  if (text.startsWith("&gt;", named.end)) return one(escapedContent(text, named))
  if (next === "[" || next === "/") return inPath(text, named.end)
  const assigned = assignment(text, named)
  if (assigned !== undefined) return isProse(text, assigned) ? none : one(value(text, assigned))
  if (next !== " " && next !== "\t") return none
  return one(spoken(text, named, named.kind !== "leaf" || line.isLogin(named.start)))
}

const one = (region: Region | undefined): Values => (region === undefined ? none : { found: [region] })

/** The prefix of the tag that a name stands in, `closing` for an end tag, undefined where it is no tag. */
const tagAt = (text: string, start: number): string | undefined => {
  let at = start
  const least = Math.max(0, start - 65)
  while (at > least && /[\w.:-]/.test(text[at - 1]!)) at--
  if (text[at - 1] === "<") return text.slice(at, start)
  return text[at - 1] === "/" && (text[at - 2] === "<" || text.startsWith("&lt;", at - 5)) ? "closing" : undefined
}

/** Characters of a start tag behind its name; of a longer one all is hidden. */
const longestTag = 4096

/** What stands between start tag and end tag, elements included; to the end when there is no end tag. */
const content = (text: string, { end, name }: Named, prefix: string): Region | undefined => {
  const length = text.slice(end, end + longestTag).indexOf(">")
  if (length === -1) return [end, text.length]
  const close = end + length
  if (text[close - 1] === "/") return undefined
  const next = text.indexOf("<", close)
  if (next === -1) return [close + 1, text.length]
  if (text[next + 1] === "/") return [close + 1, next]
  const finish = text.indexOf(`</${prefix}${name}`, next)
  return [close + 1, finish === -1 ? text.length : finish]
}

const escapedContent = (text: string, { end }: Named): Region => {
  const finish = text.slice(end).search(/&lt;\/|<\//)
  return [end + 4, finish === -1 ? text.length : end + finish]
}

/** The values of all predicates from here to the end of the path: `[name='public']`, `=public`. */
const inPath = (text: string, start: number): Values => {
  const found: Array<Region> = []
  // The last name of a path may stand before a value: `username/password hunter2`.
  let next = start
  for (let at = start; at < text.length && !/\s/.test(text[at]!); at++) {
    if (text[at] === "/") next = at
    if (text[at] === "=") return { found: [...found, [at + 1, wordEnd(text, at + 1)]] }
    if (text[at] !== "[") continue
    const close = closing(text, at + 1)
    found.push(inPredicate(text, at + 1, close))
    at = close
  }
  return { found, next }
}

/** `name='public'` without its quotes, so that it reads as a path all the same; `public`. */
const inPredicate = (text: string, start: number, end: number): Region => {
  const equals = text.slice(start, end).indexOf("=")
  const at = equals === -1 ? start : blanks(text, start + equals + 1)
  const isQuoted = (text[at] === "'" || text[at] === '"') && text[end - 1] === text[at] && end - at > 2
  return isQuoted ? [at + 1, end - 1] : [at, end]
}

/** The end of a predicate; a bracket inside quotes is part of the value. */
const closing = (text: string, start: number): number => {
  let quote = ""
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (quote !== "") quote = character === quote ? "" : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === "]") return at
  }
  return text.length
}

const blanks = (text: string, start: number): number => {
  let at = start
  while (text[at] === " " || text[at] === "\t") at++
  return at
}

/** Where the value of `name = value`, `"name": value` or `f(name, 'value')` begins. */
const assignment = (text: string, { end, kind, start }: Named): number | undefined => {
  let at = end
  if (text[at] === "\\") at++
  const quoted = text[at] === '"' || text[at] === "'"
  if (quoted) at++
  at = blanks(text, at)
  const mark = text[at]
  if (mark === ",") {
    const argument = blanks(text, at + 1)
    return text[argument] === '"' || text[argument] === "'" ? argument : undefined
  }
  // `missing key: name` speaks of a list.
  if (mark !== "=" && (mark !== ":" || (kind === "leaf" && !quoted))) return undefined
  at++
  while (text[at] === "=" || text[at] === ">") at++
  // `asks "Password:"`: the quote closes what it stands in.
  const isClosed = !quoted && text[at] === text[start - 1] && /["'`]/.test(text[at] ?? "")
  return isClosed ? undefined : blanks(text, at)
}

const wordEnd = (text: string, start: number): number => {
  const space = /\s|$/g
  space.lastIndex = start
  return space.exec(text)!.index
}

const lineEnd = (text: string, start: number): number => {
  const end = /[\r\n]|$/g
  end.lastIndex = start
  return end.exec(text)!.index
}

/** The value that begins here: what is quoted, what is in braces, or up to the next white space. */
const value = (text: string, start: number): Region | undefined => {
  const escaped = text[start] === "\\"
  const at = escaped ? start + 1 : start
  const quote = text[at]
  if (quote === '"' || quote === "'" || quote === "`") return quotedValue(text, at, escaped)
  if (text.startsWith("&quot;", at) || text.startsWith("&apos;", at)) {
    const finish = text.indexOf(text.slice(at, at + 6), at + 6)
    return [at + 6, finish === -1 ? text.length : finish]
  }
  if (quote === "{") {
    const finish = text.indexOf("}", at)
    return [at + 1, finish === -1 ? text.length : finish]
  }
  return [start, wordEnd(text, start)]
}

/** `"a\" b"`; in JSON within JSON `\"a\"`, which ends at what the other one skips. */
const quotedValue = (text: string, at: number, escaped: boolean): Region => {
  const quote = text[at]
  let finish = at + 1
  while (finish < text.length && text[finish] !== quote) finish += text[finish] === "\\" && !escaped ? 2 : 1
  // A quote inside a word was an apostrophe of the value: the last one of the line ends it.
  if (/\w/.test(text[finish + 1] ?? "")) {
    return [at + 1, Math.max(wordEnd(text, finish), text.lastIndexOf(quote!, lineEnd(text, finish)))]
  }
  return [at + 1, Math.min(finish, text.length)]
}

/** `password 7 0822455D0A16`, `community read cipher x`, `password is x`: the word behind what only announces it. */
const spoken = (text: string, { end, name }: Named, certain: boolean): Region | undefined => {
  const numbered = /key$/i.test(name)
  let announced: Region | undefined
  let typed = false
  let start = blanks(text, end)
  for (let words = 0; words < 8; words++) {
    const stop = wordEnd(text, start)
    if (stop === start) return certain ? announced : undefined
    const word = text.slice(start, Math.min(stop, start + 24)).toLowerCase()
    const isType = /^\d[a-z]?$/.test(word)
    typed ||= isType
    if (!isType && !(numbered && /^\d{1,5}$/.test(word)) && !forms.has(word) && !joints.has(word)) {
      if (!typed && (!certain || isProse(text, start))) return undefined
      if (/^["'`]/.test(word)) return value(text, start)
      // Behind a type, IOS takes the rest of the line; a key-string may hold blanks as well.
      return [start, typed || /key-?string$/i.test(name) ? lineEnd(text, start) : stop]
    }
    // Nothing behind it: then this was the value.
    announced = joints.has(word) ? announced : [start, stop]
    start = blanks(text, stop)
  }
  return [start, lineEnd(text, start)]
}
