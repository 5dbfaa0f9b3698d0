/** edit-config, copy-config, delete-config and validate (RFC 6241 §7.2 to §7.4, §8.6). */
import { InputError } from "../../errors.ts"
import type { Capabilities } from "../../rpc/Capabilities.ts"
import { slow } from "../../transport/Deadlines.ts"
import type { Needs, Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type * as Element from "../../xml/Element.ts"
import * as Datastore from "./Datastore.ts"
import * as Fragment from "./Fragment.ts"

const { baseElement } = Datastore

export interface EditConfigOptions {
  /** Default: running. A URL needs `:url`. */
  readonly target?: Datastore.Datastore | Datastore.Url
  /** The change: XML text or elements, with or without `<config>` around them. This or `url`. */
  readonly config?: Fragment.Fragment
  /** Where the device finds the change itself; needs `:url`. */
  readonly url?: string
  /** What happens to nodes without an operation attribute. Default: merge. `replace` empties what is not given. */
  readonly defaultOperation?: "merge" | "replace" | "none"
  /** Needs `:validate`; `test-only` needs `:validate:1.1`. */
  readonly testOption?: "test-then-set" | "set" | "test-only"
  /**
   * Default: rollback-on-error for running where the peer offers it, otherwise the device's, which is stop-on-error:
   * then a refusal may leave part of the change in place, and the `RpcError` carries `partial: "possible"`.
   */
  readonly errorOption?: "stop-on-error" | "continue-on-error" | "rollback-on-error"
}

const errorOptionOf = ({ errorOption, target = "running" }: EditConfigOptions, capabilities: Capabilities) =>
  errorOption ?? (target === "running" && capabilities.has(":rollback-on-error") ? "rollback-on-error" : undefined)

const editNeeds = ({ errorOption, target = "running", testOption, url }: EditConfigOptions): Needs => [
  ...Datastore.needsToWrite(target),
  ...(url === undefined ? [] : [[":url"]]),
  ...(testOption === undefined ? [] : testOption === "test-only" ? [[":validate:1.1"]] : [[":validate"]]),
  ...(errorOption === "rollback-on-error" ? [[":rollback-on-error"]] : [])
]

const content = ({ config, url }: EditConfigOptions, capabilities: Capabilities): Element.Element => {
  if ((config === undefined) === (url === undefined)) {
    throw new InputError({ what: "config", why: "edit-config takes either config or url" })
  }
  if (config === undefined) return Datastore.urlElement({ url: url! }, capabilities)
  return baseElement("config", Fragment.configuration(config))
}

const option = (name: string, value: string | undefined): ReadonlyArray<Element.Element> =>
  value === undefined ? [] : [baseElement(name, [value])]

/** Loads a change into a datastore. */
export const editConfig = (options: EditConfigOptions): Operation<Reply> => {
  const { defaultOperation, target = "running", testOption } = options
  const datastore = Datastore.label(target)
  return {
    name: "edit-config",
    kind: testOption === "test-only" ? "control" : "write",
    needs: editNeeds(options),
    expects: "ok",
    datastore,
    ...(testOption === "test-only" ? {} : { lease: { change: "edit", datastore } }),
    partial: (capabilities) =>
      testOption !== "test-only" && errorOptionOf(options, capabilities) !== "rollback-on-error",
    encode: (capabilities) =>
      baseElement("edit-config", [
        baseElement("target", [Datastore.encode(target, capabilities)]),
        ...option("default-operation", defaultOperation),
        ...option("test-option", testOption),
        ...option("error-option", errorOptionOf(options, capabilities)),
        content(options, capabilities)
      ]),
    decode: (reply) => reply
  }
}

/** A datastore, a URL, or a whole configuration given inline. */
export type Source = Datastore.Datastore | Datastore.Url | { readonly config: Fragment.Fragment }

const isInline = (source: Source): source is { readonly config: Fragment.Fragment } =>
  typeof source === "object" && "config" in source

const encodeSource = (source: Source, capabilities: Capabilities): Element.Element =>
  isInline(source)
    ? baseElement("config", Fragment.configuration(source.config))
    : Datastore.encode(source, capabilities)

const sourceNeeds = (source: Source): Needs => (isInline(source) ? [] : Datastore.needs(source))

export interface CopyConfigOptions {
  /** What is replaced, whole. */
  readonly target: Datastore.Datastore | Datastore.Url
  readonly source: Source
}

/** Replaces a whole datastore or file by another. Copying to running can empty a device. */
export const copyConfig = ({ source, target }: CopyConfigOptions): Operation<Reply> => ({
  name: "copy-config",
  kind: "write",
  needs: [...Datastore.needsToWrite(target), ...sourceNeeds(source)],
  expects: "ok",
  datastore: Datastore.label(target),
  deadline: slow,
  lease: { change: "edit", datastore: Datastore.label(target) },
  encode: (capabilities) =>
    baseElement("copy-config", [
      baseElement("target", [Datastore.encode(target, capabilities)]),
      baseElement("source", [encodeSource(source, capabilities)])
    ]),
  decode: (reply) => reply
})

export interface DeleteConfigOptions {
  /** The startup datastore, or a file; devices refuse running. */
  readonly target: Datastore.Datastore | Datastore.Url
}

/** Deletes a datastore or a file. */
export const deleteConfig = ({ target }: DeleteConfigOptions): Operation<Reply> => ({
  name: "delete-config",
  kind: "write",
  needs: Datastore.needs(target),
  expects: "ok",
  datastore: Datastore.label(target),
  encode: (capabilities) =>
    baseElement("delete-config", [baseElement("target", [Datastore.encode(target, capabilities)])]),
  decode: (reply) => reply
})

export interface ValidateOptions {
  /** Default: candidate. */
  readonly source?: Source
}

/** Asks the device whether a configuration is valid; changes nothing. */
export const validate = ({ source = "candidate" }: ValidateOptions = {}): Operation<Reply> => ({
  name: "validate",
  kind: "read",
  needs: [[":validate"], ...sourceNeeds(source)],
  expects: "ok",
  ...(isInline(source) ? {} : { datastore: Datastore.label(source) }),
  deadline: slow,
  encode: (capabilities) => baseElement("validate", [baseElement("source", [encodeSource(source, capabilities)])]),
  decode: (reply) => reply
})
