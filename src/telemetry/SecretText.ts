/**
 * Where the secrets are in text that names them: messages, CLI, paths with their predicates, JSON and pieces of XML.
 *
 * One walk from name to name; what follows a name decides where its value is. It errs on the side of hiding, and leaves
 * what prose says about a password (`password is too short`) readable. Each character is looked at a bounded number of times.
 */
import { Lines } from "./SecretLines.ts"
import { content, escapedContent, tagAt } from "./SecretMarkup.ts"
import { isBgpCommunity, type Kind, type SecretNames } from "./SecretNames.ts"
import * as SecretPaths from "./SecretPaths.ts"
import { isProse } from "./SecretWords.ts"
import { spoken } from "./SpokenValue.ts"
import { blanks, type Region, value } from "./WrittenValue.ts"

/** Every value that stands behind a name of a secret. `withinLogin`: the text is part of a block about logging in. */
export const find = (text: string, names: SecretNames, withinLogin = false): ReadonlyArray<Region> => {
  if (!names.mayStandIn(text)) return []
  const regions: Array<Region> = []
  const identifier = /[A-Za-z_][\w-]*/g
  const lines = new Lines(text, withinLogin)
  let isComplained = false
  for (let match = identifier.exec(text); match !== null; match = identifier.exec(text)) {
    const kind = names.kindOf(match[0])
    if (kind === undefined) continue
    if (lines.to(match.index)) isComplained = false
    const end = identifier.lastIndex
    const { next = end, found } = valuesOf(text, { name: match[0], start: match.index, end, kind }, lines)
    for (const region of found) if (region[1] > region[0]) regions.push(region)
    if (kind !== "leaf" && !isComplained) {
      isComplained = true
      regions.push(...lines.refused(names).filter(([from, to]) => !isBgp(text, kind, from, to, lines)))
    }
    // Nothing is read twice, or hostile text would cost its square.
    identifier.lastIndex = Math.max(end, next, found.at(-1)?.[1] ?? 0)
  }
  return regions
}

const none: SecretPaths.PathValues = { found: [] }

/** A name in the text. */
interface Named {
  readonly name: string
  readonly start: number
  readonly end: number
  readonly kind: Kind
}

const valuesOf = (text: string, named: Named, lines: Lines): SecretPaths.PathValues => {
  const { end, kind, name, start } = named
  if (kind === "community" && lines.isRouting) return none
  const tag = tagAt(text, start)
  if (tag === "closing") return none
  if (tag !== undefined) return one(content(text, end, tag + name))
  if (text.startsWith("&gt;", end)) return one(escapedContent(text, end))
  if (text[end] === "[" || text[end] === "/") return SecretPaths.valuesFrom(text, end)
  const region = written(text, named, lines)
  return region === undefined || isBgp(text, kind, ...region, lines) ? none : one(region)
}

const one = (region: Region | undefined): SecretPaths.PathValues => (region === undefined ? none : { found: [region] })

const isBgp = (text: string, kind: Kind, start: number, end: number, lines: Lines): boolean =>
  kind === "community" && !lines.isSnmp && isBgpCommunity(text.slice(start, Math.min(end, start + 64)))

const written = (text: string, named: Named, lines: Lines): Region | undefined => {
  const { end, kind, name, start } = named
  // A parser speaks of its own tokens.
  if (
    /^token$/i.test(name) &&
    /(?:unexpected|expect(?:ed|ing)|illegal) $/i.test(text.slice(Math.max(0, start - 24), start))
  ) {
    return undefined
  }
  const assigned = assignment(text, named)
  if (assigned !== undefined) return isProse(text, assigned) ? undefined : value(text, assigned)
  if (kind === "field" || (text[end] !== " " && text[end] !== "\t")) return undefined
  return spoken(text, { name, end, certain: kind !== "leaf" || lines.isLogin })
}

/** Where the value of `name = value`, `"name": value` or `f(name, 'value')` begins. */
const assignment = (text: string, { end, kind, start }: Named): number | undefined => {
  let at = end
  if (text[at] === "\\") at++
  const quoted = text[at] === '"' || text[at] === "'"
  if (quoted) at++
  at = blanks(text, at)
  const mark = text[at]
  if (mark === ",") {
    const argument = blanks(text, at + 1)
    return text[argument] === '"' || text[argument] === "'" ? argument : undefined
  }
  // `missing key: name` speaks of a list.
  if (mark !== "=" && (mark !== ":" || (kind === "leaf" && !quoted))) return undefined
  at++
  while (text[at] === "=" || text[at] === ">") at++
  // `asks "Password:"`: the quote closes what it stands in.
  const isClosed = !quoted && text[at] === text[start - 1] && /["'`]/.test(text[at] ?? "")
  if (isClosed) return undefined
  return mark === ":" ? below(text, blanks(text, at), quoted) : blanks(text, at)
}

const lineBreak = /(?:[>|][-+]?[ \t]{0,8})?(?:\r?\n[ \t]{0,64}){1,4}/y

/** JSON goes on in the next line as it likes, YAML where the line is indented. */
const below = (text: string, start: number, isJson: boolean): number => {
  lineBreak.lastIndex = start
  if (!lineBreak.test(text)) return start
  const at = lineBreak.lastIndex
  return isJson || text[at - 1] === " " || text[at - 1] === "\t" ? at : start
}
