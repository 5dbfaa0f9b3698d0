/**
 * The protocol operations of RFC 6241 §7 and §8 as a simulated device carries them out: one function each, from the
 * operation's element to what its reply holds. Refuses by throwing `Refused`. Time, faults and framing are not known here.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import * as Print from "../xml/Print.ts"
import type { Core } from "./Core.ts"
import type * as Datastores from "./Datastores.ts"
import type * as EditConfig from "./EditConfig.ts"
import {
  choice,
  datastore,
  needs,
  parameter,
  reference,
  refused,
  required,
  url,
  value,
  writable
} from "./Parameters.ts"
import type { Reference } from "./Parameters.ts"
import * as DynamicSubscriptions from "./DynamicSubscriptions.ts"
import * as EventStreams from "./EventStreams.ts"
import * as Refusal from "./Refusal.ts"
import * as Selection from "./Selection.ts"
import * as SubtreeFilter from "./SubtreeFilter.ts"
import * as XPathFilter from "./XPathFilter.ts"

/** What a reply holds: `<ok/>`, or elements. */
export type Body = "ok" | ReadonlyArray<Element.Element>

type Operation = (core: Core, session: number, request: Element.Element) => Body

const readFile = (core: Core, name: string): Element.Element => {
  const text = core.files.get(name)
  if (text === undefined) throw refused(Refusal.operationFailed(`there is no file at ${name}`))
  try {
    return Parse.decode(text)
  } catch (error) {
    if (!(error instanceof Parse.XmlError)) throw error
    throw refused(Refusal.operationFailed(`the file at ${name} is not XML: ${error.message}`))
  }
}

const data = (children: ReadonlyArray<Element.Node>): Body => [Element.make("data", Namespaces.base, { children })]

const select = (core: Core, tree: Element.Element, request: Element.Element): Element.Element => {
  const visible = Selection.hide(tree, core.dialect.hidden)
  const filter = parameter(request, "filter")
  if (filter === undefined) return visible
  const type = Element.attribute(filter, "type") ?? Element.attribute(filter, "type", Namespaces.base) ?? "subtree"
  if (type === "subtree") return SubtreeFilter.apply(core.model, visible, filter)
  if (type !== "xpath") throw refused(Refusal.badAttribute("protocol", "type", "filter"))
  needs(core, ":xpath", request)
  const expression = Element.attribute(filter, "select") ?? Element.attribute(filter, "select", Namespaces.base)
  if (expression === undefined) throw refused(Refusal.missingAttribute("protocol", "select", "filter"))
  return XPathFilter.apply(core.model, visible, expression, filter.scope)
}

const get: Operation = (core, _session, request) => data(select(core, core.withState(), request).children)

const getConfig: Operation = (core, session, request) => {
  const source = datastore(core, request, "source")
  return data(select(core, core.stores.read(source, session), request).children)
}

const testOption = (core: Core, request: Element.Element) => {
  const given = choice(request, "test-option", ["test-then-set", "set", "test-only"])
  if (given === undefined) return core.capabilities.has(":validate") ? "test-then-set" : "set"
  const capability = given === "test-only" ? ":validate:1.1" : ":validate"
  if (core.capabilities.has(capability)) return given
  throw refused(Refusal.unknownParameter("test-option", `${given} needs ${capability}`))
}

const errorOption = (core: Core, request: Element.Element): EditConfig.ErrorOption | undefined => {
  const given = choice(request, "error-option", ["stop-on-error", "continue-on-error", "rollback-on-error"])
  if (given !== "rollback-on-error" || core.capabilities.has(":rollback-on-error")) return given
  throw refused(Refusal.invalidParameter("error-option rollback-on-error needs :rollback-on-error"))
}

const editConfig: Operation = (core, session, request) => {
  const target = datastore(core, request, "target")
  writable(core, target)
  if (target === "startup") throw refused(Refusal.unknownParameter(target, "edit-config cannot edit startup"))
  const link = parameter(request, "url")
  const config = link === undefined ? required(request, "config") : readFile(core, url(core, link))
  core.stores.edit(target, session, config, {
    ...core.rules,
    defaultOperation: choice(request, "default-operation", ["merge", "replace", "none"]),
    errorOption: errorOption(core, request),
    testOption: testOption(core, request)
  })
  return "ok"
}

const contents = (core: Core, session: number, source: Reference): Element.Element => {
  switch (source.kind) {
    case "datastore":
      return core.stores.read(source.name, session)
    case "url":
      return core.stores.load(readFile(core, source.url), core.rules)
    case "config":
      return core.stores.load(source.config, core.rules)
  }
}

const same = (one: Reference, other: Reference): boolean =>
  (one.kind === "datastore" && other.kind === "datastore" && one.name === other.name) ||
  (one.kind === "url" && other.kind === "url" && one.url === other.url)

const copyConfig: Operation = (core, session, request) => {
  const target = reference(core, request, "target")
  const source = reference(core, request, "source")
  if (same(target, source)) throw refused(Refusal.invalidParameter("source and target are the same"))
  if (target.kind === "datastore") {
    writable(core, target.name)
    core.stores.mayWrite(target.name, session)
    core.stores.copy(target.name, session, contents(core, session, source))
  } else if (target.kind === "url") {
    const { children } = Selection.hide(contents(core, session, source), core.dialect.hidden)
    core.files.set(target.url, Print.print(Element.make("config", Namespaces.base, { children })))
  }
  return "ok"
}

