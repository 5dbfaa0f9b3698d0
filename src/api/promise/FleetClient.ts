/**
 * A fleet for plain async code: programs that return promises, results by `for await`. What runs when, what stops and what is
 * tried again is `Fleet`'s decision; this module translates.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { InputError } from "../../errors.ts"
import { aFunction, knownNames, shown, signal as checkSignal } from "../Checks.ts"
import { checkList, checkNamed, limitNames, ofDevices, onDevice } from "../fleet/Devices.ts"
import { checkRetry, runNames } from "../fleet/Plan.ts"
import { type RetryPlan, scheduleOf } from "./RetryPlan.ts"
import { asMember, callersContext, isInFleet, prepare } from "./AsyncProgram.ts"
import * as ClientAudit from "./ClientAudit.ts"
import { clientNames, connectOptions, type NetconfClientOptions } from "./ClientOptions.ts"
import {
  type Device,
  type DeviceResult,
  Fleet,
  type FleetOptions,
  type FleetRun,
  type FleetStatistics,
  type Outcome,
  type Progress,
  type Retry,
  type RunOptions,
  type Summary
} from "../Fleet.ts"
import { defined } from "../../data/Defined.ts"
import * as Inventory from "../Inventory.ts"
import { run, unwrap } from "./Run.ts"
import type { Session } from "../Session.ts"
import { notificationNames } from "./SubscribeOptions.ts"
import { type AsyncProgram, lent, type NetconfSessionClient, type OfChange, type Signal } from "./SessionClient.ts"

/** What is the whole fleet's, or cannot be one device's. */
const notADevices = ["label", "connectTimeout", "audit", "changeId", "reconnect", ...notificationNames] as const

/** A device as `NetconfClient` takes it, and its name, which labels its sessions. */
export interface FleetDeviceOptions extends Omit<NetconfClientOptions, (typeof notADevices)[number]> {
  /** Unique in the fleet. */
  readonly name: string
  readonly tags?: ReadonlyArray<string>
  /** Two devices of one group never run at the same time. */
  readonly redundancyGroup?: string
}

export interface NetconfFleetOptions extends FleetOptions, ClientAudit.AuditOptions {}

/** A program for one device. Its client ends with it; the signal aborts when the run is stopped before it has sent a write. */
export type FleetClientProgram<A> = (
  client: NetconfSessionClient,
  context: { readonly device: Device; readonly signal: AbortSignal }
) => Promise<A>

export interface FleetClientRunOptions extends Omit<RunOptions, "retry">, OfChange, Signal {
  /** By error tag: `{ ConnectionError: { times: 3, delay: "5 seconds" } }`. */
  readonly retry?: { readonly [Tag in keyof Retry]?: RetryPlan | NonNullable<Retry[Tag]> }
}

interface Common {
  readonly device: string
  readonly outcome: Outcome
  /** Milliseconds from the device's start, its connect and its retries included. */
  readonly elapsed: number
  readonly attempts: number
  /** Whether anything was sent that may have changed the device. */
  readonly wrote: boolean
}

/** What became of one device. */
export type FleetResult<A> =
  | (Common & { readonly outcome: "succeeded"; readonly value: A; readonly error: undefined })
  | (Common & {
      readonly outcome: Exclude<Outcome, "succeeded">
      /** What the program resolved to in spite of an outcome that is unknown. */
      readonly value: A | undefined
      /** The library's own error, or what the program rejected with. */
      readonly error: unknown
    })

const interrupted = () => new DOMException("the device was interrupted", "AbortError")

const toResult = <A>({ exit, ...common }: DeviceResult<A, unknown>): FleetResult<A> => {
  if (Exit.isSuccess(exit)) return { ...common, value: exit.value, error: undefined } as FleetResult<A>
  const error = Cause.hasInterruptsOnly(exit.cause) ? interrupted() : Cause.squash(exit.cause)
  return { ...common, value: undefined, error } as FleetResult<A>
}

/**
 * A run under way. Iterating gives the result of each device as it finishes; leaving the loop stops the run and waits for
 * the devices that are in a write.
 */
export class FleetClientRun<A> implements AsyncIterable<FleetResult<A>> {
  readonly #run: FleetRun<A, unknown>
  readonly #summary: Promise<Summary>
  #isRead = false

