/** A user's own worker thread, with a blocking client of its own. */
import { parentPort, workerData } from "node:worker_threads"
import { NetconfClientSync, type NetconfClientSyncOptions } from "../../../src/sync.ts"

const client = new NetconfClientSync(workerData as NetconfClientSyncOptions)
client.connect()
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort!.postMessage({ sessionId: client.sessionId, bytes: client.get().bytes })
client.disconnect()
