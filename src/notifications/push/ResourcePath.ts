/**
 * Where an edit of a YANG patch applies: a RESTCONF path (RFC 8040 §3.5.3) as steps, each found among the children of an
 * element.
 *
 * Such a path names modules, XML has namespaces: which belong together is known from the hello or the YANG library, from
 * values that came, or from namespaces that end in the module's name as the IETF's do; otherwise nothing is found, and it
 * says so. It gives the values of a list's keys without their names; XML writes keys first and in their order (RFC 7950
 * §7.8.5), so they are compared with the first children.
 *
 * Devices on sysrepo send instance-identifiers in its place (`interface[name='eth0']`), which are read too.
 */
import * as Element from "../../xml/Element.ts"
import { lookup } from "../../xml/Names.ts"
import type { ModuleNamespaces } from "./ModuleNamespaces.ts"

export interface Step {
  /** As written; undefined where it is the module of the step before. */
  readonly module: string | undefined
  readonly name: string
  /** The values of a list's keys, or the value of a leaf-list's entry; undefined for what is neither. */
  readonly keys: ReadonlyArray<string> | undefined
  /** What an instance-identifier says of it: keys by their names, `.` for its own value, or which one it is, from 1. */
  readonly predicates?: ReadonlyArray<readonly [name: string, value: string] | number>
}

const stepOf = (raw: string): Step | undefined => {
  const equals = raw.indexOf("=")
  const identifier = decodeURIComponent(equals === -1 ? raw : raw.slice(0, equals))
  const keys =
    equals === -1
      ? undefined
      : raw
          .slice(equals + 1)
          .split(",")
          .map(decodeURIComponent)
  const colon = identifier.indexOf(":")
  const name = identifier.slice(colon + 1)
  return name === "" ? undefined : { module: colon === -1 ? undefined : identifier.slice(0, colon), name, keys }
}

const predicateOf = (text: string): readonly [string, string] | number | undefined => {
  const inside = text.slice(1, -1).trim()
  if (/^\d+$/.test(inside)) return Number(inside)
  const found = /^(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')$/.exec(inside)
  return found === null ? undefined : [found[1]!, found[2] ?? found[3]!]
}

const predicate = /\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]/g

const identified = (step: string): Step | undefined => {
  const [identifier = ""] = step.split("[", 1)
  const [module, name = module] = identifier.includes(":") ? identifier.split(":") : [undefined, identifier]
  const predicates = (step.match(predicate) ?? []).map(predicateOf).filter((each) => each !== undefined)
  const isRead = predicates.length === (step.match(predicate) ?? []).length
  if (name === undefined || name === "" || !isRead) return undefined
  // sysrepo names a point by the target's own keys, and the point's behind them.
  const said = new Map(predicates.map((each) => [typeof each === "number" ? "" : each[0], each]))
  return { module, name, keys: undefined, predicates: [...said.values()] }
}

