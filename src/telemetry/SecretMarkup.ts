/** The secrets of XML that stands in a text, whole or in pieces: what is between the tags of the name of one. */
import type { Region } from "./WrittenValue.ts"

/** The prefix of the tag that a name stands in, `closing` for an end tag, undefined where it is no tag. */
export const tagAt = (text: string, start: number): string | undefined => {
  let at = start
  const least = Math.max(0, start - 65)
  while (at > least && /[\w.:-]/.test(text[at - 1]!)) at--
  if (text[at - 1] === "<") return text.slice(at, start)
  return text[at - 1] === "/" && (text[at - 2] === "<" || text.startsWith("&lt;", at - 5)) ? "closing" : undefined
}

/** Characters of a start tag behind its name; of a longer one all is hidden. */
const longestTag = 4096

/** What stands between start tag and end tag, elements included; to the end when there is no end tag. */
export const content = (text: string, end: number, tag: string): Region | undefined => {
  const length = text.slice(end, end + longestTag).indexOf(">")
  if (length === -1) return [end, text.length]
  const close = end + length
  if (text[close - 1] === "/") return undefined
  const next = text.indexOf("<", close)
  if (next === -1) return [close + 1, text.length]
  if (text[next + 1] === "/") return [close + 1, next]
  const finish = text.indexOf(`</${tag}`, next)
  return [close + 1, finish === -1 ? text.length : finish]
}

/** The same behind `&gt;`. */
export const escapedContent = (text: string, end: number): Region => {
  const finish = text.slice(end).search(/&lt;\/|<\//)
  return [end + 4, finish === -1 ? text.length : end + finish]
}
