/**
 * The thread between the blocked one and the working one: it starts the working thread and says when that has ended,
 * whatever it died of. It does nothing else, so its event loop is free to notice.
 */
import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads"
import { end, start } from "./Channel.ts"
import type { Start } from "./Messages.ts"

export interface Kept extends Start {
  /** Where the cause of death is told. */
  readonly news: MessagePort
}

const { news, port, signal } = workerData as Kept
const url = new URL(import.meta.url.endsWith(".ts") ? "./Worker.ts" : "./Worker.js", import.meta.url)

const bury = (why: string): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
  news.postMessage(why)
  end(signal)
  parentPort?.close()
}

const keep = (): void => {
  const worker = new Worker(url, { workerData: { port, signal } satisfies Start, transferList: [port], execArgv: [] })
  let why = "it ended"
  worker.on("error", (error: unknown) => {
    why = error instanceof Error ? error.message : String(error)
  })
  worker.on("exit", () => bury(why))
}

try {
  if (start(signal, "keeper")) keep()
  else parentPort?.close()
} catch (error) {
  bury(error instanceof Error ? error.message : String(error))
}
