import { defineConfig } from "vitest/config"

// One netconfd is behind several of the sshds: two files at once would edit the same datastores.
export default defineConfig({
  test: {
    include: ["test/interop/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000
  }
})
