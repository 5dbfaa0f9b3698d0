/**
 * Schemas for what YANG's types say in XML beyond plain text: empty (RFC 7950 §9.11), identityref (§9.10),
 * instance-identifier (§9.13), anydata and anyxml (§7.10, §7.11).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Element from "../xml/Element.ts"
import { bindings, isName, lookup } from "../xml/Names.ts"
import { anyXml } from "./ShapeOf.ts"

/** A leaf of type `empty`: true, written `<name/>`. Make it optional: absent is its other value. */
export const Empty = Schema.Literal("").pipe(
  Schema.decodeTo(Schema.Literal(true), {
    decode: SchemaGetter.transform((): true => true),
    encode: SchemaGetter.transform((): "" => "")
  })
)

/** The element itself, with its attributes and whatever is in it. */
export const AnyXml = Schema.declare(
  (value: unknown): value is Element.Element =>
    typeof value === "object" && Element.isMade(value) && value._tag === "Element",
  { expected: "an element", toCodecStringTree: () => undefined, [anyXml]: true }
)

const Name = Schema.Struct({ namespace: Schema.String, name: Schema.String })
const invalid = (expected: string): Effect.Effect<never, SchemaIssue.Issue> =>
  Effect.fail(new SchemaIssue.InvalidValue({ expected }))

/** An identity by what it means: namespace and name, whatever prefix stood before it. */
export const Identityref = AnyXml.pipe(
  Schema.decodeTo(Name, {
    decode: SchemaGetter.transformEffect((element: Element.Element) => {
      const text = Element.text(element).trim()
      const colon = text.indexOf(":")
      const namespace = lookup(element.scope, text.slice(0, Math.max(colon, 0)))
      const name = text.slice(colon + 1)
      // Without a prefix it is the default namespace, if there is one (RFC 7950 §9.10.3).
      if (!isName(name) || (namespace === undefined && colon > 0)) return invalid("an identity whose prefix is bound")
      return Effect.succeed({ namespace: namespace ?? "", name })
    }),
    encode: SchemaGetter.transform(({ name, namespace }) =>
      namespace === ""
        ? Element.make("identity", undefined, { children: [name] })
        : Element.make("identity", undefined, { scope: { id: namespace }, children: [`id:${name}`] })
    )
  })
)

/** A path into data, with what its prefixes stand for: one alone says nothing. */
export const InstanceIdentifier = AnyXml.pipe(
  Schema.decodeTo(Schema.Struct({ path: Schema.String, namespaces: Schema.Record(Schema.String, Schema.String) }), {
    decode: SchemaGetter.transform((element: Element.Element) => {
      const path = Element.text(element).trim()
      const used = Object.entries(bindings(element.scope)).filter(
        ([prefix]) => prefix !== "" && path.includes(`${prefix}:`)
      )
      return { path, namespaces: Object.fromEntries(used) }
    }),
    encode: SchemaGetter.transform(({ namespaces, path }) =>
      Element.make("path", undefined, { scope: namespaces, children: [path] })
    )
  })
)
