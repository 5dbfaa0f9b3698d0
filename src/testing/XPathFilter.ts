/**
 * XPath filtering (RFC 6241 §8.9) for the part of XPath 1.0 that network automation uses: absolute location paths with
 * `/` and `//`, names and `*`, predicates that compare a child or `.` with a literal, positions, `and`, `or`, parentheses
 * in predicates, and unions.
 *
 * Anything else is refused with `operation-not-supported`, never answered wrongly; what is not XPath at all is an
 * invalid value. Prefixes are those in scope on the filter; a name without one is in no namespace, as XPath 1.0 has it.
 */
import * as Element from "../xml/Element.ts"
import type { Model } from "./Model.ts"
import * as Refusal from "./Refusal.ts"
import * as Selection from "./Selection.ts"

interface Name {
  readonly namespace: string | undefined
  readonly name: string
}

type Predicate =
  | { readonly kind: "equals"; readonly child: Name | "."; readonly value: string; readonly not: boolean }
  | { readonly kind: "exists"; readonly child: Name }
  | { readonly kind: "position"; readonly position: number }
  | { readonly kind: "every"; readonly predicates: ReadonlyArray<Predicate> }
  | { readonly kind: "some"; readonly predicates: ReadonlyArray<Predicate> }

interface Step {
  readonly descendant: boolean
  readonly test: Name
  readonly predicates: ReadonlyArray<Predicate>
}

