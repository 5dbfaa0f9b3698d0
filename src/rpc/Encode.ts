/** An operation as the frame of an rpc (RFC 6241 §4.1), whole before the first byte is written. */
import * as Errors from "../errors.ts"
import * as Framing from "../framing/Framing.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import { XmlError } from "../xml/Parse.ts"
import { findIllegal, print } from "../xml/Print.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { Operation } from "./Operation.ts"

const refuseIllegal = (text: string, what: string): void => {
  const illegal = findIllegal(text)
  if (illegal === undefined) return
  const code = illegal.codePoint.toString(16).toUpperCase().padStart(4, "0")
  throw new Errors.InputError({ what, where: `character ${illegal.index}`, why: `XML cannot carry U+${code}` })
}

/**
 * Throws an `InputError` for what cannot be sent, without context; anything else that it throws is a defect. `traced` are
 * further attributes of `<rpc>`.
 */
export const encode = (
  operation: Operation<unknown>,
  messageId: string,
  capabilities: Capabilities,
  mode: Framing.Mode,
  traced?: Readonly<Record<string, string>>
): Buffer => {
  try {
    const text = print(
      Element.make("rpc", Namespaces.base, {
        attributes: traced === undefined ? { "message-id": messageId } : { "message-id": messageId, ...traced },
        children: [operation.encode(capabilities)]
      })
    )
    refuseIllegal(text, operation.name)
    return Framing.encode(mode, text)
  } catch (error) {
    if (!(error instanceof XmlError || error instanceof Framing.FramingError)) throw error
    throw new Errors.InputError({ what: operation.name, why: error.message })
  }
}
