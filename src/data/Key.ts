/**
 * What the keys of a schema say about XML: `name` is a child element, `{namespace}name` one of that namespace, `@name`
 * an attribute, `#text` the text beside attributes.
 */
import { InputError } from "../errors.ts"
import { isName } from "../xml/Names.ts"

export interface Key {
  readonly kind: "element" | "attribute" | "text"
  /** Local name. */
  readonly name: string
  /** Undefined where the key leaves it open. */
  readonly namespace: string | undefined
}

/** Throws an `InputError` for what is no name in XML. */
export const parse = (key: PropertyKey): Key => {
  if (key === "#text") return { kind: "text", name: "text()", namespace: undefined }
  const text = String(key)
  const kind = text.startsWith("@") ? "attribute" : "element"
  const [, namespace, name] = /^(?:\{([^{}]*)\})?(.*)$/s.exec(kind === "attribute" ? text.slice(1) : text)!
  if (typeof key !== "string" || !isName(name!)) {
    throw new InputError({ what: "schema", why: `${JSON.stringify(text)} is no name of an element or an attribute` })
  }
  return { kind, name: name!, namespace }
}

/** Its step in an XPath. */
export const step = ({ kind, name }: Key): string => (kind === "attribute" ? `/@${name}` : `/${name}`)
