/** What is wrong with an inventory: every problem with its place, and all of them in one `InputError` without any value. */
import * as SchemaIssue from "effect/SchemaIssue"
import { InputError, printable } from "../../errors.ts"
import { meant } from "./Suggestions.ts"
import { kindOf, type Located, type Path, printPath } from "./Located.ts"

export interface Problem {
  readonly path: Path
  readonly why: string
  readonly line?: number | undefined
  /** The keys that there are, where one is not known and nothing comes near it. */
  readonly keys?: ReadonlyArray<string>
}

/** How many problems are told; of the others the number is. */
const told = 10

/** The device that they are all about. */
const deviceOf = (problems: ReadonlyArray<Problem>): { readonly label?: string } => {
  const names = new Set(problems.map(({ path }) => (path[0] === "devices" ? path[1] : undefined)))
  const [name] = names
  return names.size === 1 && name !== undefined ? { label: String(name) } : {}
}

const placeOf = ({ line, path }: Problem): string =>
  [...(line === undefined ? [] : [`line ${line}`]), ...(path.length === 0 ? [] : [printPath(path)])].join(", ")

const withPlace = (why: string, problem: Problem): string => {
  const place = placeOf(problem)
  return place === "" ? why : `${place}: ${why}`
}

/** What each one says; a list of keys is told once. */
const wordsOf = (problems: ReadonlyArray<Problem>): ReadonlyArray<string> => {
  const lists = new Set<string>()
  return problems.map(({ keys, why }) => {
    const list = keys?.join(", ")
    if (list === undefined || lists.has(list)) return why
    lists.add(list)
    return `${why}; there are ${list}`
  })
}

/** One error of all problems, in the order of their lines; of several each stands on a line of its own. */
export const toError = (name: string, problems: ReadonlyArray<Problem>): InputError => {
  const ordered = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
  const about = { ...deviceOf(ordered), operation: "inventory", what: printable(name) }
  const words = wordsOf(ordered.slice(0, told))
  const [first] = ordered as [Problem, ...Array<Problem>]
  const where = printable(placeOf(first))
  if (ordered.length === 1) return new InputError({ ...about, ...(where === "" ? {} : { where }), why: words[0]! })
  const left = ordered.length - words.length
  const lines = words.map((why, i) => withPlace(why, ordered[i]!))
  const more = left > 0 ? [`and ${left} more`] : []
  return new InputError({ ...about, why: `${ordered.length} problems`, problems: [...lines, ...more] })
}

/** What the formatter says of a key that is not known; the keys that there are follow. */
const noSuchKey = "there is no such key:"

const formatter = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "it is missing"
      case "UnexpectedKey":
        return noSuchKey + keysOf(issue.ast).join(" ")
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

const keysOf = (ast: object): ReadonlyArray<string> =>
  "propertySignatures" in ast
    ? (ast.propertySignatures as ReadonlyArray<{ readonly name: PropertyKey }>).map(({ name }) => String(name))
    : []

const unknownKey = (name: string, keys: ReadonlyArray<string>) => {
  const key = meant(name, keys)
  return key === undefined
    ? { why: "there is no such key", keys }
    : { why: `there is no such key: did you mean ${key}?` }
}

/** What a person who wrote a value of this kind probably meant. */
const advice = (value: unknown, said: string): string =>
  said.startsWith("expected text") && (typeof value === "number" || typeof value === "boolean")
    ? ": put it in quotes"
    : ""

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inside, key) =>
      typeof inside === "object" && inside !== null ? (inside as Record<string, unknown>)[key] : undefined,
    value
  )

/** What the schema says, in words, each with its place. Messages of our own checks begin in lower case. */
export const problemsOf = (issue: SchemaIssue.Issue, { lineOf, value }: Located): ReadonlyArray<Problem> =>
  formatter(issue).issues.map(({ message, path: given = [] }) => {
    const path = given.map((key) => {
      const name = typeof key === "object" ? key.key : key
      return typeof name === "number" ? name : String(name)
    })
    const line = lineOf(path)
    if (message.startsWith(noSuchKey)) {
      return { path, line, ...unknownKey(String(path.at(-1)), message.slice(noSuchKey.length).split(" ")) }
    }
    if (!message.startsWith("Expected")) return { path, line, why: message }
    const said = message
      .replace("Expected", "expected")
      .replaceAll(" | ", ", ")
      .replace(/\bobject$/, "a map")
    const actual = at(value, path)
    return { path, line, why: `${said}, found ${kindOf(actual)}${advice(actual, said)}` }
  })