/** An instance-identifier (RFC 7950 §9.13) with names of modules for prefixes. */
const parseInstance = (path: string): ReadonlyArray<Step> | undefined => {
  const steps = path.match(/[^/[]+(?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*/g) ?? []
  if (`/${steps.join("/")}` !== path) return undefined
  const read = steps.map(identified)
  return read.every((step) => step !== undefined) ? read : undefined
}

/** The steps of a path, none for `/`; undefined for what is no path. */
export const parse = (path: string): ReadonlyArray<Step> | undefined => {
  // In a RESTCONF path brackets are percent-encoded.
  if (path.includes("[")) return parseInstance(path)
  const inner = path.replace(/^\//, "").replace(/\/$/, "")
  if (inner === "") return []
  try {
    const steps = inner.split("/").map(stepOf)
    return steps.every((step) => step !== undefined) ? steps : undefined
  } catch {
    // A percent sign that encodes nothing.
    return undefined
  }
}

/**
 * How well an element is what a step says. `exact`: in the same words. `trimmed`: but for white space around. `meant`: as
 * identities that mean the same. `unsure`: it is or is not, depending on what nobody here knows.
 */
export type Fit = "exact" | "trimmed" | "meant" | "unsure" | "no"

const worse: ReadonlyArray<Fit> = ["exact", "trimmed", "meant", "unsure", "no"]

const worst = (fits: ReadonlyArray<Fit>): Fit => worse[Math.max(0, ...fits.map((fit) => worse.indexOf(fit)))]!

interface Identity {
  readonly prefix: string | undefined
  readonly name: string
}

const identifier = /^[A-Za-z_][\w.-]*$/

/** Text as the name of an identity, which `65000:100` and `aa:bb:cc` are not (RFC 7950 §6.2). */
const identityOf = (text: string): Identity | undefined => {
  const parts = text.split(":")
  if (parts.length > 2 || !parts.every((part) => identifier.test(part))) return undefined
  return parts.length === 1 ? { prefix: undefined, name: text } : { prefix: parts[0], name: parts[1]! }
}

/** `module:identity` in a path, with another prefix or none in XML (RFC 7951 §6.8). */
const isSameIdentity = (element: Element.Element, text: string, key: string, modules: ModuleNamespaces): Fit => {
  const [inText, inKey] = [identityOf(text), identityOf(key)]
  if (inText === undefined || inKey === undefined || inText.name !== inKey.name) return "no"
  const namespace = lookup(element.scope, inText.prefix ?? "")
  // Without a prefix that stands for something it is a value that happens to hold a colon.
  if (namespace === undefined) return "no"
  if (inKey.prefix === undefined) return namespace === element.namespace ? "meant" : "unsure"
  switch (modules.belongs(inKey.prefix, namespace)) {
    case "known":
      return "meant"
    case "likely":
      return inText.prefix === undefined ? "unsure" : "meant"
    case "unknown":
      return "unsure"
    default:
      return "no"
  }
}

/** Two values as XML has them: their prefixes are bound, and no module has to be known. */
const isSameValue = (element: Element.Element, given: Element.Element): Fit => {
  const [one, other] = [identityOf(Element.text(element).trim()), identityOf(Element.text(given).trim())]
  if (one === undefined || other === undefined || one.name !== other.name) return "no"
  const namespaces = [lookup(element.scope, one.prefix ?? ""), lookup(given.scope, other.prefix ?? "")]
  if (namespaces[0] === undefined || namespaces[0] !== namespaces[1]) return "no"
  return one.prefix === undefined || other.prefix === undefined ? "unsure" : "meant"
}

/** What a step is compared with, besides itself. */
export interface Known {
  readonly modules: ModuleNamespaces
  /** The value that the edit gives to what the step says. */
  readonly value?: Element.Element | undefined
}

const ofValue = (
  element: Element.Element,
  key: string,
  given: Element.Element | undefined,
  modules: ModuleNamespaces
): Fit => {
  const text = Element.text(element)
  if (text === key) return "exact"
  if (text.trim() === key.trim()) return "trimmed"
  return given === undefined ? isSameIdentity(element, text.trim(), key.trim(), modules) : isSameValue(element, given)
}

const ofKeys = (element: Element.Element, keys: ReadonlyArray<string>, { modules, value }: Known): Fit => {
  const inside = Element.elements(element)
  if (inside.length === 0) return keys.length === 1 ? ofValue(element, keys[0]!, value, modules) : "no"
  const given = value === undefined ? [] : Element.elements(value)
  return worst(keys.map((key, at) => (inside[at] === undefined ? "no" : ofValue(inside[at], key, given[at], modules))))
}

const ofPredicate = (
  element: Element.Element,
  predicate: readonly [string, string] | number,
  { modules, value }: Known
): Fit => {
  // Which one it is among its like is counted by whoever has all of them.
  if (typeof predicate === "number") return "exact"
  const [name, text] = predicate
  const key = name === "." ? element : Element.child(element, name)
  const given = value === undefined || name === "." ? value : Element.child(value, name)
  return key === undefined ? "no" : ofValue(key, text, given, modules)
}

/** Where a value is given, its namespace is the target's. */
const ofModule = (
  { namespace }: Element.Element,
  module: string | undefined,
  outer: string | undefined,
  { modules, value }: Known
): Fit => {
  if (value !== undefined) return value.namespace === namespace ? "exact" : "no"
  if (module === undefined) return outer === undefined || namespace === outer ? "exact" : "no"
  const belonging = modules.belongs(module, namespace)
  if (belonging === "unknown") return "unsure"
  return belonging === "known" || belonging === "likely" ? "exact" : "no"
}

/** How well an element is what a step says; `outer` is the namespace of its parent, undefined at the top. */
export const fit = (
  element: Element.Element,
  { keys, module, name, predicates = [] }: Step,
  outer: string | undefined,
  known: Known
): Fit => {
  if (element.name !== name) return "no"
  const first = ofModule(element, module, outer, known)
  if (first === "no") return first
  const more = predicates.map((each) => ofPredicate(element, each, known))
  return worst([first, keys === undefined ? "exact" : ofKeys(element, keys, known), ...more])
}

/** Children by their places among the nodes of a parent, or that nobody here can tell which. */
export const find = (
  parent: Element.Element,
  step: Step,
  outer: string | undefined,
  known: Known
): ReadonlyArray<number> | "unsure" => {
  const fits = parent.children.map((node) => (Element.isElement(node) ? fit(node, step, outer, known) : "no"))
  // What has the very words is not taken for something that merely may mean the same.
  const best = worse.find((each) => fits.includes(each))
  if (best === "unsure") return best
  if (best === undefined || best === "no") return []
  const found = fits.flatMap((each, at) => (each === best ? [at] : []))
  const position = step.predicates?.find((each) => typeof each === "number")
  return position === undefined ? found : found.slice(position - 1, position)
}