  constructor(fleetRun: FleetRun<A, unknown>, scope: Scope.Closeable) {
    this.#run = fleetRun
    const over = Effect.tap(fleetRun.summary, () => Scope.close(scope, Exit.void))
    this.#summary = Effect.runPromise(over)
  }

  /** To be read once. */
  [Symbol.asyncIterator](): AsyncIterator<FleetResult<A>, undefined> {
    if (this.#isRead) throw new InputError({ what: "results", why: "they are read already; a run has one reader" })
    this.#isRead = true
    const results = Stream.toAsyncIterable(this.#run.results)[Symbol.asyncIterator]()
    let began = false
    return {
      next: async () => {
        began = true
        const next = await results.next()
        return next.done === true ? { done: true, value: undefined } : { done: false, value: toResult(next.value) }
      },
      return: async () => {
        if (!began) this.stop()
        await results.return?.()
        await this.#summary
        return { done: true, value: undefined }
      }
    }
  }

  /** The latest state, again and again until the end; a slow reader misses states in between and holds nothing back. */
  progress(): AsyncIterable<Progress> {
    return Stream.toAsyncIterable(this.#run.progress)
  }

  /** Who is in which state; resolves when the run is over, and never rejects. */
  summary(): Promise<Summary> {
    return this.#summary
  }

  /** Starts no further device; what has sent a write finishes, everything else is interrupted. Returns at once. */
  stop(): void {
    Effect.runSync(this.#run.stop)
  }
}

const deviceNames = [
  ...ofDevices,
  ...clientNames.filter((name) => !(notADevices as ReadonlyArray<string>).includes(name))
]

/** Throws an `InputError`; whether it can be connected to is checked with the other devices of the fleet. */
const checkDevice = (given: FleetDeviceOptions | Device, where: string): void => {
  checkNamed(given, where)
  const wrong = notADevices.find((key) => key in given)
  if (wrong === undefined) return knownNames("", given, deviceNames)
  const why = wrong === "connectTimeout" ? "use deadlines, one for each step" : "it is no option of a device in a fleet"
  throw new InputError({ what: wrong, why })
}

const deviceOf = (given: FleetDeviceOptions | Device, where: string): Device => {
  checkDevice(given, where)
  const { name, redundancyGroup, tags, wireLog, ...options } = given
  return {
    ...connectOptions(options),
    ...defined({ redundancyGroup, tags, wireLog: wireLogOf(wireLog) }),
    name
  }
}

type WireLog = (FleetDeviceOptions | Device)["wireLog"]

/** A device of an inventory may have been given a sink of the Effect API. */
const wireLogOf = (wireLog: WireLog): Device["wireLog"] => {
  if (typeof wireLog !== "function") return wireLog
  return (entry) => {
    const logged = wireLog(entry)
    return Effect.isEffect(logged) ? logged : Effect.promise(async () => logged)
  }
}

const retryOf = (retry: FleetClientRunOptions["retry"]): Pick<RunOptions, "retry"> => {
  if (retry === undefined) return {}
  checkRetry(retry, `{ ConnectionError: { times: 3, delay: "5 seconds" } }`)
  const plans = Object.entries(retry).filter(([, plan]) => plan !== undefined)
  return { retry: Object.fromEntries(plans.map(([tag, plan]) => [tag, scheduleOf(`retry.${tag}`, plan!)])) }
}

/** What is a fleet's besides its limits. */
const ofFleets = ["audit", "changeId"]

/** Of reading an inventory. */
const ofFiles = ["format", "profiles", "transport"]

const stopWith = (signal: AbortSignal, started: FleetClientRun<unknown>): void => {
  const stop = () => started.stop()
  signal.addEventListener("abort", stop)
  void started.summary().then(() => signal.removeEventListener("abort", stop))
}

/**
 * Many devices for plain async code.
 *
 * @example
 * await using fleet = await NetconfFleet.fromInventory("inventory.yaml")
 * const run = fleet.run(async (client) => (await client.getConfig()).bytes, { concurrency: 20 })
 * for await (const result of run) console.log(result.device, result.outcome, result.value ?? result.error)
 * console.log(String(await run.summary()))
 */
export class NetconfFleet implements AsyncDisposable {
  readonly #scope = Scope.makeUnsafe()
  readonly #context: Context.Context<Fleet>
  readonly #fleet: Fleet["Service"]
  readonly #audit: ClientAudit.ClientAudit
  #closing: Promise<void> | undefined

  /** Nothing is connected yet. Throws an `InputError` for options that cannot work. */
  constructor(devices: ReadonlyArray<FleetDeviceOptions | Device>, options: NetconfFleetOptions = {}) {
    checkList(devices, "NetconfFleet.fromInventory(path)")
    knownNames("", options, [...limitNames, ...ofFleets])
    const { audit, changeId, ...limits } = options
    const audited = { ...(audit === undefined ? {} : { audit }), ...(changeId === undefined ? {} : { changeId }) }
    this.#audit = ClientAudit.make(audited)
    const layer = Fleet.layer(
      devices.map((device, i) => onDevice(device, () => deviceOf(device, `device ${i + 1}`))),
      limits
    )
    this.#context = unwrap(Effect.runSyncExit(Layer.buildWithScope(layer, this.#scope)), undefined)
    this.#fleet = Effect.runSync(Effect.provideContext(Fleet, this.#context))
  }

  /** The fleet of an inventory file; rejects with an `InputError` that tells everything that is wrong with it. */
  static async fromInventory(
    path: string,
    given: NetconfFleetOptions & Inventory.FileOptions = {}
  ): Promise<NetconfFleet> {
    if (typeof path !== "string" || path === "") {
      throw new InputError({ what: "path", why: `expected the path of an inventory, got ${shown(path)}` })
    }
    knownNames("", given, [...limitNames, ...ofFleets, ...ofFiles])
    const { format, profiles, transport, ...options } = given
    const read = Inventory.fromFile(path, defined({ format, profiles, transport }))
    return new NetconfFleet(await run(read), options)
  }

  /** By name, in the order that they were given in. */
  get devices(): ReadonlyMap<string, Device> {
    return this.#fleet.devices
  }

  statistics(): FleetStatistics {
    return this.#fleet.statistics()
  }

  /**
   * Runs a program on the devices, from now on. The program has to use the client that it is given. One device's failure
   * is a value among the results. Aborting `signal` is `stop()`. Throws an `InputError` for options that do not fit the fleet,
   * and the signal's reason if it is aborted already.
   */
  run<A>(program: FleetClientProgram<A>, options: FleetClientRunOptions = {}): FleetClientRun<A> {
    aFunction("program", program, "async (client) => client.getConfig()")
    knownNames("", options, [...runNames, "changeId", "signal"])
    const { changeId, retry, signal, ...rest } = options
    checkSignal(signal)
    signal?.throwIfAborted()
    const inCallersContext = callersContext()
    const onDevice = (session: Session, device: Device) => {
      const asked: AsyncProgram<A> = (client, { signal }) => program(client, { device, signal })
      const asking = inCallersContext(() => prepare(lent(asked)))
      const running = asking({ session, holds: undefined, fleet: this, reason: () => signal?.reason })
      return Effect.andThen(this.#audit.ready, running)
    }
    const starting = asMember(Fleet.start(onDevice, { ...rest, ...retryOf(retry) }))
    const scope = Scope.makeUnsafe()
    const inFleet = Effect.provideContext(Scope.provide(starting, scope), this.#context)
    const audited = this.#audit.around(ClientAudit.named(inFleet, changeId))
    const started = new FleetClientRun<A>(unwrap(Effect.runSyncExit(audited), undefined), scope)
    if (signal !== undefined) stopWith(signal, started)
    return started
  }

  /**
   * Ends the runs, whose writes finish, then all sessions. Rejects only inside of a program of this fleet, with an
   * `InputError`: it would wait for the end of that program.
   */
  async close(): Promise<void> {
    if (isInFleet(this)) {
      const why = "it waits for the end of the programs of the fleet, of which this is one; use stop() of the run"
      throw new InputError({ operation: "close", what: "fleet", why })
    }
    this.#closing ??= Effect.runPromise(Scope.close(this.#scope, Exit.void))
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
