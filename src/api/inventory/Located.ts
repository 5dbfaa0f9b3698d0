/**
 * Text of a person, JSON or YAML, as plain data in which each part knows its line: what both readers share.
 *
 * Readers throw `TextError`, whose words never quote the text: it may hold secrets.
 */

export type Path = ReadonlyArray<string | number>

/** Why a text cannot be read, and where. */
export class TextError extends Error {
  readonly line: number | undefined
  readonly column: number | undefined
  readonly path: Path

  constructor(why: string, at: { readonly line?: number; readonly column?: number; readonly path?: Path } = {}) {
    super(why)
    this.line = at.line
    this.column = at.column
    this.path = at.path ?? []
  }
}

export interface Located {
  readonly value: unknown
  /** The line of the part with this path, or of the nearest part around it. */
  readonly lineOf: (path: Path) => number | undefined
  /** Keys of a map in the order of the text; objects put those that look like numbers first. */
  readonly inOrder: (path: Path, keys: ReadonlyArray<string>) => ReadonlyArray<string>
}

/** Maps and lists within each other; more than any file of settings needs, and far from the end of the stack. */
export const maxDepth = 64

/** Where parts stand, by path. */
export class Lines {
  /** By path: the line, and how many parts begin before this one. */
  readonly #places = new Map<string, readonly [line: number, before: number]>()

  set(path: Path, line: number): void {
    this.#places.set(path.join("\0"), [line, this.#places.size])
  }

  readonly inOrder: Located["inOrder"] = (path, keys) => {
    const before = (key: string): number => this.#places.get([...path, key].join("\0"))?.[1] ?? 0
    return keys.toSorted((a, b) => before(a) - before(b))
  }

  readonly lineOf = (path: Path): number | undefined => {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(path.slice(0, length).join("\0"))
      if (place !== undefined) return place[0]
    }
    return undefined
  }
}

/** `devices.leaf-01.tags[0]`. */
export const printPath = (path: Path): string =>
  path
    .map((key, i) => {
      if (typeof key === "number") return `[${key}]`
      return (i === 0 ? "" : ".") + (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))
    })
    .join("")

/** What a value is, in words that do not show it. */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a map"
  if (typeof value === "string") return value === "" ? "an empty text" : "text"
  return typeof value === "boolean" ? "true or false" : "a number"
}
