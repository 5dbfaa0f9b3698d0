/**
 * A NETCONF server for tests: datastores, locks, confirmed commit and errors by RFC 6241, faults and dialects on
 * demand, served over memory and over SSH on loopback.
 *
 * It is made in a scope, in which everything it starts ends; time is the Clock's, so that TestClock moves its timers.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { ConnectionError } from "../errors.ts"
import * as Memory from "../transport/Memory.ts"
import type { Transport } from "../transport/Transport.ts"
import type * as Element from "../xml/Element.ts"
import * as Capabilities from "./Capabilities.ts"
import { Core } from "./Core.ts"
import type { CustomOperation, DeviceSession, LogEntry, Settings } from "./Core.ts"
import * as Datastores from "./Datastores.ts"
import * as Dialects from "./Dialects.ts"
import * as EditConfig from "./EditConfig.ts"
import { Faults } from "./Faults.ts"
import type { Model } from "./Model.ts"
import type { NotificationOptions } from "./NotificationOptions.ts"
import * as NotificationControl from "./NotificationControl.ts"
import * as Refusal from "./Refusal.ts"
import * as SampleModel from "./SampleModel.ts"
import * as SampleState from "./SampleState.ts"
import * as Server from "./Server.ts"
import * as SshServer from "./SshServer.ts"
import * as Tree from "./Tree.ts"

export type { StreamOptions } from "./EventStreams.ts"
export type { NotificationControl, NotifyOptions, Subscription, SubscriptionControl } from "./NotificationControl.ts"
export type { ChangeType, NamedFilter, NotificationOptions, PushOptions } from "./NotificationOptions.ts"
export type { CustomOperation, DeviceSession, LogEntry } from "./Core.ts"
export type { SshListener, SshOptions, User } from "./SshServer.ts"

export interface Options {
  /** The name of the device as a peer. Default: `simulated`. */
  readonly name?: string
  /** Default: the sample model, interfaces and system. */
  readonly model?: Model
  /** Initial running configuration: XML text of its top-level elements, or an element that holds them. */
  readonly running?: string | Element.Element
  /** Initial startup configuration. Default: as running. */
  readonly startup?: string | Element.Element
  /** Short names (`:candidate`, `:validate:1.1`) and URIs. Default: everything that the device can do. */
  readonly capabilities?: ReadonlyArray<string>
  /** Capabilities that it has besides. */
  readonly extraCapabilities?: ReadonlyArray<string>
  /** Capabilities that it lacks: `without: [":candidate", ":confirmed-commit"]`. A name without a version is any version. */
  readonly without?: ReadonlyArray<string>
  readonly dialect?: Partial<Dialects.Dialect> | ReadonlyArray<Partial<Dialects.Dialect>>
  /** What is wrong with a whole configuration beyond the model: asked by validate and commit. */
  readonly validate?: (config: Element.Element) => ReadonlyArray<Refusal.Refusal>
  /** State data that `get` merges with running. Default, with the sample model: interfaces' status and the platform. */
  readonly state?: (running: Element.Element) => Element.Element | undefined
  /** Operations of your own, by element name; they come before the device's. */
  readonly operations?: Readonly<Record<string, CustomOperation>>
  /** Files that `file:` URLs name. */
  readonly files?: Readonly<Record<string, string>>
  /** What get-schema gives, by identifier. */
  readonly schemas?: Readonly<Record<string, string>>
  /** Event streams and what they carry. */
  readonly notifications?: NotificationOptions
  /** Larger requests end their session. Default: 64 MiB. */
  readonly maxMessageBytes?: number
  /** Default: 1000. */
  readonly maxSessions?: number
}

export interface SimulatedDevice extends NotificationControl.NotificationControl {
  /** Each time it is opened, a new session over memory. */
  readonly transport: Transport
  /** Listens for SSH on loopback until the scope closes. */
  readonly ssh: (options?: SshServer.SshOptions) => Effect.Effect<SshServer.SshListener, ConnectionError, Scope.Scope>
  /** The datastore as it is now: `<data>` with the top-level elements. */
  readonly running: Element.Element
  /** The candidate that all sessions share; with private candidates use {@link candidateOf}. */
  readonly candidate: Element.Element
  readonly candidateOf: (session: number) => Element.Element
  readonly startup: Element.Element
  /** Whether the candidate holds changes that were neither committed nor discarded. */
  readonly candidateIsDirty: boolean
  /** Every request received, in order. */
  readonly log: ReadonlyArray<LogEntry>
  /** The sessions that are open, by session-id. */
  readonly sessions: ReadonlyMap<number, DeviceSession>
  /** Who holds which lock. 0 is not a NETCONF session. */
  readonly locks: ReadonlyMap<Datastores.Name, number>
  /** How many commits have changed running. */
  readonly commits: number
  /** The confirmed commit that waits for its confirmation. */
  readonly confirmedCommit: Datastores.Confirmed | undefined
  /** Files written and read by `file:` URLs, by URL. */
  readonly files: Map<string, string>
  readonly faults: Faults
  /** What another operator does on the console: edits a datastore (default: running), whoever holds a lock. */
  readonly edit: (config: string | Element.Element, datastore?: Datastores.Name) => void
  /** A lock that is not a NETCONF session's: session-id 0. The function that it returns releases it. */
  readonly lock: (datastore: Datastores.Name) => () => void
  /** Starts anew: sessions are cut and numbered from 1 again, a confirmed commit is undone, running is startup. */
  readonly reboot: () => void
}

