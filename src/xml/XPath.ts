/**
 * XPath 1.0 expressions as values. XPath has no escape inside a string literal (XPath 1.0 §3.7), so the `xpath` tag
 * quotes every value, with concat() where it holds both kinds of quote. The expression itself is not checked.
 */
import { InputError } from "../errors.ts"
import { isMarked, made } from "./Names.ts"

/**
 * An XPath 1.0 expression; its prefixes mean what the element that carries it binds. Only the `xpath` tag makes one: an
 * object that looks the same, such as one from JSON, is refused.
 */
export interface XPath {
  readonly _tag: "XPath"
  readonly expression: string
}

/** What may stand in an `xpath` template. */
export type XPathValue = string | number | bigint | boolean | XPath

/**
 * An expression written as a template, each value quoted: a string becomes a literal, a number or boolean its XPath
 * form, an XPath stands as it is. Write no quotes around a value.
 *
 * Throws InputError for a value inside a literal, and for a value of another kind.
 *
 * @example
 * ```ts
 * xpath`/if:interfaces/if:interface[if:name=${name}]`
 * ```
 */
export const xpath = (strings: TemplateStringsArray, ...values: ReadonlyArray<XPathValue>): XPath => {
  let expression = cooked(strings, 0)
  let quote = openQuote(expression)
  values.forEach((value, index) => {
    if (quote !== "") refuse(index, "stands inside quotes; write it without them, the tag quotes it")
    const piece = cooked(strings, index + 1)
    quote = openQuote(piece)
    expression += toExpression(value, index) + piece
  })
  if (quote !== "") refuse(undefined, "a quote is not closed")
  return new Expression(expression)
}

class Expression implements XPath {
  readonly _tag = "XPath"
  readonly expression: string

  constructor(expression: string) {
    this.expression = expression
  }

  get [made](): true {
    return true
  }
}

/** An XPath 1.0 string literal, or a concat() of literals. */
export const literal = (text: string): string => {
  if (!text.includes("'")) return `'${text}'`
  if (!text.includes('"')) return `"${text}"`
  const parts = text.split("'").map((part) => `'${part}'`)
  return `concat(${parts.join(`,"'",`)})`
}

/** Whether a value is an XPath made by the tag. */
export const isXPath = (value: unknown): value is XPath =>
  isMarked(value) && (value as { readonly _tag?: unknown })._tag === "XPath"

/** The text of an expression. Throws InputError for an object that the `xpath` tag did not make. */
export const expressionOf = (value: string | XPath): string => {
  if (typeof value === "string") return value
  if (isXPath(value)) return value.expression
  throw new InputError({ what: "xpath", why: "expected text or what the xpath tag made" })
}

const cooked = (strings: TemplateStringsArray, index: number): string =>
  strings[index] ?? refuse(index, "the template has an invalid escape sequence")

/** The quote that a piece of an expression leaves open. */
const openQuote = (piece: string): string => {
  let open = ""
  for (const character of piece) {
    if (open === "" && (character === "'" || character === '"')) open = character
    else if (character === open) open = ""
  }
  return open
}

const refuse = (index: number | undefined, why: string): never => {
  throw new InputError({ what: "xpath template", why, ...(index === undefined ? {} : { where: `value ${index + 1}` }) })
}

const toExpression = (value: unknown, index: number): string => {
  switch (typeof value) {
    case "string":
      return literal(value)
    case "number":
      return printNumber(value)
    case "bigint":
      return String(value)
    case "boolean":
      return value ? "true()" : "false()"
    default:
      return isXPath(value) ? value.expression : refuse(index, "is not a string, number, boolean or XPath")
  }
}

/** XPath 1.0 knows no exponents, no NaN and no Infinity as literals. */
const printNumber = (value: number): string => {
  if (Number.isNaN(value)) return "number('NaN')"
  if (!Number.isFinite(value)) return value > 0 ? "(1 div 0)" : "(-1 div 0)"
  const [digits = "", exponent] = String(value).split("e")
  return exponent === undefined ? digits : shift(digits, Number(exponent))
}

/** `1.5` and -7 as `0.00000015`. */
const shift = (digits: string, exponent: number): string => {
  const sign = digits.startsWith("-") ? "-" : ""
  const [whole = "", fraction = ""] = digits.replace("-", "").split(".")
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${whole}${fraction}`
  return sign + whole + fraction.padEnd(exponent, "0")
}
