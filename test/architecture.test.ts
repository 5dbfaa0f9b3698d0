/** Who may import whom: the folders of `src/` in their order, the network in its folder, and what a user of the root entry loads. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

const src = join(import.meta.dirname, "..", "src")

const order = [
  ["errors.ts", "telemetry"],
  ...["xml", "data", "profiles", "framing", "transport", "rpc", "sessions", "notifications", "api", "testing"].map(
    (name) => [name]
  ),
  ["index.ts", "promise.ts", "sync.ts", "testing.ts"]
]
/** Where in the order a file stands: its folder's place, or its own. -1 for one that has no place. */
const rank = (file: string): number => order.findIndex((names) => names.includes(file.split("/")[0]!))

/** What each file imports: a path within `src/` for its own kind, the specifier for everything else. */
const imports: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  globSync("**/*.ts", { cwd: src }).map((file) => {
    const found = readFileSync(join(src, file), "utf8").matchAll(
      /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*"([^"]+)"/g
    )
    return [file, [...found].map(([, name = ""]) => (name.startsWith(".") ? join(dirname(file), name) : name))]
  })
)

const edges = [...imports].flatMap(([from, all]) => all.map((to) => [from, to] as const))
const shown = (found: typeof edges) => found.map(([from, to]) => `${from} imports ${to}`)

describe("src", () => {
  it("has no file without a place in the order", () => {
    assert.isAbove(imports.size, 80)
    assert.deepStrictEqual(
      [...imports.keys()].filter((file) => rank(file) === -1),
      []
    )
  })

  it("imports within a folder or from those before it, and testing from its entry alone", () => {
    const within = edges.filter(([, to]) => imports.has(to))
    assert.isAbove(within.length, 200)
    const upward = within.filter(([from, to]) => rank(to) > rank(from) || rank(to) === order.length - 1)
    const leaf = within.filter(([from, to]) => to.startsWith("testing/") && !/^testing(\/|\.ts$)/.test(from))
    assert.deepStrictEqual(shown([...upward, ...leaf]), [])
  })

  it("meets the network, processes and threads in transport and testing alone; reactors and the blocking client start threads", () => {
    const platform = /^(?:node:)?(?:net|tls|dgram|http|http2|https|child_process|worker_threads)$|^ssh2(?:\/|$)/
    const isOwnThread = (from: string, to: string) =>
      /^(?:api\/sync|sessions\/reactors)\//.test(from) && to === "node:worker_threads"
    const outside = edges.filter(
      ([from, to]) => platform.test(to) && !/^(?:transport|testing)\//.test(from) && !isOwnThread(from, to)
    )
    assert.deepStrictEqual(shown(outside), [])
  })

  for (const entry of ["index.ts", "promise.ts", "sync.ts"]) {
    it(`loads neither testing nor a platform package nor a web server from ${entry}`, () => {
      const reached = new Set([entry])
      for (const file of reached) for (const to of imports.get(file) ?? []) reached.add(to)
      assert.isAbove(reached.size, 50)
      const unwanted = /^testing[./]|^@effect\/platform|^(?:node:)?https?2?$|^effect$/
      assert.deepStrictEqual(
        [...reached].filter((name) => unwanted.test(name)),
        []
      )
    })
  }
})
