/**
 * The thread that decrypts one private key for PrivateKey, answers, and ends.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { Job, JobResult } from "./PrivateKey.ts"
import { decrypt, KeyError } from "./PrivateKey.ts"

const run = ({ passphrase, text }: Job): JobResult => {
  try {
    return { text: decrypt(text, passphrase) }
  } catch (error) {
    return { error: error instanceof KeyError ? error.message : "it cannot be read" }
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(run(workerData as Job))
