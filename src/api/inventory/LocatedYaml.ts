/**
 * YAML 1.2, core schema, with the line of each part: `no` and `on` are text. What makes a file say something else than
 * it seems to is refused: keys that stand twice or are no text, merge keys, tags, further documents.
 *
 * This module loads the `yaml` package, so it is itself loaded only when there is a YAML file.
 */
import * as Yaml from "yaml"
import { Lines, type Located, maxDepth, type Path, TextError } from "./Located.ts"

/** How many values aliases may add: a few nested ones can stand for billions. */
const maxAliased = 200_000

/** The package's own messages quote the text. */
const words: { readonly [Code in Yaml.ErrorCode]?: string } = {
  BAD_ALIAS: "this alias is not right",
  BAD_DIRECTIVE: "this directive is not known",
  BAD_DQ_ESCAPE: "this escape sequence is not known",
  BAD_INDENT: "the indentation is not right, or a bracket is missing",
  BAD_SCALAR_START: "no text begins with this character: put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: `a second ": " in one line: put the text in quotes`,
  BLOCK_IN_FLOW: "no block can stand inside of brackets",
  MISSING_CHAR: "a character is missing: a colon, a comma, a quote or a bracket",
  MULTILINE_IMPLICIT_KEY: "a key without a colon, or one that runs over several lines",
  MULTIPLE_DOCS: "a second document begins: expected one",
  RESOURCE_EXHAUSTION: "it is nested too deeply",
  TAB_AS_INDENT: "a tab in the indentation: use spaces",
  TAG_RESOLVE_FAILED: "this tag is not known",
  UNEXPECTED_TOKEN: "something unexpected: is there a quote too few, or a colon?"
}

const plainTags = new Set(["str", "int", "float", "bool", "null", "map", "seq"].map((t) => `tag:yaml.org,2002:${t}`))

class Walk {
  readonly lines = new Lines()
  /** By anchor, the node that it stands at, the latest so far; what the package would walk the whole document for. */
  readonly #anchors = new Map<string, Yaml.Node>()
  /** What each alias stood for where it is written: below another alias the anchors are others by then. */
  readonly #targets = new Map<Yaml.Alias, Yaml.Node | undefined>()
  readonly #counter: Yaml.LineCounter
  readonly #within = new Set<Yaml.Node>()
  #aliased = 0
  #inAlias = 0

  constructor(counter: Yaml.LineCounter) {
    this.#counter = counter
  }

  value(node: unknown, path: Path): unknown {
    if (!Yaml.isNode(node)) return null
    if (path.length > maxDepth) return this.#fail("it is nested too deeply", node, path)
    if (this.#inAlias > 0 && ++this.#aliased > maxAliased) this.#fail("its aliases stand for too much", node, path)
    if (Yaml.isAlias(node)) return this.#alias(node, path)
    this.#anchored(node)
    if (node.tag !== undefined && !plainTags.has(node.tag)) this.#fail("this tag is not known", node, path)
    if (Yaml.isScalar(node)) return node.value
    if (Yaml.isMap(node)) return this.#map(node, path)
    return node.items.map((item, i) => {
      this.#mark([...path, i], item)
      return this.value(item, [...path, i])
    })
  }

  #map(map: Yaml.YAMLMap, path: Path): object {
    const entries = new Map<string, unknown>()
    for (const pair of map.items) {
      const key = this.#key(pair.key, map, path)
      const inside = [...path, key]
      if (entries.has(key)) this.#fail("this key stands there twice", pair.key as Yaml.Node, inside)
      this.#mark(inside, pair.key)
      entries.set(key, this.value(pair.value, inside))
    }
    return Object.fromEntries(entries)
  }

  /** A key as it is written: a device called 007 is not called 7. */
  #key(node: unknown, map: Yaml.Node, path: Path): string {
    if (!Yaml.isScalar(node) || node.value === null) {
      return this.#fail("expected text as a key", Yaml.isNode(node) ? node : map, path)
    }
    this.#anchored(node)
    const key = typeof node.value === "string" ? node.value : (node.source ?? String(node.value))
    if (key !== "<<") return key
    return this.#fail("merge keys (<<) are not read: use groups or defaults", node, path)
  }

  #anchored(node: Exclude<Yaml.Node, Yaml.Alias>): void {
    if (node.anchor !== undefined && this.#inAlias === 0) this.#anchors.set(node.anchor, node)
  }

  #targetOf(alias: Yaml.Alias): Yaml.Node | undefined {
    if (!this.#targets.has(alias)) this.#targets.set(alias, this.#anchors.get(alias.source))
    return this.#targets.get(alias)
  }

  #alias(alias: Yaml.Alias, path: Path): unknown {
    const target = this.#targetOf(alias)
    if (target === undefined) return this.#fail("there is no such anchor before this alias", alias, path)
    if (this.#within.has(target)) this.#fail("this alias stands inside of what it stands for", alias, path)
    this.#within.add(target)
    this.#inAlias++
    const value = this.value(target, path)
    this.#inAlias--
    this.#within.delete(target)
    return value
  }

  #mark(path: Path, node: unknown): void {
    if (Yaml.isNode(node) && node.range) this.lines.set(path, this.#counter.linePos(node.range[0]).line)
  }

  #fail(why: string, node: Yaml.Node, path: Path): never {
    const at = node.range ? this.#counter.linePos(node.range[0]) : undefined
    throw new TextError(why, at === undefined ? { path } : { path, line: at.line, column: at.col })
  }
}

export const read = (text: string): Located => {
  const lineCounter = new Yaml.LineCounter()
  // Keys that stand twice are found here: the package compares each with all others.
  const options = { lineCounter, prettyErrors: false, uniqueKeys: false, merge: false, schema: "core" } as const
  const document = parse(text, options)
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const { col, line } = lineCounter.linePos(problem.pos[0])
    throw new TextError(words[problem.code] ?? "this is not YAML", { line, column: col })
  }
  if (document.directives.yaml.version !== "1.2") throw new TextError("expected YAML 1.2, without a %YAML directive")
  const walk = new Walk(lineCounter)
  return { value: walk.value(document.contents, []), lineOf: walk.lines.lineOf, inOrder: walk.lines.inOrder }
}

const parse = (text: string, options: Yaml.ParseOptions & Yaml.DocumentOptions & Yaml.SchemaOptions) => {
  try {
    return Yaml.parseDocument(text, options)
  } catch (error) {
    throw new TextError(error instanceof RangeError ? "it is nested too deeply" : "this is not YAML")
  }
}
