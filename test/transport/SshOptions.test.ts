import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const read = (file: URL) => readFileSync(file, "utf8")
const imported = (file: URL) =>
  [...read(file).matchAll(/ from "(\.[^"]+)"/g)].map(([, path]) => new URL(path!, file).href)

/** What the declarations of Ssh.ts name, which is what a consumer's compiler reads. */
const roots = ["AuthOptions.ts", "HostKey.ts", "SshOptions.ts", "Transport.ts"].map(
  (name) => new URL(`../../src/transport/${name}`, import.meta.url).href
)

describe("SshOptions", () => {
  it("can be used without the types of ssh2", () => {
    const seen = new Set(roots)
    for (const href of seen) for (const next of imported(new URL(href))) seen.add(next)
    assert.isAbove(seen.size, roots.length)
    for (const href of seen) assert.notInclude(read(new URL(href)), `from "ssh2"`, href)
  })

  it("is all that Ssh.ts takes its types from", () => {
    const text = read(new URL("../../src/transport/Ssh.ts", import.meta.url))
    const types = [...text.matchAll(/^(?:import|export) type .* from "\.\/([^"]+)"$/gm)].map(([, name]) => name!)
    assert.deepStrictEqual([...new Set(types)].sort(), roots.map((href) => href.split("/").at(-1)!).sort())
  })
})
