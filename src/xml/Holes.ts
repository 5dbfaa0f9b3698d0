/**
 * Where the holes of an `xml` template stand, and its skeleton: the template parsed with a placeholder in each hole.
 *
 * A hole may stand between tags, inside a quoted attribute value, or as an unquoted one. Anywhere else, a name, the
 * inside of a tag, a comment, an instruction, CDATA, it is refused here. Filling them is Template's part.
 */
import { InputError } from "../errors.ts"
import { isElement } from "./Element.ts"
import type { Element } from "./Element.ts"
import { noBindings } from "./Names.ts"
import { defaultLimits, parseTree, toInputError } from "./Parse.ts"
import { positionOf } from "./Prolog.ts"
import { XmlError } from "./XmlError.ts"

/** A place for a value: `index` counts from 0, `where` names it for a person. */
export interface Hole {
  readonly index: number
  readonly where: string
}

export interface Skeleton {
  readonly root: Element
  /** A hole stands in a namespace declaration. */
  readonly bindsNamespace: boolean
  /** A text of the skeleton as literal pieces and holes, in order. */
  readonly split: (text: string) => ReadonlyArray<string | Hole>
}

/** The skeleton of a template. Throws InputError. */
export const readSkeleton = (strings: TemplateStringsArray): Skeleton => {
  const template = strings.map((piece) => piece ?? refuse("an invalid escape sequence"))
  const mark = freeMark(template.join(""))
  const holes: Array<Hole> = []
  let source = template[0]!
  let state = scan("text", source)
  template.slice(1).forEach((piece, index) => {
    const { column, line } = positionOf(source, source.length)
    const where = `value ${index + 1} (line ${line}, column ${column})`
    const why = refused[state]
    if (why !== undefined) refuse(`a value cannot stand ${why}`, where)
    holes.push({ index, where })
    const placeholder = `${mark}${index}${mark}`
    source += (state === "value" ? `"${placeholder}"` : placeholder) + piece
    state = scan(state === "value" ? "tag" : state, piece)
  })
  const root = parseSkeleton(source)
  return { root, bindsNamespace: bindsHole(root, mark), split: splitter(mark, holes) }
}

/** Where in XML a position is. `value`: behind `=`, before any quote; `tag`: anywhere else between `<` and `>`. */
type State = "text" | "tag" | "value" | "double" | "single" | "comment" | "instruction" | "cdata" | "declaration"

/** Why no value can stand in a state; the others take one. */
const refused: { readonly [_ in State]?: string } = {
  tag: "in a tag, only between tags or as the value of an attribute",
  comment: "in a comment",
  instruction: "in a processing instruction",
  cdata: "in CDATA; write it as text, it is escaped",
  declaration: "in a markup declaration"
}

const endOf = {
  comment: "-->",
  instruction: "?>",
  cdata: "]]>",
  declaration: ">",
  double: '"',
  single: "'"
} as const

/** The state behind a piece that begins in `state`. What it makes of broken XML does not matter: it will not parse. */
const scan = (state: State, piece: string): State => {
  let now = state
  for (let at = 0; at < piece.length;) {
    if (now === "text") {
      const start = piece.indexOf("<", at)
      if (start === -1) return now
      const [next, length] = opening(piece, start)
      now = next
      at = start + length
    } else if (now === "tag" || now === "value") {
      now = inTag(now, piece[at]!)
      at++
    } else {
      const mark: string = endOf[now]
      const end = piece.indexOf(mark, at)
      if (end === -1) return now
      now = now === "double" || now === "single" ? "tag" : "text"
      at = end + mark.length
    }
  }
  return now
}

const opening = (piece: string, at: number): readonly [State, number] => {
  if (piece.startsWith("<!--", at)) return ["comment", 4]
  if (piece.startsWith("<![CDATA[", at)) return ["cdata", 9]
  if (piece.startsWith("<?", at)) return ["instruction", 2]
  return piece.startsWith("<!", at) ? ["declaration", 2] : ["tag", 1]
}

const inTag = (state: "tag" | "value", character: string): State => {
  switch (character) {
    case ">":
      return "text"
    case "=":
      return "value"
    case '"':
      return "double"
    case "'":
      return "single"
    default:
      return state === "value" && /\s/.test(character) ? "value" : "tag"
  }
}

/** A character of the private use area that the template does not use. It is no name character, so it stays where it is. */
const freeMark = (template: string): string => {
  for (let code = 0xe000; code <= 0xf8ff; code++) {
    const mark = String.fromCharCode(code)
    if (!template.includes(mark)) return mark
  }
  return refuse("every character of the private use area is in it")
}

const parseSkeleton = (source: string): Element => {
  try {
    return parseTree(source, defaultLimits, noBindings)
  } catch (error) {
    throw error instanceof XmlError ? toInputError(error, "xml template") : error
  }
}

/** A scope's own bindings are enough: what it inherits belongs to an element around it. */
const bindsHole = (e: Element, mark: string): boolean =>
  Object.values(e.scope).some((namespace) => namespace.includes(mark)) ||
  e.children.some((node) => isElement(node) && bindsHole(node, mark))

const splitter = (mark: string, holes: ReadonlyArray<Hole>): Skeleton["split"] => {
  const known = new Map<string, ReadonlyArray<string | Hole>>()
  return (text) => {
    if (!text.includes(mark)) return [text]
    // Every second piece is the number of a hole.
    const pieces = known.get(text) ?? text.split(mark).map((piece, n) => (n % 2 === 0 ? piece : holes[Number(piece)]!))
    known.set(text, pieces)
    return pieces
  }
}

const refuse = (why: string, where?: string): never => {
  throw new InputError({ what: "xml template", why, ...(where === undefined ? {} : { where }) })
}
