/**
 * Hides secrets in what the library says: by the names that models keep them under, and by what they look like. Works on
 * element trees, on paths and on any text of a peer; a place that held a secret says so, and not how long it was.
 *
 * Pure, and shared by errors, logs, diffs and audits. What the caller is given as data is never touched. It imports
 * nothing of the library but its errors, so trees are known here by their shape alone.
 */
import { InputError } from "../errors.ts"
import { KnownSecrets, short } from "./KnownSecrets.ts"
import * as SecretCommands from "./SecretCommands.ts"
import { beginsLogin } from "./SecretLines.ts"
import {
  describesSecret,
  isBgpCommunity,
  isRouting,
  isSecretWithin,
  isSnmp,
  type Kind,
  SecretNames
} from "./SecretNames.ts"
import * as SecretText from "./SecretText.ts"
import * as SecretValues from "./SecretValues.ts"
import type { Region } from "./WrittenValue.ts"

/** What stands in the place of a secret. */
export const placeholder = "[redacted]"

/** What is hidden besides the usual. */
export interface RedactionOptions {
  /** Local names of elements: whatever is inside is hidden. Compared without case, `-` and `_`. */
  readonly names?: ReadonlyArray<string>
  /** Whatever matches is hidden, or its first group where there is one. Make them linear: a peer's text may be long. */
  readonly values?: ReadonlyArray<RegExp>
}

interface TreeAttribute {
  readonly name: string
  readonly namespace: string
  readonly value: string
}

interface TreeElement {
  readonly _tag: "Element"
  readonly name: string
  readonly attributes: ReadonlyArray<TreeAttribute>
  readonly children: ReadonlyArray<TreeNode>
}

type TreeNode =
  | string
  | TreeElement
  | { readonly _tag: "CData" | "Comment"; readonly text: string }
  | { readonly _tag: "ProcessingInstruction"; readonly target: string; readonly body: string }

/** Secrets of one request that are looked for in its answer; with more, the answer's texts are hidden whole. */
const most = 500

/** Where an element stands. */
interface Place {
  readonly name: string
  readonly secret: boolean
  readonly about: "snmp" | "routing" | undefined
  /** Among commands, behind one that begins a block about logging in. */
  readonly login: boolean
}

const outside: Place = { name: "", secret: false, about: undefined, login: false }
const noSecrets = new KnownSecrets([])

export class Redaction {
  readonly #names: SecretNames
  readonly #values: ReadonlyArray<RegExp>
  /** Secrets that are known word by word; `all` when they are too many. */
  readonly #known: KnownSecrets | "all"

  constructor(names: SecretNames, values: ReadonlyArray<RegExp>, known: KnownSecrets | "all" = noSecrets) {
    this.#names = names
    this.#values = values
    this.#known = known
  }

