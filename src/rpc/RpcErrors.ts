/**
 * rpc-error elements (RFC 6241 §4.3, appendix A) as data: found wherever vendors nest them, by any prefix, in amounts that
 * a person can use, whatever the device sends. Secrets in them are hidden before they are cut to size.
 */
import type { ErrorInfo, RpcErrorItem } from "../errors.ts"
import { type Redaction, standard } from "../telemetry/Redaction.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import { print } from "../xml/Print.ts"
import { XmlError } from "../xml/XmlError.ts"

/** Of one reply: this many errors, unless their text is longer than `totalText` before. */
const maxErrors = 1000
/** Characters of one field; of all fields of all errors. */
const maxText = 65_536
const totalText = 1_048_576
/** Characters of one field that are looked at for secrets. */
const maxRead = 4 * maxText
/** Elements of one error-info's lists. */
const maxList = 1000

const clip = (text: string): string =>
  text.length <= maxText
    ? text
    : `${text.slice(0, maxText).toWellFormed()}… (${text.length - maxText} more characters left out)`

/** Hidden first and cut then, or the cut might leave half a secret. Of what is far too long, the end is not trusted. */
const redacted = (text: string, redaction: Redaction): string => {
  if (text.length <= maxRead) return clip(redaction.text(text))
  const shown = redaction.text(text.slice(0, maxRead)).slice(0, -maxText)
  return `${shown.slice(0, maxText).toWellFormed()}… (the rest left out)`
}

const trimmed = (parent: Element.Element, name: string): string | undefined => {
  const found = Element.child(parent, name)
  const text = found === undefined ? "" : Element.text(found).trim()
  return text === "" ? undefined : text
}

const shown = (parent: Element.Element, name: string, redaction: Redaction): string | undefined => {
  const text = trimmed(parent, name)
  return text === undefined ? undefined : redacted(text, redaction)
}

const texts = (parent: Element.Element, name: string, redaction: Redaction): ReadonlyArray<string> | undefined => {
  const all = Element.children(parent, name)
  const found = all.slice(0, maxList).map((element) => redacted(Element.text(element).trim(), redaction))
  return found.length === 0 ? undefined : found
}

const without = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A

/** With the namespaces that it uses: there may be many more in scope. */
const printInfo = (info: Element.Element, redaction: Redaction): string => {
  try {
    // Of what is too long nothing is shown, so nothing needs hiding.
    print(info, { namespaces: "used", limit: maxText })
    return print(redaction.element(info), { namespaces: "used", limit: 2 * maxText })
  } catch (error) {
    if (!(error instanceof XmlError)) throw error
    return `<error-info><!-- longer than ${maxText} characters, left out --></error-info>`
  }
}

const readInfo = (info: Element.Element, redaction: Redaction): ErrorInfo => {
  const sessionId = trimmed(info, "session-id")
  return without({
    sessionId: sessionId !== undefined && /^[0-9]{1,10}$/.test(sessionId) ? Number(sessionId) : undefined,
    badAttribute: shown(info, "bad-attribute", redaction),
    badElement: shown(info, "bad-element", redaction),
    badNamespace: shown(info, "bad-namespace", redaction),
    okElements: texts(info, "ok-element", redaction),
    errElements: texts(info, "err-element", redaction),
    noopElements: texts(info, "noop-element", redaction),
    xml: printInfo(info, redaction)
  })
}

/** Only what says nothing but `warning` is one. */
const severityOf = (element: Element.Element): "warning" | "error" => {
  const severities = Element.children(element, "error-severity")
  const isWarning = severities.length > 0 && severities.every((severity) => Element.text(severity).trim() === "warning")
  return isWarning ? "warning" : "error"
}

/** What decides (lock-denied, in-use) is never changed by hiding something short in it. */
const tagOf = (element: Element.Element, redaction: Redaction): string => {
  const tag = trimmed(element, "error-tag") ?? "operation-failed"
  return /^[a-z]{2,16}(?:-[a-z]{2,16}){1,3}$/.test(tag) ? tag : redacted(tag, redaction)
}

/**
 * Reads one rpc-error, its secrets hidden. A missing severity is an error; a missing tag (Junos) is `operation-failed`.
 */
export const read = (element: Element.Element, redaction: Redaction = standard): RpcErrorItem => {
  const info = Element.child(element, "error-info")
  return without({
    type: shown(element, "error-type", redaction),
    tag: tagOf(element, redaction),
    severity: severityOf(element),
    appTag: shown(element, "error-app-tag", redaction),
    path: shown(element, "error-path", redaction),
    message: shown(element, "error-message", redaction),
    info: info === undefined ? undefined : readInfo(info, redaction)
  } as const)
}

/**
 * Every rpc-error of a reply, in order, also one within another. Outside of `<data>` an rpc-error counts in any namespace,
 * because it must never pass for a success; inside it only in the base namespace, because a model may use the name. A
 * device that leaves namespaces out leaves them out throughout.
 *
 * Of more than 1,000 (or 1 MiB of text) the rest is one last item that says how many; it is an error if one of them is.
 */
export const collect = (
  reply: Element.Element,
  redaction: () => Redaction = () => standard
): ReadonlyArray<RpcErrorItem> => {
  const found = new Found(redaction)
  const walk = (parent: Element.Element, inData: boolean): void => {
    for (const element of Element.elements(parent)) {
      const isBase = Namespaces.isBase(element.namespace, reply.namespace)
      if (element.name === "rpc-error" && (!inData || isBase)) found.add(element)
      walk(element, inData || (element.name === "data" && isBase))
    }
  }
  walk(reply, false)
  return found.items()
}

class Found {
  readonly #makeRedaction: () => Redaction
  #redaction: Redaction | undefined
  readonly #kept: Array<RpcErrorItem> = []
  #text = 0
  #others = 0
  #severity: "warning" | "error" = "warning"

  constructor(redaction: () => Redaction) {
    this.#makeRedaction = redaction
  }

  add(element: Element.Element): void {
    if (this.#kept.length < maxErrors && this.#text < totalText) {
      const item = read(element, (this.#redaction ??= this.#makeRedaction()))
      this.#kept.push(item)
      this.#text += textLength(item)
      return
    }
    this.#others++
    if (severityOf(element) === "error") this.#severity = "error"
  }

  items(): ReadonlyArray<RpcErrorItem> {
    if (this.#others === 0) return this.#kept
    const message = `${this.#others} more rpc-error elements left out`
    return [...this.#kept, { tag: "operation-failed", severity: this.#severity, message }]
  }
}

const textLength = ({ info, ...item }: RpcErrorItem): number =>
  [...Object.values(item), ...Object.values(info ?? {})].flat().reduce<number>((sum, value) => sum + lengthOf(value), 0)

const lengthOf = (value: unknown): number => (typeof value === "string" ? value.length : 0)
