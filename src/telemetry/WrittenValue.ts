/**
 * Where a value ends: in quotes, in brackets, or at the next white space; the characters of a text, read once and forwards.
 */

/** A part of a text: from here, up to there. */
export type Region = readonly [start: number, end: number]

export const blanks = (text: string, start: number): number => {
  let at = start
  while (text[at] === " " || text[at] === "\t") at++
  return at
}

export const wordEnd = (text: string, start: number): number => {
  const space = /\s|$/g
  space.lastIndex = start
  return space.exec(text)!.index
}

export const lineEnd = (text: string, start: number): number => {
  const end = /[\r\n]|$/g
  end.lastIndex = start
  return end.exec(text)!.index
}

/** The value that begins here: what is quoted, what is in brackets, or up to the next white space. */
export const value = (text: string, start: number): Region => {
  const escaped = text[start] === "\\"
  const at = escaped ? start + 1 : start
  const quote = text[at]
  if (quote === '"' || quote === "'" || quote === "`") return quoted(text, at, escaped)
  if (text.startsWith("&quot;", at) || text.startsWith("&apos;", at)) {
    const finish = text.indexOf(text.slice(at, at + 6), at + 6)
    return [at + 6, finish === -1 ? text.length : finish]
  }
  return quote === "{" || quote === "[" ? [start, closing(text, at)] : [start, wordEnd(text, start)]
}

/** `"a\" b"`; in JSON within JSON `\"a\"`, which ends at what the other one skips. */
const quoted = (text: string, at: number, escaped: boolean): Region => {
  const quote = text[at]
  let finish = at + 1
  while (finish < text.length && text[finish] !== quote) finish += text[finish] === "\\" && !escaped ? 2 : 1
  // A quote inside a word was an apostrophe of the value: the last one of the line ends it.
  if (/\w/.test(text[finish + 1] ?? "")) {
    return [at + 1, Math.max(wordEnd(text, finish), text.lastIndexOf(quote!, lineEnd(text, finish)))]
  }
  return [at + 1, Math.min(finish, text.length)]
}

/** The end of an object or a list as JSON writes it; of one that is not closed all the rest is part. */
const closing = (text: string, start: number): number => {
  let depth = 0
  let inQuotes = false
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (character === "\\") at++
    else if (character === '"') inQuotes = !inQuotes
    else if (inQuotes) continue
    else if (character === "{" || character === "[") depth++
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1
  }
  return text.length
}
