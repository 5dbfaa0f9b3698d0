/**
 * What an identity is called in a message (RFC 7950 §9.10): devices write it with the prefix of a module, with one that the XML
 * binds, or with none, so its local name is what counts. Where the namespace matters, `data/Values.ts` reads it.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

/** `ietf-yang-push:period-unsupported`, `yp:period-unsupported` and `period-unsupported` are the same. */
export const localName = (text: string): string => {
  const trimmed = text.trim()
  return trimmed.slice(trimmed.lastIndexOf(":") + 1)
}

/** An identity by its local name. */
export const Identity = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform(localName),
    encode: SchemaGetter.transform((name: string) => name)
  })
)
