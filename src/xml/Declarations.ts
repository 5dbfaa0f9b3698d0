/**
 * What Print needs to know about prefixes: what the text so far binds, and which prefixes a part of a tree uses, in its
 * names and (QName content: identityrefs, XPaths) in its text. Choosing what to declare is Print's.
 */
import type { Element } from "./Element.ts"
import { XmlError } from "./XmlError.ts"

/** What the text printed so far binds: set on the way into an element, taken back on the way out. */
export class Bindings {
  private readonly current = new Map<string, string | undefined>()
  private readonly shadowed: Array<readonly [prefix: string, namespace: string | undefined]> = []

  /** For {@link restore}. */
  get mark(): number {
    return this.shadowed.length
  }

  get(prefix: string): string | undefined {
    return this.current.get(prefix)
  }

  set(prefix: string, namespace: string): void {
    this.shadowed.push([prefix, this.current.get(prefix)])
    this.current.set(prefix, namespace)
  }

  restore(mark: number): void {
    while (this.shadowed.length > mark) {
      const [prefix, namespace] = this.shadowed.pop()!
      this.current.set(prefix, namespace)
    }
  }

  /** A prefix, not the default, that stands for the namespace. */
  prefixOf(namespace: string): string | undefined {
    for (const [prefix, bound] of this.current) if (prefix !== "" && bound === namespace) return prefix
    return undefined
  }
}

export const tooLong = (limit: number): XmlError => new XmlError(`longer than the limit of ${limit} characters`)

/**
 * The prefixes of names, and everything that may be one in text and attribute values; `""` always. Throws XmlError when
 * the element holds more characters than `limit`.
 */
export const usedPrefixes = (e: Element, limit: number): ReadonlySet<string> => {
  const used = new Set([""])
  let size = 0
  const grow = (length: number): void => {
    size += length
    if (size > limit) throw tooLong(limit)
  }
  const walk = ({ attributes, children, name, prefix }: Element): void => {
    used.add(prefix)
    grow(name.length + prefix.length + 3)
    for (const a of attributes) {
      used.add(a.prefix)
      grow(a.name.length + a.value.length)
      addPrefixes(a.value, used)
    }
    for (const node of children) {
      if (typeof node !== "string" && node._tag === "Element") walk(node)
      else if (typeof node !== "string" && node._tag === "ProcessingInstruction") grow(node.body.length)
      else {
        const text = typeof node === "string" ? node : node.text
        grow(text.length)
        addPrefixes(text, used)
      }
    }
  }
  walk(e)
  return used
}

/** Backwards from each colon, so that long text without any costs nothing. */
const addPrefixes = (text: string, used: Set<string>): void => {
  for (let colon = text.indexOf(":"); colon !== -1; colon = text.indexOf(":", colon + 1)) {
    let start = colon
    while (start > 0 && isNameCode(text.charCodeAt(start - 1))) start--
    if (start < colon) used.add(text.slice(start, colon))
  }
}

/** Letters, digits, `-`, `.`, `_` and all beyond ASCII. */
const isNameCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  code === 0x2d ||
  code === 0x2e ||
  code === 0x5f ||
  code >= 0x80