const names = (options: Options): ReadonlyArray<string> =>
  [...(options.capabilities ?? Capabilities.all), ...(options.extraCapabilities ?? [])].filter(
    (name) => !(options.without ?? []).some((left) => name === left || name.startsWith(`${left}:`))
  )

/** A whole configuration by the model; an option that does not fit it is a mistake in the test. */
const load = (model: Model, config: string | Element.Element): Element.Element => {
  const { data, refusals } = EditConfig.apply(Tree.root(), Tree.fromXml(config), { model })
  if (refusals.length > 0) throw new Refusal.Refused(...refusals)
  return data
}

const settings = (options: Options, clock: Clock.Clock, runFork: Server.RunFork): Settings => {
  const model = options.model ?? SampleModel.model
  const dialect = Dialects.combine(options.dialect)
  const capabilities = Capabilities.make(names(options), model, dialect)
  const sample = model === SampleModel.model
  const running = load(model, options.running ?? (sample ? SampleModel.factory : ""))
  const startup = options.startup === undefined ? running : load(model, options.startup)
  return {
    model,
    dialect,
    capabilities,
    factory: startup,
    stores: new Datastores.Datastores({
      model,
      dialect,
      hasCandidate: capabilities.has(":candidate"),
      hasStartup: capabilities.has(":startup"),
      running,
      startup,
      validate: options.validate ?? (() => [])
    }),
    faults: new Faults(),
    files: new Map(Object.entries(options.files ?? {})),
    schemas: new Map(Object.entries(options.schemas ?? {})),
    operations: new Map(Object.entries(options.operations ?? {})),
    state: options.state ?? (sample ? SampleState.make : () => undefined),
    clock,
    maxMessageBytes: options.maxMessageBytes ?? 64 * 1024 * 1024,
    maxSessions: options.maxSessions ?? 1000,
    notifications: options.notifications ?? {},
    runFork
  }
}

/** Keeps the timer of the confirmed commit: set anew by each, gone with it. */
const confirmTimer = (core: Core, runFork: Server.RunFork): (() => void) => {
  let period: object | undefined
  let fiber: Fiber.Fiber<void> | undefined
  return () => {
    const { confirmed } = core.stores
    if (confirmed?.period === period) return
    fiber?.interruptUnsafe()
    period = confirmed?.period
    if (confirmed === undefined) return
    const expire = Effect.sync(() => {
      if (core.stores.confirmed?.period !== confirmed.period) return
      core.stores.rollback()
      core.observe({ by: undefined, confirmed: "timeout" })
    })
    fiber = runFork(Effect.andThen(Effect.sleep(confirmed.timeout * 1000), expire))
  }
}

class Device extends NotificationControl.Controls implements SimulatedDevice {
  readonly #core: Core
  readonly transport: Transport
  readonly ssh: SimulatedDevice["ssh"]

  constructor(core: Core, runFork: Server.RunFork, name: string) {
    super(core)
    this.#core = core
    const peer = { username: "memory", sourceHost: "memory", transport: "netconf-memory" } as const
    this.transport = Memory.make((endpoint) => Server.serve(core, endpoint, peer, runFork), { peer: name })
    this.ssh = (options = {}) =>
      SshServer.make(options, (endpoint, peer) => Server.serve(core, endpoint, peer, runFork))
  }
  get running() {
    return this.#core.stores.running
  }
  get candidate() {
    return this.#core.stores.candidate(0)
  }
  readonly candidateOf = (session: number) => this.#core.stores.candidate(session)
  get startup() {
    return this.#core.stores.startup
  }
  get candidateIsDirty() {
    return this.#core.stores.isDirty(0)
  }
  get log() {
    return this.#core.log
  }
  get sessions() {
    return new Map([...this.#core.members].map(([id, member]) => [id, member.view]))
  }
  get locks() {
    return this.#core.stores.locks
  }
  get commits() {
    return this.#core.stores.commits
  }
  get confirmedCommit() {
    return this.#core.stores.confirmed
  }
  get files() {
    return this.#core.files
  }
  get faults() {
    return this.#core.faults
  }
  readonly edit: SimulatedDevice["edit"] = (config, datastore = "running") => {
    this.#core.stores.override(datastore, Tree.fromXml(config))
    this.#core.observe({ by: { session: 0, username: "console" }, confirmed: "complete" })
  }
  readonly lock: SimulatedDevice["lock"] = (datastore) => {
    this.#core.stores.lock(datastore, 0)
    return () => this.#core.stores.unlock(datastore, 0)
  }
  readonly reboot = () => this.#core.reboot()
}

/**
 * Makes a device; it lives as long as the scope. Options that no device could have (a configuration that does not fit
 * the model, a capability that XML cannot carry) are a mistake in the test: a defect.
 *
 * @example
 * ```ts
 * const device = yield* SimulatedDevice.make({ dialect: Dialects.oneLock })
 * const session = yield* Netconf.connect({ label: "sim", transport: device.transport })
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<SimulatedDevice, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
    const core = new Core(settings(options, yield* Clock.Clock, runFork))
    yield* Effect.addFinalizer(() => Effect.sync(() => core.stop("the device was switched off")))
    core.changed = confirmTimer(core, runFork)
    return new Device(core, runFork, options.name ?? "simulated")
  })
