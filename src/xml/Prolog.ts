/**
 * What may stand before the root element (XML 1.0 §2.8), read leniently: devices send white space, NUL, BEL and byte
 * order marks there, and an XML declaration after a comment. Its version and encoding are not used: a message is XML 1.0
 * in UTF-8 (RFC 6241 §3). A DOCTYPE is refused here (safety: RFC 6241 §3), text is not XML at all.
 */
import { XmlError } from "./XmlError.ts"

/** What stands around messages and means nothing. */
export const isJunk = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === 0x00 || code === 0x07 || code === 0xfeff

/** The line and column (both from 1) of an index into a text. */
export const positionOf = (text: string, index: number): { readonly line: number; readonly column: number } => {
  let line = 1
  let last = -1
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) {
    line++
    last = at
  }
  return { line, column: index - last }
}

const failAt = (detail: string, text: string, index: number): never => {
  const { line, column } = positionOf(text, index)
  throw new XmlError(detail, line, column)
}

/**
 * The index of the root's `<`, or -1 when the text ends before it.
 *
 * Throws XmlError for a DOCTYPE and for anything that is neither a comment, a processing instruction nor junk.
 */
export const rootStart = (text: string): number => {
  let at = 0
  while (true) {
    while (at < text.length && isJunk(text.charCodeAt(at))) at++
    if (at + 1 >= text.length && (at === text.length || text[at] === "<")) return -1
    if (text[at] !== "<") failAt("text before the root element", text, at)
    const next = text[at + 1]
    if (next !== "!" && next !== "?") return at
    const after = next === "?" ? past(text, at + 2, "?>") : comment(text, at)
    if (after === -1) return -1
    at = after
  }
}

const past = (text: string, from: number, mark: string): number => {
  const at = text.indexOf(mark, from)
  return at === -1 ? -1 : at + mark.length
}

const comment = (text: string, at: number): number => {
  if (text.startsWith("<!--", at)) return past(text, at + 4, "-->")
  if ("<!--".startsWith(text.slice(at))) return -1
  return failAt(
    text.startsWith("<!D", at) ? "a DOCTYPE is refused" : "only comments may start with <! before the root element",
    text,
    at
  )
}

/** The index behind the last character that is not white space, NUL or BEL. */
export const contentEnd = (text: string): number => {
  let end = text.length
  while (end > 0 && isJunk(text.charCodeAt(end - 1))) end--
  return end
}
