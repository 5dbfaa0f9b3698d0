/**
 * The namespaced element tree: immutable, without parent pointers, built once by the parser or by hand.
 *
 * Text is a plain string. Namespace declarations are not attributes: every element carries the bindings in scope
 * (shared with its parent where they are the same), so that a prefix inside text (an identityref, an XPath) can be
 * resolved wherever the element goes.
 */

export interface Attribute {
  /** Local name. */
  readonly name: string
  readonly prefix: string
  /** Empty for an attribute without a prefix. */
  readonly namespace: string
  readonly value: string
}

/** Prefix to namespace; the default namespace under `""`. */
export type Scope = Readonly<Record<string, string>>

export interface Element {
  readonly _tag: "Element"
  /** Local name. */
  readonly name: string
  readonly prefix: string
  /** Empty for an element in no namespace. */
  readonly namespace: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly scope: Scope
  readonly children: ReadonlyArray<Node>
}

export interface CData {
  readonly _tag: "CData"
  readonly text: string
}

export interface Comment {
  readonly _tag: "Comment"
  readonly text: string
}

export interface ProcessingInstruction {
  readonly _tag: "ProcessingInstruction"
  readonly target: string
  readonly body: string
}

export type Node = Element | string | CData | Comment | ProcessingInstruction
