/**
 * The thread that works for the blocking clients of this one: started with the first of them, one for all, unnoticed by the
 * event loop, and replaced when it has died. What was under way then fails with a typed error.
 *
 * While a call waits, this thread can do nothing else, so requests are nested and never side by side: a program of the
 * caller's runs between the two halves of the call that it was given to.
 */
import { existsSync } from "node:fs"
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads"
import { type CommitUnknownError, InputError } from "../../errors.ts"
import { end, hasEnded, isUp, makeSignal, receive, type Signal } from "./Channel.ts"
import { packThrown, unpack } from "./Crossing.ts"
import type { Kept } from "./Keeper.ts"
import type { Answer, Call, Enter, Leave, Make, Reply, Request } from "./Messages.ts"
import * as Settings from "./Settings.ts"

const keeper = new URL(import.meta.url.endsWith(".ts") ? "./Keeper.ts" : "./Keeper.js", import.meta.url)

/** Milliseconds that the keeper may take to start, and the working thread behind it: it is half a second, on a machine at rest. */
const patience = 15_000

const unbundled = "a bundler has to leave effect-netconf as it is (external), because it starts a thread from a file"

/** A place of the keeper's that a bundler has not taken along. */
const isMissing = (url: URL): boolean => url.protocol === "file:" && !existsSync(url)

interface Thrown {
  readonly thrown: unknown
}

/** Why no answer came. The thread may have been told what to do, or not even that. */
export class ThreadEnded extends Error {
  readonly sent: boolean
  /** What one of the call's own functions had thrown by then. */
  thrown: Thrown | undefined
  constructor(why: string, sent: boolean, started: boolean) {
    super(`the thread that works for the blocking clients has ${started ? "ended" : "not started"}: ${why}`)
    this.sent = sent
  }
}

/** The caller's functions that a call may run, by name; each is given the number of a client, if it gets one. */
export type Functions = Readonly<Record<string, (client: number | undefined, args: ReadonlyArray<unknown>) => unknown>>

type Asked = Omit<Make, "id"> | Omit<Call, "id" | "inside">

export class Thread {
  static #current: Thread | undefined

  /** The one of now; a new one where that has died. */
  static current(): Thread {
    if (this.#current === undefined || this.#current.ended) this.#current = new Thread()
    return this.#current
  }

  /** A change that was under way when the thread died, and of which nobody knows. */
  doubt: CommitUnknownError | undefined
  /** The one of now, if there is one. */
  static running(): Thread | undefined {
    return this.#current?.ended === false ? this.#current : undefined
  }

  readonly #port: MessagePort
  readonly #news: MessagePort
  readonly #signal: Signal = makeSignal()
  /** What has come for a call further out. */
  readonly #early: Array<Reply> = []
  /** What programs have returned or thrown, until their call is answered. */
  readonly #left = new Map<number, { readonly value: unknown } | Thrown>()
  /** The programs that are running, the innermost last. */
  readonly #inside: Array<number> = []
  #settings: Settings.Settings | undefined
  #last = 0
  #why: string | undefined
  readonly #startWithin: number

  /** `startWithin` in milliseconds. */
  constructor({ startWithin = patience, url = keeper }: { readonly url?: URL; readonly startWithin?: number } = {}) {
    this.#startWithin = startWithin
    const calls = new MessageChannel()
    const news = new MessageChannel()
    this.#port = calls.port1
    this.#news = news.port1
    const workerData: Kept = { port: calls.port2, signal: this.#signal, news: news.port2 }
    try {
      if (isMissing(url)) throw new Error(`there is no ${url.pathname}; ${unbundled}`)
      const worker = new Worker(url, { workerData, transferList: [calls.port2, news.port2], execArgv: [] })
      // Comes when nobody blocks any more, and would end the process.
      worker.on("error", (error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)))
      worker.on("exit", () => this.#fail("the thread that watches it has ended"))
      worker.unref()
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error))
    }
  }

