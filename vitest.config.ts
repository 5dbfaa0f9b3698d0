import { availableParallelism } from "node:os"
import { join } from "node:path"
import { defineConfig } from "vitest/config"

const major = Number(process.versions.node.split(".")[0])
if (major < 22) {
  throw new Error(
    `The tests run on Node ${process.versions.node}, but need 22.19 or newer. ` +
      "Start them with `npm test` or `npx vitest`: the repository brings its own Node (devDependency `node`), " +
      "which a script started directly from node_modules/.bin does not use. After `npm ci --ignore-scripts` it is missing: run `npm rebuild node`."
  )
}

// Examples, scripts and threads of the tests are programs of their own: each loads the library from source, which this halves.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "node_modules", ".cache", "node-compile")

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "**/node_modules/**"],
    testTimeout: 20_000,
    // One less is vitest's default: half of the time lost on two cores.
    maxWorkers: availableParallelism(),
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text-summary"] }
  }
})
