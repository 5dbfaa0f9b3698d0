/** Every `@example` in `src/` compiles as a reader would use it: inside a program, with the package's names in scope. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, relative } from "node:path"
import { beforeAll } from "vitest"
import * as entry from "../src/index.ts"
import * as promise from "../src/promise.ts"
import * as sync from "../src/sync.ts"
import * as testing from "../src/testing.ts"

const root = join(import.meta.dirname, "..")

/** What an example may speak of without saying what it is, with its type. */
const given: Readonly<Record<string, string>> = {
  host: "string",
  port: "number",
  username: "string",
  password: "string",
  auth: "Ssh.Auth",
  hostKey: "Ssh.HostKeyPolicy",
  transport: "Transport",
  session: "Session",
  client: "NetconfSessionClient",
  config: "Element.Element",
  filter: "Filter.Filter",
  reply: "Element.Element",
  name: "string",
  names: "ReadonlyArray<string>",
  ns: "string",
  interfaces: "string",
  text: "string",
  program: "(transport: Transport) => Effect.Effect<void, NetconfError, Scope.Scope>",
  // @effect/platform-node is not installed here.
  NodeSocket: "{ makeNet: (options: { host: string; port: number }) => Effect.Effect<Socket.Socket> }"
}

const prelude = `
import type { Element, Filter, NetconfError, Session, Ssh, Transport } from "effect-netconf"
import type { NetconfSessionClient } from "effect-netconf/promise"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
${Object.entries(given)
  .map(([name, type]) => `export declare const ${name}: ${type}`)
  .join("\n")}
`

interface Example {
  /** Within `src/`. */
  readonly file: string
  /** Of the code's first line. */
  readonly line: number
  readonly code: string
}

const examplesOf = (file: string): ReadonlyArray<Example> => {
  const source = readFileSync(join(root, "src", file), "utf8")
  return [...source.matchAll(/^ *\* @example\n((?: *\*(?!\/)(?! @).*\n)*)/gm)].map(({ 1: body = "", index }) => {
    const lines = body.split("\n").map((line) => line.replace(/^ *\* ?/, ""))
    const fenced = lines[0] === "```ts"
    return {
      file,
      line: source.slice(0, index).split("\n").length + (fenced ? 2 : 1),
      code: (fenced ? lines.slice(1, lines.indexOf("```", 1)) : lines).join("\n")
    }
  })
}

const files = globSync("**/*.ts", { cwd: join(root, "src") }).sort()
const examples = files.flatMap(examplesOf)

/** The names of a module, the values alone; the first module that has a name keeps it. */
const scopes = async (
  file: string
): Promise<ReadonlyArray<readonly [specifier: string, names: ReadonlyArray<string>]>> => [
  ["./prelude.ts", Object.keys(given)],
  ["effect-netconf", Object.keys(entry)],
  ["effect-netconf/testing", Object.keys(testing)],
  ["effect-netconf/promise", Object.keys(promise)],
  ["effect-netconf/sync", Object.keys(sync)],
  [`#src/${file}`, Object.keys((await import(join(root, "src", file))) as object)]
]

/** An example in a program of its own, its code from line 3 on. */
const program = async ({ code, file }: Example): Promise<string> => {
  const taken = new Set<string>()
  const imports = [`import * as Effect from "effect/Effect"`, `import * as Stream from "effect/Stream"`]
  for (const [specifier, names] of await scopes(file)) {
    const used = names.filter((name) => !taken.has(name) && new RegExp(`(?<![\\w.])${name}\\b`).test(code))
    for (const name of used) taken.add(name)
    if (used.length > 0) imports.push(`import { ${used.join(", ")} } from "${specifier}"`)
  }
  const [open, close] = /\bawait\b/.test(code)
    ? ["export const example = async () => {", "}"]
    : ["export const example = Effect.gen(function* () {", "})"]
  return `${imports.join("; ")}\n${open}\n${code}\n${close}\n`
}

const tsconfig = (directory: string) => {
  const src = relative(directory, join(root, "src"))
  const paths = {
    "effect-netconf": [`${src}/index.ts`],
    "effect-netconf/*": [`${src}/*.ts`],
    "#src/*": [`${src}/*`]
  }
  const compilerOptions = { paths, types: ["node"], noUnusedLocals: false, rewriteRelativeImportExtensions: false }
  const extended = relative(directory, join(root, "tsconfig.json"))
  return JSON.stringify({ extends: extended, compilerOptions, include: ["*.ts"], exclude: [] })
}

const tsc = (directory: string): Promise<string> => {
  const bin = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc")
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [bin, "--pretty", "false", "-p", directory],
      { cwd: directory },
      (_error, stdout, stderr) => resolve(stdout + stderr)
    )
  )
}

/** Shows that the compiler was there and looked. */
const wrong = `import { Netconf } from "effect-netconf"\nNetconf.conect()\n`

/** What the compiler says of all examples at once; from inside `node_modules`, because `effect` is found from there. */
const compile = async (): Promise<string> => {
  const cache = join(root, "node_modules", ".cache")
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, "docstrings-"))
  try {
    writeFileSync(join(directory, "prelude.ts"), prelude)
    writeFileSync(join(directory, "wrong.ts"), wrong)
    writeFileSync(join(directory, "tsconfig.json"), tsconfig(directory))
    for (const [i, example] of examples.entries()) {
      writeFileSync(join(directory, `example${i}.ts`), await program(example))
    }
    return await tsc(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

describe("docstrings", () => {
  const errors = examples.map((): Array<string> => [])
  const others: Array<string> = []
  beforeAll(async () => {
    for (const message of (await compile()).split(/\n(?! )/).filter((line) => line.trim() !== "")) {
      const [, i, line, what] = /^example(\d+)\.ts\((\d+),\d+\): ([^]*)$/.exec(message) ?? []
      if (i === undefined) others.push(message)
      else errors[Number(i)]!.push(`line ${examples[Number(i)]!.line + Number(line) - 3}: ${what}`)
    }
  }, 30_000)

  it("are all found, and meet a compiler that works", () => {
    const marks = files.flatMap((file) => readFileSync(join(root, "src", file), "utf8").match(/@example\s/g) ?? [])
    assert.strictEqual(examples.length, marks.length)
    assert.isAbove(examples.length, 10)
    assert.strictEqual(others.length, 1, others.join("\n"))
    assert.match(others[0]!, /^wrong\.ts\(2,9\): error TS2551: .*'conect'/)
  })

  for (const [i, { code, file, line }] of examples.entries()) {
    it(`show code that compiles in src/${file}, line ${line}`, () => {
      assert.deepStrictEqual(errors[i], [], code)
    })
  }
})
