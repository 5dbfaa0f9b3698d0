/**
 * What the settings of an inventory come to for each device: its own over those of its groups over the defaults.
 *
 * A setting is taken whole from the nearest that has it, save `deadlines`, `limits` and `ssh`, which are merged key by key,
 * and `tags`, which add up. Of two groups the later one wins, and a group wins over its parents.
 */
import type { Auth, InventoryFile, Settings } from "./File.ts"
import type { Problem } from "./Problem.ts"
import type { PlacedAuth } from "./Secrets.ts"
import { kindOf, maxDepth, type Path } from "./Located.ts"

/** A device with all that holds for it. */
export interface Effective {
  readonly name: string
  readonly settings: Omit<Settings, "auth" | "groups">
  readonly auth: ReadonlyArray<PlacedAuth> | undefined
}

type Group = NonNullable<InventoryFile["groups"]>[string]

/** Settings, and where they stand in the file. */
export interface Layer {
  readonly settings: Partial<Settings>
  readonly path: Path
}

/** The groups of a list with their parents, each once and behind its parents; a cycle or an unknown one is told. */
class Groups {
  readonly #groups: ReadonlyMap<string, Group>
  readonly #orders = new Map<string, ReadonlyArray<string>>()
  readonly problems: Array<Problem> = []

  constructor(groups: InventoryFile["groups"] = {}) {
    this.#groups = new Map(Object.entries(groups))
    for (const name of this.#groups.keys()) this.#order(name, [])
  }

  layersOf(names: ReadonlyArray<string>, path: Path): ReadonlyArray<Layer> {
    const order = this.#known(names, path).flatMap((name) => this.#order(name, []))
    return [...new Set(order)].map((name) => ({ settings: this.#groups.get(name)!, path: ["groups", name] }))
  }

  /** `above` are the groups that this one is asked for by. */
  #order(name: string, above: ReadonlyArray<string>): ReadonlyArray<string> {
    const before = this.#orders.get(name)
    if (before !== undefined) return before
    const path = ["groups", name, "groups"]
    if (above.includes(name)) {
      const cycle = [...above.slice(above.indexOf(name)), name].join(" -> ")
      this.problems.push({ path, why: `a group cannot be its own parent: ${cycle}` })
      return []
    }
    if (above.length >= maxDepth) {
      this.problems.push({ path, why: `groups of groups are nested too deeply: at most ${maxDepth}` })
      return []
    }
    const parents = this.#known(this.#groups.get(name)!.groups ?? [], path)
    const order = [...new Set([...parents.flatMap((parent) => this.#order(parent, [...above, name])), name])]
    this.#orders.set(name, order)
    return order
  }

  #known(names: ReadonlyArray<string>, path: Path): ReadonlyArray<string> {
    for (const [i, name] of names.entries()) {
      if (!this.#groups.has(name)) this.problems.push({ path: [...path, i], why: this.#unknown(name) })
    }
    return names.filter((name) => this.#groups.has(name))
  }

  #unknown(name: string): string {
    const names = [...this.#groups.keys()]
    const some = names.slice(0, 10).join(", ") + (names.length > 10 ? ", ..." : "")
    return `there is no group ${JSON.stringify(name)}${names.length === 0 ? "" : `; there are ${some}`}`
  }
}

/** The ways to log in of some settings. */
export const placed = ({ path, settings: { auth } }: Layer): ReadonlyArray<PlacedAuth> => {
  if (auth === undefined) return []
  if (!Array.isArray(auth)) return [{ auth: auth as Auth, path: [...path, "auth"] }]
  return (auth as ReadonlyArray<Auth>).map((each, i) => ({ auth: each, path: [...path, "auth", i] }))
}

const keyByKey = ["deadlines", "limits", "ssh"] as const

/** Later layers win. */
const merge = (name: string, layers: ReadonlyArray<Layer>): Effective => {
  const all = layers.map((layer) => layer.settings)
  const settings: Partial<Settings> = Object.assign({}, ...all)
  for (const key of keyByKey) {
    const parts = all.map((each) => each[key]).filter((part) => part !== undefined)
    if (parts.length > 1) Object.assign(settings, { [key]: Object.assign({}, ...parts) })
  }
  const tags = [...new Set(all.flatMap((each) => each.tags ?? []))]
  const { auth: _auth, groups: _groups, ...rest } = settings
  const withAuth = layers.findLast((layer) => layer.settings.auth !== undefined)
  const auth = withAuth === undefined ? undefined : placed(withAuth)
  return { name, auth, settings: tags.length === 0 ? rest : { ...rest, tags } }
}

export interface Expanded {
  readonly devices: ReadonlyArray<Effective>
  /** Everything that stands in the file, whether a device uses it or not. */
  readonly layers: ReadonlyArray<Layer>
  readonly problems: ReadonlyArray<Problem>
}

/** A name is printed in errors and reports, and chosen by on command lines. */
const nameProblem = (name: string): string | undefined => {
  if (name === "" || name.trim() !== name)
    return "a device's name is not empty, and neither begins nor ends with a space"
  // oxlint-disable-next-line no-control-regex -- these are the characters that are refused
  return /[\u0000-\u001f\u007f-\u009f]/.test(name) ? "a device's name holds no control characters" : undefined
}

/** What the file comes to for the devices of these names, which are all of its devices. */
export const expand = (file: InventoryFile, names: ReadonlyArray<string>): Expanded => {
  const groups = new Groups(file.groups)
  const defaults: Layer = { settings: file.defaults ?? {}, path: ["defaults"] }
  const problems: Array<Problem> = []
  const entries = names.map((name): readonly [string, Layer] => {
    const why = nameProblem(name)
    if (why !== undefined) problems.push({ path: ["devices", name], why })
    return [name, { settings: file.devices[name]!, path: ["devices", name] }]
  })
  const devices = entries.map(([name, layer]) => {
    const between = groups.layersOf(layer.settings.groups ?? [], [...layer.path, "groups"])
    return merge(name, [defaults, ...between, layer])
  })
  const grouped = Object.entries(file.groups ?? {}).map(([name, settings]) => ({ settings, path: ["groups", name] }))
  const layers: ReadonlyArray<Layer> = [defaults, ...grouped, ...entries.map(([, layer]) => layer)]
  return { devices, layers, problems: [...groups.problems, ...problems] }
}

/** A map, a group or a device without anything in it says nothing, and is written so: `leaf-01:`. */
export const withoutNothing = (value: unknown): unknown => {
  if (kindOf(value) !== "a map") return value
  const filled = (part: unknown): unknown =>
    kindOf(part) === "a map"
      ? Object.fromEntries(Object.entries(part as object).map(([key, each]) => [key, each ?? {}]))
      : (part ?? {})
  return Object.fromEntries(
    Object.entries(value as object).map(([key, part]) => {
      if (key === "devices" || key === "groups") return [key, filled(part)]
      return [key, key === "defaults" ? (part ?? {}) : part]
    })
  )
}