  #fail(why: string): void {
    this.#why ??= why
    end(this.#signal)
  }

  get ended(): boolean {
    return hasEnded(this.#signal)
  }

  /** A number for a client, or whatever else is told apart by one. */
  number(): number {
    return ++this.#last
  }

  /** What the other thread answers; blocks until then. Throws what it failed with, and `ThreadEnded`. */
  ask(asked: Asked, functions: Functions = {}): unknown {
    if (this.ended) throw this.#death(false)
    const id = this.number()
    const request = asked._tag === "Make" ? { ...asked, id } : { ...asked, id, inside: this.#inside.at(-1) }
    this.post(request)
    const programs: Array<number> = []
    try {
      for (;;) {
        const reply = this.#receive(id)
        if (reply._tag === "Answer") return this.#result(reply)
        programs.push(reply.program)
        this.#run(reply, functions)
      }
    } catch (error) {
      if (error instanceof ThreadEnded) error.thrown = this.#thrownIn(programs)
      throw error
    } finally {
      for (const program of programs) this.#left.delete(program)
    }
  }

  post(request: Request): void {
    const settings = Settings.now()
    const changed = Settings.areSame(settings, this.#settings) ? {} : { settings }
    this.#settings = settings
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
    this.#port.postMessage({ ...request, ...changed } satisfies Request)
  }

  #receive(id: number): Reply {
    const early = this.#early.findIndex((reply) => reply.id === id)
    if (early !== -1) return this.#early.splice(early, 1)[0]!
    for (;;) {
      const reply = receive(this.#port, this.#signal, this.#startWithin) as Reply | undefined
      if (reply === undefined) throw this.#death(true)
      if (reply.id === id) return reply
      this.#early.push(reply)
    }
  }

  #result(answer: Answer): unknown {
    if ("value" in answer) return unpack(answer.value)
    if ("error" in answer) throw unpack(answer.error)
    const left = this.#left.get(answer.program)!
    if ("thrown" in left) throw left.thrown
    return left.value
  }

  #thrownIn(programs: ReadonlyArray<number>): Thrown | undefined {
    return programs.map((program) => this.#left.get(program)).find((left) => left !== undefined && "thrown" in left) as
      | Thrown
      | undefined
  }

  /** Runs one of the caller's functions, and tells how it has ended. */
  #run({ args, client, name, program }: Enter, functions: Functions): void {
    this.#inside.push(program)
    let outcome: Leave["outcome"]
    try {
      const value = functions[name]!(client, args.map(unpack))
      refusePromise(name, value)
      this.#left.set(program, { value })
      outcome = { isFalse: value === false }
    } catch (thrown) {
      this.#left.set(program, { thrown })
      outcome = { error: packThrown(thrown) }
    } finally {
      this.#inside.pop()
    }
    // The other thread holds locks until it is told.
    this.post({ _tag: "Leave", program, outcome })
  }

  #death(sent: boolean): ThreadEnded {
    const news = receiveMessageOnPort(this.#news) as { readonly message: string } | undefined
    this.#why ??= news?.message
    if (isUp(this.#signal)) return new ThreadEnded(this.#why ?? "nobody knows why", sent, true)
    const silent =
      `nothing was heard of it for ${this.#startWithin} ms; what NODE_OPTIONS loads (--require, --import) may fail in ` +
      `threads, and ${unbundled}`
    return new ThreadEnded(this.#why ?? silent, false, false)
  }
}

/** What goes on after its function has returned would do so outside of the locks, and unchecked. */
const refusePromise = (name: string, value: unknown): void => {
  if (typeof value !== "object" || value === null || typeof (value as { then?: unknown }).then !== "function") return
  // Nobody else will listen to it, and its rejection would end the process.
  void Promise.resolve(value).catch(() => {})
  const why = "expected a function that has done its work when it returns, got one that returns a Promise"
  throw new InputError({ what: name, why })
}