  /** A message, a path or a block of CLI text with its secrets hidden. */
  text(text: string): string {
    if (this.#known === "all") return text.trim() === "" ? text : placeholder
    return hide(text, this.#find(text))
  }

  /** An element tree with its secrets hidden; for showing it, not for sending it. */
  element<E extends TreeElement>(element: E): E {
    return this.#element(element, outside, () => {}) as E
  }

  /** The secrets of a tree, word by word. */
  secrets(element: TreeElement): ReadonlySet<string> {
    const found = new Set<string>()
    this.#element(element, outside, (secret) => addForms(secret.trim(), found))
    found.delete("")
    return found
  }

  /** Hides these secrets too, wherever they occur. */
  hiding(secrets: ReadonlySet<string>): Redaction {
    if (secrets.size === 0 || this.#known === "all") return this
    const known = secrets.size > most ? "all" : new KnownSecrets([...this.#known.all, ...secrets])
    return new Redaction(this.#names, this.#values, known)
  }

  /** Whether a known secret of four characters or more stands somewhere in a text, be it a part of a name. */
  betrays(text: string): boolean {
    return this.#known === "all" || this.#known.find(text).some(([start, end]) => end - start >= short)
  }

  #find(text: string, withinLogin = false): ReadonlyArray<Region> {
    return [
      ...SecretText.find(text, this.#names, withinLogin),
      ...SecretCommands.find(text),
      ...SecretValues.find(text, this.#values),
      ...(this.#known === "all" ? [] : this.#known.find(text))
    ]
  }

  #element(element: TreeElement, outer: Place, tell: Tell): TreeElement {
    const place = this.#place(element, outer)
    const attributes = element.attributes.map((attribute) => this.#attribute(attribute, place, tell))
    return { ...element, attributes, children: this.#children(element.children, place, tell) }
  }

  #place({ children, name }: TreeElement, outer: Place): Place {
    const about = isSnmp(name) ? "snmp" : (outer.about ?? (isRouting(name) ? "routing" : undefined))
    const secret = outer.secret
      ? !describesSecret(name)
      : this.#isSecret(this.#names.kindOf(name), about, children) || isSecretWithin(name, outer.name)
    return { name, secret, about, login: outer.login }
  }

  #isSecret(kind: Kind | undefined, about: Place["about"], children: ReadonlyArray<TreeNode>): boolean {
    switch (kind) {
      case undefined:
        return false
      case "tree":
      case "field":
        return true
      case "leaf":
        return !children.some(isElement)
      case "community":
        return about === "snmp" || (about === undefined && !isBgpCommunity(children.map(textOf).join("")))
    }
  }

  /** One with a namespace (operation, insert, key) says what is to be done, and is read as text. */
  #attribute(attribute: TreeAttribute, { about, secret }: Place, tell: Tell): TreeAttribute {
    const { name, namespace, value } = attribute
    const isSecret = secret ? name !== "operation" : this.#isSecret(this.#names.kindOf(name), about, [])
    return { ...attribute, value: this.#value(value, isSecret && namespace === "", false, tell) }
  }

  #children(nodes: ReadonlyArray<TreeNode>, place: Place, tell: Tell): ReadonlyArray<TreeNode> {
    if (nodes.length > 1 && !nodes.some(isElement)) {
      // Of a leaf the text is read as one: a comment or a CDATA section must not cut a secret in two.
      const whole = nodes.map(textOf).join("")
      const shown = this.#value(whole, place.secret, place.login, tell)
      if (shown !== whole) return [shown]
    }
    let inside = place
    return nodes.map((node) => {
      const shown = this.#node(node, inside, tell)
      if (!inside.login && isElement(node) && node.name === "cmd" && beginsLogin(node.children.map(textOf).join(""))) {
        inside = { ...inside, login: true }
      }
      return shown
    })
  }

  #node(node: TreeNode, place: Place, tell: Tell): TreeNode {
    if (typeof node === "string") return this.#value(node, place.secret, place.login, tell)
    switch (node._tag) {
      case "Element":
        return this.#element(node, place, tell)
      case "ProcessingInstruction":
        return { ...node, body: this.#value(node.body, place.secret, false, tell) }
      default:
        return { ...node, text: this.#value(node.text, place.secret, false, tell) }
    }
  }

  #value(text: string, secret: boolean, withinLogin: boolean, tell: Tell): string {
    if (text.trim() === "") return text
    const regions = secret || this.#known === "all" ? [[0, text.length] as const] : this.#find(text, withinLogin)
    for (const [start, end] of regions) tell(text.slice(start, end))
    return hide(text, regions)
  }
}

/** Is told of each secret. */
type Tell = (secret: string) => void

const isElement = (node: TreeNode): node is TreeElement => typeof node !== "string" && node._tag === "Element"

const textOf = (node: TreeNode): string => (typeof node === "string" ? node : node._tag === "CData" ? node.text : "")

const hide = (text: string, regions: ReadonlyArray<Region>): string => {
  if (regions.length === 0) return text
  let shown = ""
  let at = -1
  for (const [start, end] of regions.toSorted(([a], [b]) => a - b)) {
    if (start > at) shown += text.slice(Math.max(at, 0), start) + placeholder
    at = Math.max(at, end)
  }
  return shown + text.slice(at)
}

/** A secret as it is, and as a peer may write it: in a URL, in XML, in JSON; of `user:password` the password alone. */
const addForms = (secret: string, found: Set<string>): void => {
  const password = /^[^\s:@/]+:(\S+)$/.exec(secret)?.[1]
  for (const plain of password === undefined ? [secret] : [secret, password]) {
    found.add(plain)
    found.add(plain.replace(/^(["'])(.*)\1$/s, "$2"))
    found.add(encodeURIComponent(plain.toWellFormed()))
    found.add(JSON.stringify(plain).slice(1, -1))
    found.add(plain.replace(/[&<>"']/g, (character) => references[character]!))
  }
}

const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;"
}

/**
 * Makes a redaction: the usual names and values, and the caller's own. Throws an `InputError` for what is neither.
 *
 * @example
 * Redaction.make({ names: ["licence"], values: [/\bACME-[0-9A-F]{16}\b/] }).text("tacacs-server key hunter2")
 * // => "tacacs-server key [redacted]"
 */
export const make = (options?: RedactionOptions): Redaction => {
  if (options === undefined) return standard
  const { names = [], values = [] } = options
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === ""))
    throw new InputError({ what: "redaction.names", why: "expected the local names of elements" })
  if (!Array.isArray(values) || values.some((value) => !(value instanceof RegExp)))
    throw new InputError({ what: "redaction.values", why: "expected regular expressions" })
  return new Redaction(new SecretNames(names), values.map(SecretValues.pattern))
}

/** The usual names and values; one for all sessions that ask for no more. */
export const standard = new Redaction(new SecretNames(), [])
