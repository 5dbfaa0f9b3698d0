/** What is wrong with an inventory: every problem with its place, and all of them in one `InputError` without any value. */
import * as SchemaIssue from "effect/SchemaIssue"
import { InputError, printable } from "../../errors.ts"
import { kindOf, type Located, type Path, printPath } from "./Located.ts"

export interface Problem {
  readonly path: Path
  readonly why: string
  readonly line?: number | undefined
}

/** How many problems are told; of the others the number is. */
const told = 10

/** The device that a part of the file is about. */
const deviceOf = (path: Path): { readonly label?: string } =>
  path[0] === "devices" && path[1] !== undefined ? { label: String(path[1]) } : {}

const placeOf = ({ line, path }: Problem): string =>
  [...(line === undefined ? [] : [`line ${line}`]), ...(path.length === 0 ? [] : [printPath(path)])].join(", ")

const withPlace = (problem: Problem): string => {
  const place = placeOf(problem)
  return place === "" ? problem.why : `${place}: ${problem.why}`
}

/** One error of all problems, by their lines; each one with its place. */
export const toError = (name: string, problems: ReadonlyArray<Problem>): InputError => {
  const [first, ...others] = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) as [Problem, ...Array<Problem>]
  const left = others.length - (told - 1)
  const more = [...others.slice(0, told - 1).map(withPlace), ...(left > 0 ? [`${left} more`] : [])]
  const where = printable(placeOf(first))
  return new InputError({
    ...deviceOf(first.path),
    operation: "inventory",
    what: printable(name),
    ...(where === "" ? {} : { where }),
    why: [first.why, ...more].join("; ")
  })
}

const formatter = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "MissingKey":
        return "it is missing"
      case "UnexpectedKey":
        return `there is no such key; there are ${keysOf(issue.ast).join(", ")}`
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

const keysOf = (ast: object): ReadonlyArray<string> =>
  "propertySignatures" in ast
    ? (ast.propertySignatures as ReadonlyArray<{ readonly name: PropertyKey }>).map(({ name }) => String(name))
    : []

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
    if (!message.startsWith("Expected")) return { path, line, why: message }
    const said = message
      .replace("Expected", "expected")
      .replaceAll(" | ", ", ")
      .replace(/\bobject$/, "a map")
    const actual = at(value, path)
    return { path, line, why: `${said}, found ${kindOf(actual)}${advice(actual, said)}` }
  })
