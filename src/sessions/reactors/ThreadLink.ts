/**
 * A worker thread while it lives: started, spoken to in batches, kept from or allowed to let the process end, and its end,
 * however it comes, told once.
 */
import { SHARE_ENV, Worker } from "node:worker_threads"
import * as CredentialIdentity from "../../transport/CredentialIdentity.ts"
import type { Batch, Command, Start } from "../../transport/thread/Protocol.ts"

export interface Hooks {
  readonly batch: (batch: Batch) => void
  /** Commands go out now: what is only now known is posted. */
  readonly posting: () => void
  /** Nothing comes any more. Why, in words. */
  readonly gone: (why: string) => void
}

const isSource = import.meta.url.endsWith(".ts")
const ofReactors = new URL(`../../transport/thread/Thread.${isSource ? "ts" : "js"}`, import.meta.url)

export class ThreadLink {
  readonly #hooks: Hooks
  #worker: Worker | undefined
  #commands: Array<Command> = []
  #transfer: Array<ArrayBuffer> = []
  #waking = false
  #why: string | undefined

  constructor(name: string, hooks: Hooks, entry: URL = ofReactors) {
    this.#hooks = hooks
    try {
      this.#start(name, entry)
    } catch (error) {
      this.#why = `it cannot be started: ${messageOf(error)}`
      queueMicrotask(() => this.#gone())
    }
  }

  #start(name: string, entry: URL): void {
    const workerData: Start = { identityKey: CredentialIdentity.key() }
    // The environment is the process's own, as it is read there too: an agent may come later.
    const worker = new Worker(entry, { name, workerData, execArgv: [], env: SHARE_ENV })
    this.#worker = worker
    worker
      .on("message", (batch: Batch) => this.#hooks.batch(batch))
      .on("messageerror", () => this.kill("it sent what cannot be read"))
      .on("error", (error) => {
        this.#why ??= messageOf(error)
      })
      .on("exit", (code) => {
        this.#why ??= `it exited with code ${code}`
        this.#worker = undefined
        this.#gone()
      })
  }

  #gone(): void {
    this.#commands = []
    this.#transfer = []
    this.#hooks.gone(this.#why ?? "")
  }

  post(command: Command, transfer?: ArrayBuffer): void {
    this.wake()
    this.#commands.push(command)
    if (transfer !== undefined) this.#transfer.push(transfer)
  }

  /** Commands go out together, in a microtask. */
  wake(): void {
    if (this.#commands.length > 0 || this.#waking) return
    this.#waking = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#hooks.posting()
    this.#waking = false
    const commands = this.#commands
    const transfer = this.#transfer
    this.#commands = []
    this.#transfer = []
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    if (commands.length > 0) this.#worker?.postMessage(commands, transfer)
  }

  /** Whether the process stays alive for it. */
  keep(alive: boolean): void {
    if (alive) this.#worker?.ref()
    else this.#worker?.unref()
  }

  /** Ends it at once, with all that it holds. `gone` follows. */
  kill(why: string): void {
    this.#why ??= why
    void this.#worker?.terminate()
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
