/**
 * The clients that live in the working thread, and their calls: each request of the blocked thread is a call of the Promise
 * adapter's method of that name. A function of the caller's is a program here that waits until it has run there.
 */
import type { MessagePort, Transferable } from "node:worker_threads"
import { InputError } from "../../errors.ts"
import { NetconfClient, type NetconfClientOptions } from "../promise.ts"
import { callersContext } from "../promise/AsyncProgram.ts"
import { Items } from "../promise/Readers.ts"
import type { NetconfSessionClient } from "../promise/SessionClient.ts"
import { Handle } from "../promise/SubscriptionHandle.ts"
import { post, type Signal } from "./Channel.ts"
import { packResult, packThrown, unpack } from "./Crossing.ts"
import {
  type Call,
  type Enter,
  type Leave,
  type Make,
  type Reference,
  reference,
  processWide as processWideNumber,
  program,
  type Reply,
  type Request,
  verify
} from "./Messages.ts"
import { processWide } from "./WholeProcess.ts"
import * as Settings from "./Settings.ts"

type Context = <A>(use: () => A) => A

const over = "it is closed: its client is disconnected, or the program that it was given to has returned"

/** A function of the caller's while it runs there. */
interface Running {
  readonly context: Context
  readonly leave: (outcome: Leave["outcome"]) => void
}

/** In the place of what a function of the caller's has returned. */
class Returned {
  readonly program: number
  constructor(program: number) {
    this.program = program
  }
}

export class Served {
  readonly #port: MessagePort
  readonly #signal: Signal
  readonly #clients = new Map<number, object>([[processWideNumber, processWide]])
  readonly #running = new Map<number, Running>()
  /** Errors that a program's failure is in this thread, with the program: the caller gets its own object back. */
  readonly #thrown = new WeakMap<object, number>()
  /** What belongs to a client, and goes with it. */
  readonly #owned = new Map<number, Set<number>>()
  #last = 0

  constructor(port: MessagePort, signal: Signal) {
    this.#port = port
    this.#signal = signal
  }

  /** Does what is asked for, and answers. */
  request(request: Request): void {
    if (request.settings !== undefined) Settings.apply(request.settings)
    switch (request._tag) {
      case "Make":
        return void this.#answer(request, async () => this.#make(request))
      case "Call":
        return void this.#answer(request, async () => this.#call(request))
      case "Leave":
        return this.#running.get(request.program)?.leave(request.outcome)
      case "Drop":
        return this.#drop(request.client)
      default:
        throw new Error(`an unknown request: ${String((request as { readonly _tag: unknown })._tag)}`)
    }
  }

  #make({ client, options }: Make): void {
    this.#clients.set(client, new NetconfClient(unpack(options) as NetconfClientOptions))
  }

  #call({ args, client: number, id, inside, name }: Call): unknown {
    const client = this.#clients.get(number) as Readonly<Record<string, unknown>> | undefined
    if (client === undefined) throw new InputError({ what: "client", why: over })
    const context: Context = this.#running.get(inside ?? 0)?.context ?? ((use) => use())
    return context(() => {
      const member = client[name]
      if (typeof member !== "function") return member
      return member.apply(
        client,
        args.map((each) => this.#argument(id, unpack(each)))
      ) as unknown
    })
  }

  /** Where the caller has given functions, functions here that have them run. */
  #argument(id: number, given: unknown): unknown {
    if (given === program) return this.#program(id, "program")
    if (given === verify) return this.#program(id, "verify")
    if (typeof given !== "object" || given === null) return given
    if (reference in given) return this.#clients.get(given[reference] as number)
    if (!("record" in given)) return given
    return { ...given, record: (persistId: string) => this.#enter(id, "record", undefined, [persistId]) }
  }

  #program(id: number, name: string) {
    return async (client: NetconfSessionClient): Promise<unknown> => {
      // Negative, because the blocked thread numbers from 1.
      const number = --this.#last
      this.#clients.set(number, client)
      try {
        return await this.#enter(id, name, number, [])
      } finally {
        this.#drop(number)
      }
    }
  }

  #enter(id: number, name: string, client: number | undefined, args: ReadonlyArray<unknown>): Promise<unknown> {
    const number = --this.#last
    return new Promise<unknown>((resolve, reject) => {
      const leave = (outcome: Leave["outcome"]) => {
        this.#running.delete(number)
        if ("error" in outcome) reject(this.#failure(number, unpack(outcome.error)))
        else resolve(outcome.isFalse ? false : new Returned(number))
      }
      this.#running.set(number, { context: callersContext(), leave })
      this.#post({ _tag: "Enter", id, program: number, name, client, args } satisfies Enter)
    })
  }

  #failure(number: number, error: unknown): unknown {
    this.#thrown.set(error as object, number)
    return error
  }

  #drop(number: number): void {
    for (const owned of this.#owned.get(number) ?? []) this.#drop(owned)
    this.#owned.delete(number)
    this.#clients.delete(number)
  }

  /** A result as it crosses; what cannot is kept here for as long as its owner is. */
  #result(owner: number, value: unknown, transfer: Array<Transferable>): unknown {
    if (!(value instanceof Handle) && !(value instanceof Items)) return packResult(value, transfer)
    const number = --this.#last
    this.#clients.set(number, value)
    const owned = this.#owned.get(owner)
    if (owned === undefined) this.#owned.set(owner, new Set([number]))
    else owned.add(number)
    return { [reference]: number, ...(value instanceof Handle ? { stream: value.stream } : {}) } satisfies Reference
  }

  async #answer({ client, id }: Make | Call, use: () => Promise<unknown>): Promise<void> {
    const transfer: Array<Transferable> = []
    try {
      const value = await use()
      if (value instanceof Returned) this.#post({ _tag: "Answer", id, program: value.program })
      else this.#post({ _tag: "Answer", id, value: this.#result(client, value, transfer) }, transfer)
    } catch (error) {
      const program = typeof error === "object" && error !== null ? this.#thrown.get(error) : undefined
      this.#post({ _tag: "Answer", id, ...(program === undefined ? { error: packThrown(error) } : { program }) })
    }
  }

  #post(reply: Reply, transfer: Array<Transferable> = []): void {
    post(this.#port, this.#signal, reply, transfer)
  }
}
