/**
 * JSON (RFC 8259) with the line of each part. Keys that stand twice are refused: the standard leaves open which one counts.
 */
import { Lines, type Located, maxDepth, type Path, TextError } from "./Located.ts"

const space = /[ \t\r\n]*/y
const literal = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y

class Reader {
  readonly lines = new Lines()
  readonly #text: string
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): unknown {
    const value = this.#value([])
    this.#skip()
    return this.#at === this.#text.length ? value : this.#fail("expected nothing more after the value")
  }

  #value(path: Path): unknown {
    if (path.length > maxDepth) return this.#fail("it is nested too deeply")
    this.#skip()
    if (path.length === 0 || typeof path.at(-1) === "number") this.lines.set(path, this.#line)
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(path)
      case "[":
        return this.#array(path)
      default:
        return this.#string() ?? JSON.parse(this.#take(literal) ?? this.#fail("expected a value"))
    }
  }

  #object(path: Path): object {
    const entries = new Map<string, unknown>()
    this.#each("}", () => {
      const key = this.#string() ?? this.#fail("expected a key in double quotes")
      const inside = [...path, key]
      if (entries.has(key)) throw new TextError("this key stands there twice", { line: this.#line, path: inside })
      this.lines.set(inside, this.#line)
      this.#skip()
      if (!this.#is(":")) this.#fail(`expected ":"`)
      entries.set(key, this.#value(inside))
    })
    return Object.fromEntries(entries)
  }

  #array(path: Path): ReadonlyArray<unknown> {
    const items: Array<unknown> = []
    this.#each("]", () => items.push(this.#value([...path, items.length])))
    return items
  }

  /** The members between a bracket, at which the reader stands, and its counterpart. */
  #each(end: string, member: () => void): void {
    this.#at++
    this.#skip()
    if (this.#is(end)) return
    for (;;) {
      this.#skip()
      member()
      this.#skip()
      if (this.#is(end)) return
      if (!this.#is(",")) this.#fail(`expected "," or "${end}"`)
    }
  }

  /** By hand: a pattern that finds the end of a long string, or finds none, runs out of stack or of time. */
  #string(): string | undefined {
    if (this.#text[this.#at] !== `"`) return undefined
    let end = this.#text.indexOf(`"`, this.#at + 1)
    while (end !== -1 && this.#isEscaped(end)) end = this.#text.indexOf(`"`, end + 1)
    if (end === -1) return undefined
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end + 1)) as string
      this.#at = end + 1
      return value
    } catch {
      return undefined
    }
  }

  #isEscaped(at: number): boolean {
    let first = at
    while (this.#text[first - 1] === "\\") first--
    return (at - first) % 2 === 1
  }

  #is(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  /** Lines end in white space alone. */
  #skip(): void {
    const start = this.#at
    const skipped = this.#take(space) ?? ""
    for (let i = skipped.indexOf("\n"); i !== -1; i = skipped.indexOf("\n", i + 1)) {
      this.#line++
      this.#lineStart = start + i + 1
    }
  }

  #fail(why: string): never {
    throw new TextError(why, { line: this.#line, column: this.#at - this.#lineStart + 1 })
  }
}

export const read = (text: string): Located => {
  const reader = new Reader(text)
  return { value: reader.document(), lineOf: reader.lines.lineOf, inOrder: reader.lines.inOrder }
}
