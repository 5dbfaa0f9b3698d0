/**
 * Changes of a data tree as the edits of a YANG patch (RFC 8072 §2.2), which is how push-change-update carries them (RFC
 * 8641 §3.7): targets are RESTCONF paths (RFC 8040 §3.5.3), values the nodes as they are now.
 */
import * as Element from "../xml/Element.ts"
import * as Model from "./Model.ts"
import { push } from "./SubscriptionErrors.ts"
import * as Tree from "./Tree.ts"
import type * as TreeDiff from "./TreeDiff.ts"

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const keys = ({ element, schema }: TreeDiff.Step): string => {
  if (schema?.kind === "leaf-list") return `=${encode(Element.text(element).trim())}`
  const values = Model.keysOf(schema).map((key) => encode(Tree.keyValue(element, key) ?? ""))
  return values.length === 0 ? "" : `=${values.join(",")}`
}

/** The path of a node: `/ietf-interfaces:interfaces/interface=eth0/ietf-ip:ipv4`. */
export const target = (model: Model.Model, steps: ReadonlyArray<TreeDiff.Step>): string => {
  let path = ""
  let outer = ""
  for (const step of steps) {
    const { name, namespace } = step.element
    const module = namespace === outer ? "" : `${Model.moduleOf(model, namespace)?.name ?? namespace}:`
    outer = namespace
    path += `/${module}${name}${keys(step)}`
  }
  return path
}

const leaf = (name: string, text: string): Element.Element => Element.make(name, push, { children: [text] })

export interface Edit {
  readonly operation: "create" | "delete" | "replace"
  readonly target: string
  /** The node; left out of a delete. */
  readonly value: Element.Element
}

export const edits = (model: Model.Model, changes: ReadonlyArray<TreeDiff.Change>): ReadonlyArray<Edit> =>
  changes.map(({ kind, steps }) => ({
    operation: kind,
    target: target(model, steps),
    value: steps.at(-1)!.element
  }))

const toElement = ({ operation, target: path, value }: Edit, at: number): Element.Element =>
  Element.make("edit", push, {
    children: [
      leaf("edit-id", `edit${at + 1}`),
      leaf("operation", operation),
      leaf("target", path),
      ...(operation === "delete" ? [] : [Element.make("value", push, { children: [value] })])
    ]
  })

/** `<datastore-changes>` of a push-change-update. */
export const datastoreChanges = (patchId: number, patch: ReadonlyArray<Edit>): Element.Element =>
  Element.make("datastore-changes", push, {
    children: [
      Element.make("yang-patch", push, { children: [leaf("patch-id", String(patchId)), ...patch.map(toElement)] })
    ]
  })
