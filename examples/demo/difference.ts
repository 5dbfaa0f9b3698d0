/**
 * What a change did, for a person: the leaves of two configurations compared, one line each.
 *
 * It knows no model, so it takes a leaf called name, id, ip, key or index at the beginning of an element for its list key.
 */
import { Element, printable } from "../../src/index.ts"
import { detail, dim, green, isSecret, red, yellow } from "./screen.ts"

const keys = new Set(["name", "id", "ip", "key", "index"])

const isLeaf = (element: Element.Element): boolean => Element.elements(element).length === 0

const labelOf = (element: Element.Element): string => {
  const first = Element.elements(element)[0]
  return first !== undefined && keys.has(first.name) && isLeaf(first)
    ? `${element.name}[${Element.text(first).trim()}]`
    : element.name
}

/** Each leaf and its value, by a path that is the same in both configurations. */
const leaves = (root: Element.Element): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  const walk = (parent: Element.Element, path: string): void => {
    const seen = new Map<string, number>()
    for (const element of Element.elements(parent)) {
      const label = labelOf(element)
      const count = (seen.get(label) ?? 0) + 1
      seen.set(label, count)
      const here = `${path}/${label}${count > 1 ? `[${count}]` : ""}`
      if (isLeaf(element)) found.set(here, Element.text(element).trim())
      else walk(element, here)
    }
  }
  walk(root, "")
  return found
}

/** Prints what differs, and returns how many leaves do. */
export const showDifference = (before: Element.Element, after: Element.Element): number => {
  const [old, now] = [leaves(before), leaves(after)]
  const paths = [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path) !== now.get(path))
  for (const path of paths) show(path, old.get(path), now.get(path))
  return paths.length
}

const show = (path: string, old: string | undefined, now: string | undefined): void => {
  const value = (text: string) => (isSecret(path) ? "(hidden)" : printable(text))
  const where = printable(path.slice(1))
  if (old === undefined) detail(`${green("+")} ${where} ${dim("=")} ${green(value(now!))}`)
  else if (now === undefined) detail(`${red("-")} ${where} ${dim("=")} ${red(value(old))}`)
  else detail(`${yellow("~")} ${where} ${red(value(old))} ${dim("->")} ${green(value(now))}`)
}
