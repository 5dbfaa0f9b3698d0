/**
 * A copy of what a subscription selects, kept by its updates (RFC 8641 §3.7): a push-update replaces all of it, a
 * push-change-update is applied whole or not at all. Says when it has missed something and has to be told everything again.
 *
 * Pure; asking again is the mirror's.
 */
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import type * as OwnEvent from "./OwnEvent.ts"
import { PatchIds } from "./PatchIds.ts"
import type { ModuleNamespaces } from "./ModuleNamespaces.ts"
import * as YangPatch from "./YangPatch.ts"

/** An update that could not be taken, and why. */
export interface Missed {
  readonly missed: string
  /** Whether it might have been if it were known which namespaces the device's modules have. */
  readonly needsModules?: boolean
}

/** What an update did. `ignored`: a whole selection is on its way, which holds it. */
export type Outcome = "changed" | "ignored" | Missed

/** `<data>` around the top-level nodes, as in the reply to get. */
const around = (children: ReadonlyArray<Element.Node>): Element.Element =>
  Element.make("data", Namespaces.base, { children })

export class Replica {
  readonly #modules: ModuleNamespaces
  #tree: Element.Element | undefined
  #ids = new PatchIds()
  /** Until a whole selection comes. */
  #waits = true

  constructor(modules: ModuleNamespaces) {
    this.#modules = modules
  }

  /** As it was after the last update that could be applied; undefined before the first. */
  get tree(): Element.Element | undefined {
    return this.#tree
  }

  /** Whether it needs a whole selection. */
  get waits(): boolean {
    return this.#waits
  }

  /** Another subscription is told from the beginning. */
  restart(): void {
    this.#waits = true
    this.#ids = new PatchIds()
  }

  /** Something did not arrive. */
  missed(): void {
    this.#waits = true
  }

  replace({ contents, incomplete }: OwnEvent.Of<"PushUpdate">): Outcome {
    this.#ids.restart()
    if (incomplete === true) return this.#miss("a push-update is incomplete")
    this.#waits = false
    this.#tree = around(contents === undefined ? [] : Element.elements(contents))
    return "changed"
  }

  change({ changes, incomplete }: OwnEvent.Of<"PushChangeUpdate">): Outcome {
    const patch = changes?.patch
    if (this.#waits || this.#tree === undefined) {
      if (patch !== undefined) this.#ids.note(patch.patchId)
      return "ignored"
    }
    if (patch !== undefined && !this.#ids.follows(patch.patchId)) {
      return this.#miss(`patch ${patch.patchId} is not the one that was due`)
    }
    if (incomplete === true) return this.#miss("a push-change-update is incomplete")
    if (patch === undefined) return this.#miss("a push-change-update holds no patch")
    const next = YangPatch.apply(this.#tree, patch.edit, this.#modules)
    if (next instanceof YangPatch.Inapplicable) {
      return { ...this.#miss(`${next.path}: ${next.why}`), ...(next.needsModules ? { needsModules: true } : {}) }
    }
    this.#tree = next
    return "changed"
  }

  #miss(why: string): Missed {
    this.#waits = true
    return { missed: why }
  }
}