const deleteConfig: Operation = (core, session, request) => {
  const target = reference(core, request, "target")
  if (target.kind === "url") {
    if (!core.files.delete(target.url)) throw refused(Refusal.operationFailed(`there is no file at ${target.url}`))
    return "ok"
  }
  if (target.kind !== "datastore" || target.name !== "startup") {
    throw refused(Refusal.invalidParameter("only startup and files can be deleted"))
  }
  core.stores.copy("startup", session, core.factory)
  return "ok"
}

const lock: Operation = (core, session, request) => {
  core.stores.lock(datastore(core, request, "target"), session)
  return "ok"
}

const unlock: Operation = (core, session, request) => {
  core.stores.unlock(datastore(core, request, "target"), session)
  return "ok"
}

const validate: Operation = (core, session, request) => {
  needs(core, ":validate", request)
  const refusals = core.stores.validate(contents(core, session, reference(core, request, "source")))
  if (refusals.length > 0) throw new Refusal.Refused(...refusals)
  core.validated = true
  return "ok"
}

const confirmTimeout = (request: Element.Element): number => {
  const text = value(request, "confirm-timeout") ?? "600"
  if (/^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= 4_294_967_295) return Number(text)
  throw refused(Refusal.invalidParameter("confirm-timeout is not a number of seconds from 1 to 4294967295"))
}

/** The parameters of a confirmed commit, each refused where its capability is missing (§8.4.5.1). */
const commitOptions = (core: Core, request: Element.Element): Datastores.CommitOptions => {
  for (const name of ["confirmed", "confirm-timeout", "persist", "persist-id"]) {
    const capability = name.startsWith("persist") ? ":confirmed-commit:1.1" : ":confirmed-commit"
    if (parameter(request, name) !== undefined && !core.capabilities.has(capability)) {
      throw refused(Refusal.unknownParameter(name, `${name} needs ${capability}`))
    }
  }
  const confirmed = parameter(request, "confirmed") !== undefined
  return {
    ...(confirmed ? { timeout: confirmTimeout(request), persist: value(request, "persist") } : {}),
    persistId: value(request, "persist-id")
  }
}

const commit: Operation = (core, session, request) => {
  needs(core, ":candidate", request)
  const { commitIgnored } = core.dialect
  const ignored = commitIgnored === "always" || (commitIgnored === "after-validate" && core.validated)
  core.stores.commit(session, { ...commitOptions(core, request), ignored })
  return "ok"
}

const cancelCommit: Operation = (core, session, request) => {
  needs(core, ":confirmed-commit:1.1", request)
  core.stores.cancelCommit(session, value(request, "persist-id"))
  return "ok"
}

const discardChanges: Operation = (core, session, request) => {
  needs(core, ":candidate", request)
  core.stores.discard(session)
  return "ok"
}

const killSession: Operation = (core, session, request) => {
  const id = Number(Element.text(required(request, "session-id")).trim())
  if (id === session) throw refused(Refusal.invalidParameter("a session cannot kill itself"))
  if (!core.kill(id, session)) throw refused(Refusal.invalidParameter("there is no such session"))
  return "ok"
}

const getSchema: Operation = (core, _session, request) => {
  const identifier = Element.child(request, "identifier", Namespaces.monitoring)
  if (identifier === undefined) throw refused(Refusal.missingParameter("identifier", "get-schema needs an identifier"))
  const schema = core.schemas.get(Element.text(identifier).trim())
  if (schema === undefined) throw refused(Refusal.invalidParameter("there is no such schema"))
  return [Element.make("data", Namespaces.monitoring, { children: [schema] })]
}

const table: ReadonlyMap<string, Operation> = new Map([
  ["get", get],
  ["get-config", getConfig],
  ["edit-config", editConfig],
  ["copy-config", copyConfig],
  ["delete-config", deleteConfig],
  ["lock", lock],
  ["unlock", unlock],
  ["validate", validate],
  ["commit", commit],
  ["cancel-commit", cancelCommit],
  ["discard-changes", discardChanges],
  ["kill-session", killSession],
  ["close-session", () => "ok"]
] satisfies ReadonlyArray<readonly [string, Operation]>)

const createSubscription: Operation = (core, session, request) => {
  core.subscriptions.create(core, session, request)
  return "ok"
}

/** The operation of this name; undefined where the device has none. */
export const find = (core: Core, request: Element.Element): Operation | undefined => {
  if (request.namespace === Namespaces.base) return table.get(request.name)
  if (request.namespace === EventStreams.notification) {
    return request.name === "create-subscription" ? createSubscription : undefined
  }
  const dynamic = DynamicSubscriptions.find(core, request)
  if (dynamic !== undefined) return dynamic
  const schema = request.namespace === Namespaces.monitoring && request.name === "get-schema"
  return schema && core.capabilities.has(Namespaces.monitoring) ? getSchema : undefined
}
