/**
 * The life of a reactor's thread: it is started when it is needed, kept for a while when it is not, and started anew after
 * a crash: later after each crash in which no session came up, and after three of those not at all for a while.
 */
import * as Effect from "effect/Effect"
import type { Batch } from "../../transport/thread/Protocol.ts"
import { ThreadLink } from "./ThreadLink.ts"

export interface ThreadOptions {
  /** How long it is kept when nothing needs it, in milliseconds. */
  readonly idle: number
  /** What it runs. Default: what reactors run. */
  readonly entry?: URL
}

export interface Owner {
  /** Whether anything needs the thread. */
  readonly needed: () => boolean
  readonly batch: (batch: Batch) => void
  readonly posting: (link: ThreadLink) => void
  /** It has crashed, with all that it held. */
  readonly crashed: (why: string) => void
}

/** Crashes in a row, without a session that came up, after which sessions are refused. */
const maxCrashes = 3

/** Milliseconds until the second start, doubled for each one after it. */
const firstBackoff = 100

/** For how long sessions are refused after too many crashes, in milliseconds. */
const refusedFor = 30_000

/** How long a thread may take to start, in milliseconds. */
const startLimit = 30_000

const now = (): number => performance.now()

export class ThreadLife {
  readonly #name: string
  readonly #options: ThreadOptions
  readonly #owner: Owner
  #link: ThreadLink | undefined
  #up = false
  /** For starting, or for being idle. */
  #timer: NodeJS.Timeout | undefined
  #inARow = 0
  #crashedAt = -Infinity
  #why = ""
  crashes = 0

  constructor(name: string, options: ThreadOptions, owner: Owner) {
    this.#name = name
    this.#options = options
    this.#owner = owner
  }

  get state(): "asleep" | "starting" | "up" | "failing" {
    if (this.failing !== undefined) return "failing"
    if (this.#link === undefined) return "asleep"
    return this.#up ? "up" : "starting"
  }

  /** Why it is not started, because it does not stay up. */
  get failing(): string | undefined {
    if (this.#inARow < maxCrashes || now() - this.#crashedAt >= refusedFor) return undefined
    return `its thread does not stay up: it ended ${this.#inARow} times in a row (${this.#why})`
  }

  /** The thread, where there is one. */
  get link(): ThreadLink | undefined {
    return this.#link
  }

  /** A session has come up in it: whatever it crashes of from now on, it was not its start. */
  proven(): void {
    this.#inARow = 0
  }

  /** Waits a moment after a crash. */
  get backoff(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#inARow === 0 || this.#link !== undefined) return Effect.void
      const longest = firstBackoff * 2 ** (Math.min(this.#inARow, maxCrashes) - 1)
      return Effect.sleep(Math.max(0, this.#crashedAt + longest - now()))
    })
  }

  /** The thread, started if it is not there, and kept while it is needed. */
  awake(): ThreadLink {
    if (this.#up) this.#clear()
    const link = (this.#link ??= this.#start())
    link.keep(true)
    return link
  }

  #start(): ThreadLink {
    const hooks = {
      batch: (batch: Batch) => this.#owner.batch(batch),
      posting: () => this.#owner.posting(link),
      gone: (why: string) => this.#gone(link, why)
    }
    const link: ThreadLink = new ThreadLink(`effect-netconf ${this.#name}`, hooks, this.#options.entry)
    this.#clear()
    this.#timer = setTimeout(() => link.kill(`it did not start within ${startLimit} ms`), startLimit).unref()
    return link
  }

  #clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** It takes commands. */
  started(): void {
    this.#clear()
    this.#up = true
    if (!this.#owner.needed()) this.rest()
  }

  /** Nothing needs it: the process may end, and it does, soon. */
  rest(): void {
    this.#link?.keep(false)
    if (this.#up) {
      this.#clear()
      this.#timer = setTimeout(() => this.stop(), this.#options.idle).unref()
    }
  }

  stop(): void {
    const link = this.#link
    this.#forget()
    link?.kill("stopped")
  }

  #forget(): void {
    this.#clear()
    this.#link = undefined
    this.#up = false
  }

  #gone(link: ThreadLink, why: string): void {
    if (this.#link !== link) return
    this.#forget()
    this.crashes++
    this.#inARow++
    this.#crashedAt = now()
    this.#why = why
    this.#owner.crashed(why)
  }
}
