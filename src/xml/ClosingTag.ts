/**
 * The closing tag at the end of a message, read from its last bytes: the cheap sign that a message is whole. Whether it
 * closes the root, and what stands before it, is known only to a parser.
 */

/** Bytes that a closing tag may have to be looked for. */
const longest = 256

/**
 * The name in the closing tag with which the bytes end, as written; undefined when they end with something else. White
 * space, NUL and BEL behind it are skipped.
 */
export const nameAtEnd = (bytes: Buffer): string | undefined => {
  let end = bytes.length
  while (end > 0 && bytes[end - 1]! <= 0x20) end--
  if (bytes[--end] !== 0x3e) return undefined
  let start = end - 1
  const least = Math.max(0, end - longest)
  while (start > least && bytes[start] !== 0x3c && bytes[start] !== 0x3e) start--
  if (bytes[start] !== 0x3c || bytes[start + 1] !== 0x2f) return undefined
  while (bytes[end - 1]! <= 0x20) end--
  return bytes.toString("latin1", start + 2, end)
}
