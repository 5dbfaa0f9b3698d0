/**
 * `npm run fuzz -- --seconds 600 --seed 42`: as long as asked. Each round has a seed of its own, and a finding prints the
 * one that repeats it: `npm run fuzz -- --seconds 0.001 --seed N`.
 */
import { parseArgs } from "node:util"
import { run } from "./fuzz.ts"

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } })
const seconds = Number(values.seconds)
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
if (!(seconds > 0) || !Number.isSafeInteger(seed)) throw new Error("usage: npm run fuzz -- [--seconds N] [--seed N]")

console.log(`fuzzing for ${seconds} s from seed ${seed}`)
const { findings, rounds } = await run({ seconds, seed })
for (const { error, recording, seed } of findings) {
  console.error(`\nseed ${seed} (${recording}):`)
  console.error(error)
}
console.log(`${rounds} rounds, ${findings.length} findings`)
process.exitCode = findings.length === 0 ? 0 : 1
