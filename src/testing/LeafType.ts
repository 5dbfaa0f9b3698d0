/**
 * The types that a leaf of a simulated device can have: the built-in types of YANG (RFC 7950 §9) that change what a
 * server accepts. Values stay text; a type says whether the text is one and what its canonical form is.
 */

type IntegerName = "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64"

export type LeafType =
  | "string"
  | "boolean"
  | "empty"
  | "identityref"
  | IntegerName
  | { readonly integer: IntegerName; readonly range: readonly [min: number, max: number] }
  | { readonly enumeration: ReadonlyArray<string> }
  /** The whole value must match. */
  | { readonly pattern: RegExp }

const bits: Readonly<Record<IntegerName, readonly [bigint, bigint]>> = {
  int8: [-128n, 127n],
  int16: [-32_768n, 32_767n],
  int32: [-2_147_483_648n, 2_147_483_647n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 255n],
  uint16: [0n, 65_535n],
  uint32: [0n, 4_294_967_295n],
  uint64: [0n, 2n ** 64n - 1n]
}

const integer = (text: string, low: bigint, high: bigint, name: string): string | undefined => {
  const trimmed = text.trim()
  if (!/^[+-]?\d{1,20}$/.test(trimmed)) return `is not ${name === "int8" || name.startsWith("i") ? "an" : "a"} ${name}`
  const value = BigInt(trimmed.replace(/^\+/, ""))
  return value < low || value > high ? `is not within range ${low}..${high}` : undefined
}

/** Why the text is not a value of the type; undefined when it is one. */
export const refuse = (type: LeafType, text: string): string | undefined => {
  if (typeof type === "object") {
    if ("integer" in type) return integer(text, BigInt(type.range[0]), BigInt(type.range[1]), type.integer)
    if ("pattern" in type) return type.pattern.test(text) ? undefined : "does not match the pattern"
    return type.enumeration.includes(text.trim()) ? undefined : `is none of ${type.enumeration.join(", ")}`
  }
  switch (type) {
    case "string":
      return undefined
    case "boolean":
      return /^\s*(true|false)\s*$/.test(text) ? undefined : "is not true or false"
    case "empty":
      return text.trim() === "" ? undefined : "must be empty"
    case "identityref":
      return /^\s*([\p{L}_][\p{L}\p{N}._-]*:)?[\p{L}_][\p{L}\p{N}._-]*\s*$/u.test(text)
        ? undefined
        : "is not an identity"
    default:
      return integer(text, ...bits[type], type)
  }
}

/** The text as a server stores it: white space around anything but a string or a pattern means nothing. */
export const canonical = (type: LeafType, text: string): string =>
  type === "string" || (typeof type === "object" && "pattern" in type) ? text : text.trim()
