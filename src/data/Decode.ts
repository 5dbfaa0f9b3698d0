/**
 * Schema and elements: `decode(schema)` makes a typed value of an element, `encode(schema)` an element of a value
 * (RFC 7950: leaf, leaf-list, container, list, anyxml in XML).
 *
 * The schema's own transformations do the work, from and to text; Shape says where in the XML that text stands.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { DataError, type ErrorContext, InputError } from "../errors.ts"
import type { Element } from "../xml/Element.ts"
import { Misfit } from "./Misfit.ts"
import * as Shape from "./Shape.ts"
import * as ShapeOf from "./ShapeOf.ts"

export interface DecodeOptions {
  /**
   * The namespace of the elements that the schema names; a key `{namespace}name` says otherwise for itself and for what
   * is in it. Without one an element of any namespace will do, as long as there is no second one of that name in another.
   */
  readonly namespace?: string
  /** For the error. */
  readonly context?: ErrorContext
}

export interface EncodeOptions extends DecodeOptions {
  /** Local name of the element. */
  readonly name: string
}

/**
 * What an element holds, as the schema says. The element's own name is not looked at.
 *
 * - A struct is an element with child elements, its keys are their names; `Schema.encodeKeys` gives them others in the value.
 *   Elements that the schema does not name are skipped; text beside elements is refused.
 * - `"{urn:x}name"` is a child of that namespace, `"@name"` (`"@{urn:x}name"`) an attribute, `"#text"` the text beside
 *   attributes. `Schema.Record` takes all children by their local names.
 * - An array is an element that repeats, none at all is an empty one. A key that may be absent is `Schema.optionalKey`.
 * - Everything else is the text of a leaf: `Schema.String` exactly as it stands, numbers, booleans and literals without the
 *   white space around, literals without the prefix of an identity too. An empty element is `true` for a boolean.
 * - `Empty`, `Identityref`, `InstanceIdentifier` and `AnyXml` of Values are for what YANG says beyond text.
 *
 * Fails with a `DataError` whose path is an XPath and which never quotes a value. Throws an `InputError` when the schema
 * says something that XML cannot.
 *
 * ```ts
 * const Interface = Schema.Struct({ name: Schema.String, mtu: Schema.optionalKey(Schema.Int) })
 * const read = decode(Schema.Struct({ interface: Schema.Array(Interface) }))
 * const value = yield* read(xml`<interfaces><interface><name>eth0</name><mtu>1500</mtu></interface></interfaces>`)
 * ```
 */
export const decode = <S extends Schema.Constraint>(
  schema: S,
  options: DecodeOptions = {}
): ((element: Element) => Effect.Effect<S["Type"], DataError, S["DecodingServices"]>) => {
  const { codec, shape } = derive(schema)
  const parse = SchemaParser.decodeUnknownEffect(codec) as (
    plain: unknown
  ) => Effect.Effect<S["Type"], SchemaIssue.Issue, S["DecodingServices"]>
  return (element) =>
    Effect.suspend(() => {
      const root = `/${element.name}`
      const plain = shape.read([element], options.namespace)
      if (plain instanceof Misfit) return Effect.fail(toError(plain, root, options))
      return Effect.mapError(parse(plain), (issue) => fromIssue(issue, shape, root, options))
    })
}

/**
 * The element of a value. What {@link decode} makes of it with the same schema is the same value, except for what XML does
 * not say: an optional list that is empty is absent.
 *
 * Fails with a `DataError` for a value that does not fit the schema.
 */
export const encode = <S extends Schema.Constraint>(
  schema: S,
  options: EncodeOptions
): ((value: S["Type"]) => Effect.Effect<Element, DataError, S["EncodingServices"]>) => {
  const { codec, shape } = derive(schema)
  const print = SchemaParser.encodeUnknownEffect(codec) as (
    value: unknown
  ) => Effect.Effect<unknown, SchemaIssue.Issue, S["EncodingServices"]>
  const root = `/${options.name}`
  const make = Shape.maker({ kind: "element", name: options.name, namespace: options.namespace })
  return (value) =>
    Effect.flatMap(
      Effect.mapError(print(value), (issue) => fromIssue(issue, shape, root, options)),
      (plain) => {
        const written = shape.write(plain, make)
        if (written instanceof Misfit) return Effect.fail(toError(written, root, options))
        if (written.length === 1) return Effect.succeed(written[0]!)
        return Effect.fail(toError(new Misfit(`one element, found ${written.length}`), root, options))
      }
    )
}

interface Derived {
  readonly codec: Schema.Constraint
  readonly shape: Shape.Shape
}

const derived = new WeakMap<object, Derived>()

const derive = (schema: Schema.Constraint): Derived => {
  const known = derived.get(schema.ast)
  if (known !== undefined) return known
  const codec = textual(schema)
  const made = { codec, shape: ShapeOf.of(codec.ast) }
  derived.set(schema.ast, made)
  return made
}

/** The schema with text in all of its leaves. */
const textual = (schema: Schema.Constraint): Schema.Constraint => {
  try {
    return Schema.toCodecStringTree(schema)
  } catch {
    // Effect says so of declarations without a codec: class instances, functions.
    throw new InputError({ what: "schema", why: "holds a value that has no form in text" })
  }
}

const toError = ({ expected, path }: Misfit, root: string, { context }: DecodeOptions): DataError =>
  new DataError({ ...context, path: root + path.toReversed().join(""), expected })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const fromIssue = (issue: SchemaIssue.Issue, shape: Shape.Shape, root: string, options: DecodeOptions): DataError => {
  const [first] = format(issue).issues
  const expected = (first?.message ?? "a value that fits").replace(/^Expected /, "").replace(/^Missing key$/, "a value")
  const path = (first?.path ?? []).map((step) => (typeof step === "object" ? step.key : step))
  return new DataError({ ...options.context, path: root + xpath(path, shape), expected })
}

/** The path of an issue in the words of XML: names as on the wire, positions from 1. */
const xpath = (path: ReadonlyArray<PropertyKey>, shape: Shape.Shape): string => {
  let current: Shape.Shape | undefined = shape
  return path
    .map((key) => {
      const found = current?.step(key)
      current = found?.shape
      return found?.step ?? `/${String(key)}`
    })
    .join("")
}