const token =
  /\s*(?:(\/\/|\/|\||\[|\]|!=|=|\*|\.\.|\.|@|\(|\)|::|,|[<>]=?|[+-])|("[^"]*"|'[^']*')|(\d+(?:\.\d+)?)|([\p{L}_][\p{L}\p{N}._-]*(?::(?!:)(?:[\p{L}_][\p{L}\p{N}._-]*|\*))?))/uy

const tokenize = (expression: string): Array<string> => {
  const tokens: Array<string> = []
  token.lastIndex = 0
  const source = expression.trimEnd()
  while (token.lastIndex < source.length) {
    const at = token.lastIndex
    const match = token.exec(source)
    if (match === null) throw invalid(`not XPath at character ${at + 1}`)
    tokens.push(match[1] ?? match[2] ?? match[3] ?? match[4]!)
  }
  return tokens
}

const invalid = (why: string) => new Refusal.Refused(Refusal.invalidParameter(`filter select: ${why}`))
const unsupported = (what: string) =>
  new Refusal.Refused(Refusal.notSupported(`filter select: ${what} is not supported by this device`))

/** Reads the tokens of one expression; a class because a parser is a position that moves. */
class Parser {
  readonly #tokens: Array<string>
  readonly #scope: Element.Scope
  #at = 0

  constructor(tokens: Array<string>, scope: Element.Scope) {
    this.#tokens = tokens
    this.#scope = scope
  }

  paths(): ReadonlyArray<ReadonlyArray<Step>> {
    const paths = [this.#path()]
    while (this.#take("|")) paths.push(this.#path())
    if (this.#peek() !== undefined) throw unsupported(this.#peek()!)
    return paths
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]
  }
  #take(expected: string): boolean {
    if (this.#peek() !== expected) return false
    this.#at++
    return true
  }
  #expect(expected: string): void {
    if (this.#take(expected)) return
    if (this.#peek() === undefined) throw invalid(`ends where ${expected} should be`)
    throw unsupported(this.#peek()!)
  }

  #path(): ReadonlyArray<Step> {
    const steps: Array<Step> = []
    if (this.#peek() === undefined) throw invalid("is empty")
    if (this.#peek() !== "/" && this.#peek() !== "//") throw unsupported("a relative path")
    while (this.#peek() === "/" || this.#peek() === "//") {
      const descendant = this.#tokens[this.#at++] === "//"
      if (steps.length === 0 && !descendant && (this.#peek() === undefined || this.#peek() === "|")) return []
      steps.push({ descendant, test: this.#name(), predicates: this.#predicates() })
    }
    return steps
  }

  #name(): Name {
    const name = this.#tokens[this.#at++]
    if (name === undefined) throw invalid("ends where a name should be")
    if (name === "*") return { namespace: undefined, name: "*" }
    if (!/^[\p{L}_]/u.test(name)) throw unsupported(name)
    if (this.#peek() === "(" || this.#peek() === "::") throw unsupported(`${name}${this.#peek()}`)
    const colon = name.indexOf(":")
    if (colon < 0) return { namespace: "", name }
    const namespace = this.#scope[name.slice(0, colon)]
    if (namespace === undefined) throw invalid(`the prefix ${name.slice(0, colon)} is not declared`)
    return { namespace, name: name.slice(colon + 1) }
  }

  #predicates(): ReadonlyArray<Predicate> {
    const predicates: Array<Predicate> = []
    while (this.#take("[")) {
      const predicate = this.#some()
      // Conditions joined by `and` count positions anew, each among what the one before has left.
      if (predicate.kind === "every") predicates.push(...predicate.predicates)
      else predicates.push(predicate)
      this.#expect("]")
    }
    return predicates
  }

  #some(): Predicate {
    const predicates = [this.#every()]
    while (this.#take("or")) predicates.push(this.#every())
    return predicates.length === 1 ? predicates[0]! : { kind: "some", predicates }
  }

  #every(): Predicate {
    const predicates = [this.#parenthesized()]
    while (this.#take("and")) predicates.push(this.#parenthesized())
    return predicates.length === 1 ? predicates[0]! : { kind: "every", predicates }
  }

  #parenthesized(): Predicate {
    if (!this.#take("(")) return this.#predicate()
    const predicate = this.#some()
    this.#expect(")")
    return predicate
  }

  #predicate(): Predicate {
    if (/^\d+$/.test(this.#peek() ?? "")) return { kind: "position", position: Number(this.#tokens[this.#at++]) }
    const child = this.#take(".") ? "." : this.#name()
    const not = this.#take("!=")
    if (!not && !this.#take("=")) {
      if (child === ".") throw unsupported(". alone")
      return { kind: "exists", child }
    }
    const literal = this.#tokens[this.#at++] ?? ""
    if (!/^["'\d]/.test(literal)) throw literal === "" ? invalid("ends in a predicate") : unsupported(literal)
    return { kind: "equals", child, not, value: /^["']/.test(literal) ? literal.slice(1, -1) : literal }
  }
}

const named = (element: Element.Element, { name, namespace }: Name): boolean =>
  (name === "*" || element.name === name) && (namespace === undefined || element.namespace === namespace)

const holds = (predicate: Predicate, element: Element.Element, position: number): boolean => {
  if (predicate.kind === "position") return position === predicate.position
  if (predicate.kind === "every" || predicate.kind === "some") {
    return predicate.predicates[predicate.kind]((one) => holds(one, element, position))
  }
  const { child } = predicate
  const candidates = child === "." ? [element] : Element.elements(element).filter((item) => named(item, child))
  if (predicate.kind === "exists") return candidates.length > 0
  return candidates.some((item) => (Element.text(item) === predicate.value) !== predicate.not)
}

const filterStep = (step: Step, parent: Element.Element): ReadonlyArray<Element.Element> => {
  let matched = Element.elements(parent).filter((element) => named(element, step.test))
  // Each predicate counts positions anew among what the one before has left.
  for (const predicate of step.predicates) {
    matched = matched.filter((element, at) => holds(predicate, element, at + 1))
  }
  return matched
}

const select = (steps: ReadonlyArray<Step>, parent: Element.Element): Selection.Selection | undefined => {
  const [step, ...rest] = steps
  if (step === undefined) return "all"
  const selected = new Map<Element.Element, Selection.Selection>()
  const add = (element: Element.Element, selection: Selection.Selection | undefined) => {
    const both = Selection.union(selected.get(element), selection)
    if (both !== undefined) selected.set(element, both)
  }
  for (const element of filterStep(step, parent)) add(element, select(rest, element))
  if (step.descendant) for (const element of Element.elements(parent)) add(element, select(steps, element))
  return selected.size === 0 ? undefined : selected
}

/** The part of `data` that the expression selects; throws `Refused`. `scope` holds the prefixes in scope on the filter. */
export const apply = (
  model: Model,
  data: Element.Element,
  expression: string,
  scope: Element.Scope
): Element.Element => {
  const paths = new Parser(tokenize(expression), scope).paths()
  let selection: Selection.Selection | undefined
  for (const steps of paths) selection = Selection.union(selection, select(steps, data))
  return Selection.extract(model, data, selection)
}
