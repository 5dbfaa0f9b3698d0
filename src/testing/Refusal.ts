/**
 * What a server says when it says no: the rpc-error of RFC 6241 §4.3 seen from the sending side, with one constructor
 * per error-tag of appendix A, so that the mandatory error-info cannot be forgotten.
 *
 * Engines throw `Refused`; the session turns it into the reply. Reading rpc-errors is the `rpc` folder's work.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"

/** An instance path with the prefixes that it uses. */
export interface Path {
  readonly text: string
  readonly scope: Element.Scope
}

/** One rpc-error to send. A field that is left out is not sent, as sloppy devices do. */
export interface Refusal {
  readonly type?: "transport" | "rpc" | "protocol" | "application"
  readonly tag?: string
  /** Default: error. */
  readonly severity?: "error" | "warning"
  readonly appTag?: string
  readonly path?: Path
  readonly message?: string
  /** Children of error-info: name and text, in the NETCONF namespace, or whole elements. */
  readonly info?: ReadonlyArray<readonly [name: string, text: string] | Element.Element>
}

/** Thrown by the engines; carries every error of one request. */
export class Refused extends Error {
  readonly refusals: ReadonlyArray<Refusal>
  constructor(...refusals: ReadonlyArray<Refusal>) {
    super(refusals.map((refusal) => refusal.tag ?? refusal.message ?? "refused").join(", "))
    this.name = "Refused"
    this.refusals = refusals
  }
}

type Where = { readonly path?: Path | undefined; readonly message?: string | undefined }

const where = ({ path, message }: Where) => ({
  ...(path === undefined ? {} : { path }),
  ...(message === undefined ? {} : { message })
})

const plain =
  (type: NonNullable<Refusal["type"]>, tag: string) =>
  (message: string, path?: Path): Refusal => ({ type, tag, ...where({ path, message }) })

export const inUse = plain("protocol", "in-use")
export const invalidValue = plain("application", "invalid-value")
export const invalidParameter = plain("protocol", "invalid-value")
export const accessDenied = plain("application", "access-denied")
export const dataExists = plain("application", "data-exists")
export const dataMissing = plain("application", "data-missing")
export const notSupported = plain("protocol", "operation-not-supported")
export const operationFailed = plain("protocol", "operation-failed")
export const malformedMessage = plain("rpc", "malformed-message")

/** `holder` is the session that holds the lock, 0 for anything that is not a NETCONF session. */
export const lockDenied = (holder: number, message: string): Refusal => ({
  type: "protocol",
  tag: "lock-denied",
  message,
  info: [["session-id", String(holder)]]
})

const badElement =
  (type: NonNullable<Refusal["type"]>, tag: string) =>
  (element: string, message: string, path?: Path): Refusal => ({
    type,
    tag,
    ...where({ path, message }),
    info: [["bad-element", element]]
  })

/** A parameter of an operation is absent. */
export const missingParameter = badElement("protocol", "missing-element")
/** A key, or a mandatory node, is absent from the data. */
export const missingElement = badElement("application", "missing-element")
export const unknownElement = badElement("application", "unknown-element")
export const unknownParameter = badElement("protocol", "unknown-element")
export const badElementValue = badElement("protocol", "bad-element")

export const unknownNamespace = (element: string, namespace: string, path?: Path): Refusal => ({
  type: "application",
  tag: "unknown-namespace",
  ...where({ path, message: `nothing here is modelled in ${namespace === "" ? "no namespace" : namespace}` }),
  info: [
    ["bad-element", element],
    ["bad-namespace", namespace]
  ]
})

const attribute =
  (tag: string) =>
  (
    type: NonNullable<Refusal["type"]>,
    name: string,
    element: string,
    options: { readonly message?: string; readonly path?: Path } = {}
  ): Refusal => ({
    type,
    tag,
    ...where(options),
    info: [
      ["bad-attribute", name],
      ["bad-element", element]
    ]
  })

export const missingAttribute = attribute("missing-attribute")
export const badAttribute = attribute("bad-attribute")
export const unknownAttribute = attribute("unknown-attribute")

const field = (name: string, text: string | undefined, scope?: Element.Scope): ReadonlyArray<Element.Element> =>
  text === undefined
    ? []
    : [Element.make(name, Namespaces.base, { children: [text], ...(scope === undefined ? {} : { scope }) })]

const message = (text: string | undefined): ReadonlyArray<Element.Element> =>
  text === undefined
    ? []
    : [
        Element.make("error-message", Namespaces.base, {
          attributes: [{ name: "lang", prefix: "xml", namespace: "http://www.w3.org/XML/1998/namespace", value: "en" }],
          children: [text]
        })
      ]

const errorInfo = (info: Refusal["info"]): ReadonlyArray<Element.Element> => {
  if (info === undefined || info.length === 0) return []
  const children = info.map((item) =>
    "_tag" in item ? item : Element.make(item[0], Namespaces.base, { children: [item[1]] })
  )
  return [Element.make("error-info", Namespaces.base, { children })]
}

/** The rpc-error element, its fields in the order of the RFC's schema. */
export const toElement = (refusal: Refusal): Element.Element =>
  Element.make("rpc-error", Namespaces.base, {
    children: [
      ...field("error-type", refusal.type),
      ...field("error-tag", refusal.tag),
      ...field("error-severity", refusal.severity ?? "error"),
      ...field("error-app-tag", refusal.appTag),
      ...field("error-path", refusal.path?.text, refusal.path?.scope),
      ...message(refusal.message),
      ...errorInfo(refusal.info)
    ]
  })
