/**
 * Bytes to text: a NETCONF message is UTF-8 (RFC 6241 §3), whatever its XML declaration says. Says where it is not, and
 * which bytes at an end are only half a character.
 */
import { isUtf8 } from "node:buffer"
import { positionOf } from "./Prolog.ts"
import { XmlError } from "./XmlError.ts"

/** Bytes as text, refused when too long or not UTF-8. A string is refused for a lone surrogate, which no UTF-8 carries. */
export const toText = (input: string | Uint8Array, limit: number, invalidUtf8: "refuse" | "replace"): string => {
  if (typeof input === "string") {
    if (input.length * 3 > limit && Buffer.byteLength(input) > limit) throw tooLong(limit)
    if (input.isWellFormed()) return input
    if (invalidUtf8 === "replace") return input.toWellFormed()
    const { column, line } = positionOf(input, input.search(/\p{Surrogate}/u))
    throw new XmlError("a lone surrogate, which UTF-8 cannot carry", line, column)
  }
  if (input.byteLength > limit) throw tooLong(limit)
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  if (invalidUtf8 === "refuse" && !isUtf8(bytes)) throw notUtf8(bytes)
  try {
    return bytes.toString("utf8")
  } catch {
    throw new XmlError(`${bytes.length} bytes are more than this JavaScript engine can hold as one text`)
  }
}

const tooLong = (limit: number): XmlError => new XmlError(`longer than the limit of ${limit} bytes`)

/** saxes misreads a lone surrogate and swallows what follows it: both must be gone before it reads. */
const notUtf8 = (bytes: Buffer): XmlError => {
  let valid = 0
  for (let step = 2 ** Math.ceil(Math.log2(bytes.length + 1)); step >= 1; step /= 2) {
    if (valid + step <= bytes.length && isUtf8(bytes.subarray(0, completeLength(bytes, valid + step)))) valid += step
  }
  valid = completeLength(bytes, valid)
  const before = bytes.toString("latin1", 0, valid)
  const declared = /^[^<]*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']/.exec(before)?.[1]
  const claim =
    declared === undefined || /^utf-?8$/i.test(declared) ? "" : `, although the declaration says ${declared}`
  const { line, column } = positionOf(before, valid)
  return new XmlError(`not UTF-8 at byte ${valid}${claim}`, line, column)
}

/** How many of the first `end` bytes hold only whole UTF-8 sequences, as far as their lead bytes tell. */
export const completeLength = (bytes: Uint8Array, end: number): number => {
  for (let at = end - 1; at >= 0 && at >= end - 3; at--) {
    const byte = bytes[at]!
    if (byte < 0x80) return end
    if (byte >= 0xc0) return at + (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > end ? at : end
  }
  return end
}
