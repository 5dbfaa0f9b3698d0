/** README and docs: their code is that of the examples, their links lead somewhere. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(import.meta.dirname, "..")

describe("the code of the documentation", () => {
  const published: Readonly<Record<string, string>> = {
    "../src/index.ts": "effect-netconf",
    "../src/promise.ts": "effect-netconf/promise",
    "../src/sync.ts": "effect-netconf/sync",
    "../src/testing.ts": "effect-netconf/testing"
  }
  /** An example as its reader writes it: with the package's name in place of the path. */
  const asPublished = (source: string): string =>
    source.replace(/from "(\.\.\/src\/[a-z]+\.ts)"/g, (whole, path: string) => {
      const name = published[path]
      return name === undefined ? whole : `from "${name}"`
    })
  const dedented = (text: string): string => {
    const margins = text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.search(/\S/))
    const margin = Math.min(...margins)
    return text
      .split("\n")
      .map((line) => line.slice(margin))
      .join("\n")
  }
  /** Whether `part` is some of the lines of `whole`, in a row, at whatever indentation. */
  const isPartOf = (part: string, whole: string): boolean => {
    const rows = whole.split("\n")
    const count = part.split("\n").length
    return rows.some((_row, at) => dedented(rows.slice(at, at + count).join("\n")) === part)
  }
  for (const [page, least] of [
    ["README.md", 6],
    ["docs/concurrency.md", 1],
    ["docs/fleet.md", 3],
    ["docs/reconnecting.md", 1],
    ["docs/inventory.md", 1],
    ["docs/fleet-promise.md", 2],
    ["docs/sync.md", 1],
    ["docs/from-pynetx.md", 9],
    ["docs/yang-push.md", 1],
    ["docs/notifications.md", 2],
    ["docs/observability.md", 2],
    ["docs/values.md", 2]
  ] as const) {
    it(`${page} has only code that stands in an example`, () => {
      const text = readFileSync(join(root, page), "utf8")
      const named = /\[`?(examples\/[\w.-]+\.ts)`?\]\((?:\.\.\/)?\1\)[^\n]*\n\n```ts\n([^]*?)\n```/g
      const blocks = [...text.matchAll(named)]
      assert.strictEqual(
        blocks.length,
        text.split("```ts").length - 1,
        "a block without a link to its example above it"
      )
      assert.isAtLeast(blocks.length, least)
      for (const [, file = "", code = ""] of blocks) {
        const source = asPublished(readFileSync(join(root, file), "utf8"))
        assert.isTrue(isPartOf(code, source), `the code of ${page} is not that of ${file}:\n${code}`)
      }
    })
  }

  it("README.md names both commands before anything else that a reader could run", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8")
    const firstScreen = readme.split("\n").slice(0, 30).join("\n")
    assert.include(firstScreen, "npm ci && npm run demo")
    assert.include(firstScreen, "npm ci && npm test")
  })
})

describe("the documentation", () => {
  const files = globSync(["*.md", "docs/**/*.md"], { cwd: root }).sort()

  for (const file of files) {
    it(`${file} links only to what exists`, () => {
      const text = readFileSync(join(root, file), "utf8")
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = ""]) => link)
      const named = [...text.matchAll(/`((?:src|test|examples|bench|docs)\/[\w./-]+\.(?:ts|md))`/g)].map(
        ([, path = ""]) => path
      )
      const base = dirname(fileURLToPath(new URL(`../${file}`, import.meta.url)))
      const missing = [
        ...links.filter((link) => !existsSync(join(base, link))),
        ...named.filter((path) => !existsSync(join(root, path)))
      ]
      assert.deepStrictEqual(missing, [])
    })
  }
})
