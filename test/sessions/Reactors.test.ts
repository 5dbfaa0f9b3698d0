import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { getPriority, tmpdir } from "node:os"
import { inspect, promisify } from "node:util"
import { pathToFileURL } from "node:url"
import * as Netconf from "../../src/api/Netconf.ts"
import { InputError } from "../../src/errors.ts"
import { notificationReactorCount, setNotificationReactorCount } from "../../src/promise.ts"
import * as Reactors from "../../src/sessions/Reactors.ts"
import { Destination } from "../../src/sessions/reactors/Moves.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import * as CredentialGuard from "../../src/transport/CredentialGuard.ts"
import * as Placement from "../../src/transport/Placement.ts"
import { credit, creditOfAll } from "../../src/transport/thread/Protocol.ts"
import { context, recorder, settled, until } from "../transport/contract.ts"
import { serve } from "../transport/sshServer.ts"
import { options } from "../transport/sshSession.ts"
import { ns, served } from "./device.ts"

/** Reactors that end with the test. */
const make = (threads: number, movesPerSecond?: number, thread?: { readonly idle: number; readonly entry?: URL }) =>
  Effect.acquireRelease(
    Effect.sync(() => new Reactors.Reactors(threads, undefined, movesPerSecond, thread)),
    (reactors) => Effect.sync(() => reactors.close())
  )

const connectIn = (reactors: Reactors.Reactors) => (transport: Transport) =>
  Effect.provideService(Netconf.connect({ transport, label: "leaf-01" }), Reactors.Current, reactors)

const counts = (reactors: Reactors.Reactors) =>
  Object.fromEntries(reactors.statistics().reactors.map(({ id, sessions }) => [id, sessions]))

const stateOf = (reactors: Reactors.Reactors, id: string) =>
  reactors.statistics().reactors.find((one) => one.id === id)?.state

const large = `<large xmlns="${ns}">4096</large>`

describe("Reactors", () => {
  it("are the caller's loop alone, until somebody says otherwise", () => {
    assert.strictEqual(notificationReactorCount(), 0)
    const [loop, ...threads] = new Reactors.Reactors(0).statistics().reactors
    assert.deepStrictEqual([loop!.id, loop!.kind, threads.length], ["loop", "loop", 0])
  })

  it("are counted by whole numbers from 0, for the process and for a pool", () => {
    for (const wrong of [-1, 1.5, Number.NaN, "2" as never]) {
      assert.throws(() => setNotificationReactorCount(wrong), InputError as never)
      const error = Effect.runSync(Effect.flip(new Reactors.Reactors(0).resize(wrong)))
      assert.strictEqual(error.what, "reactor count")
    }
    const misspelt = Effect.runSync(Effect.flip(new Reactors.Reactors(0).resize(1, { rebalanced: true } as never)))
    assert.include(misspelt.message, "rebalance")
    setNotificationReactorCount(2)
    assert.strictEqual(notificationReactorCount(), 2)
    setNotificationReactorCount(0)
  })

  it.live("start no thread before a session needs one, and none for what cannot cross", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const device = yield* SimulatedDevice.make()
      const session = yield* connectIn(reactors)(device.transport)
      assert.strictEqual(session.reactor, "loop")
      assert.deepStrictEqual([counts(reactors), stateOf(reactors, "worker-1")], [{ loop: 1, "worker-1": 0 }, "asleep"])
    }).pipe(Effect.scoped)
  )

  it.live("spread sessions that have nothing to do evenly, and count them", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const { transport } = yield* served()
      const four = Array.from({ length: 4 }, () => connectIn(reactors)(transport))
      const sessions = yield* Effect.all(four, { concurrency: 4 })
      assert.deepStrictEqual(counts(reactors), { loop: 0, "worker-1": 2, "worker-2": 2 })
      yield* sessions[0]!.getConfig({ source: "running" })
      const one = reactors.statistics().reactors.find(({ id }) => id === sessions[0]!.reactor)!
      assert.isAbove(one.bytesIn, 1_000)
      assert.isAbove(one.bytesOut, 100)
      assert.isAbove(one.messages, 0)
      assert.strictEqual(one.state, "up")
    }).pipe(Effect.scoped)
  )

  it.live("prefer the one that has less to do to the one that has fewer sessions", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const { transport } = yield* served()
      const connect = connectIn(reactors)
      const busy = yield* connect(transport)
      yield* Effect.forEach(Array.from({ length: 20 }), () => busy.rpc(large))
      const later = yield* Effect.all([connect(transport), connect(transport), connect(transport)], { concurrency: 3 })
      assert.isTrue(later.every(({ reactor }) => reactor !== busy.reactor))
    }).pipe(Effect.scoped)
  )

  it.live("keep the sessions of a shared connection together", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const { reach, server } = yield* served()
      const transport = Ssh.share(reach)
      const sessions = yield* Effect.all(
        Array.from({ length: 5 }, () => connectIn(reactors)(transport)),
        {
          concurrency: 5
        }
      )
      assert.strictEqual(new Set(sessions.map(({ reactor }) => reactor)).size, 1)
      assert.strictEqual(server.connections(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("stop a thread that has been idle, and start it again", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1, 10, { idle: 20 })
      const { transport } = yield* served()
      const visit = Effect.scoped(Effect.flatMap(connectIn(reactors)(transport), (session) => session.rpc(large)))
      yield* visit
      yield* until(() => stateOf(reactors, "worker-1") === "asleep")
      yield* visit
      assert.strictEqual(reactors.statistics().reactors[1]!.crashes, 0)
    }).pipe(Effect.scoped)
  )

  it.live("end with their layer, and so do their sessions", () =>
    Effect.gen(function* () {
      const { transport } = yield* served()
      const connected = Effect.gen(function* () {
        const session = yield* Netconf.connect({ transport })
        return { session, reactors: yield* Reactors.Current }
      })
      const { reactors, session } = yield* Effect.provide(connected, Reactors.layer({ threads: 1 }))
      const reason = yield* session.closed
      assert.deepStrictEqual(
        [reason.by, reason.detail],
        ["network", "the thread of worker-1 ended: the reactors were closed"]
      )
      assert.deepStrictEqual([reactors.size, counts(reactors)], [0, { loop: 0 }])
    }).pipe(Effect.scoped)
  )

  it("refuse a layer with options that are none", () => {
    const problem = (given: object) =>
      Effect.runSync(Effect.flip(Effect.provide(Effect.void, Reactors.layer(given as Reactors.Options)))).message
    assert.include(problem({ threads: -1 }), "threads")
    assert.include(problem({ thread: 1 }), "did you mean threads?")
    assert.include(problem({ threads: 1, movesPerSecond: 0 }), "movesPerSecond")
  })

  it("show no secret of a transport", () => {
    const auth = [{ password: Redacted.make("hunter2-hunter2") }]
    const transport = Ssh.make({ host: "192.0.2.1", username: "admin", auth })
    assert.strictEqual(JSON.stringify(transport.remote!.describe()).includes("hunter2-hunter2"), true)
    assert.notInclude(inspect(transport, { depth: 20, showHidden: true }), "hunter2-hunter2")
  })
})

/** A server that sends a megabyte more than asked for, as fast as it can. */
const flooding = (megabytes: number) =>
  serve({
    subsystem: (channel) => {
      const bytes = Buffer.alloc(65_536)
      let left = megabytes * 16
      const go = (): void => {
        while (left-- > 0) if (!channel.write(bytes)) return void channel.once("drain", go)
      }
      go()
    }
  })

const openIn = (reactors: Reactors.Reactors, transport: Transport, handler = recorder()) =>
  Effect.map(Effect.provideService(transport.open(handler, context), Placement.Current, reactors), (connection) => ({
    connection,
    handler
  }))

describe("A connection in a thread", () => {
  it.live("opens another session beside it, on the same connection and in the same thread", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const server = yield* serve()
      const { connection } = yield* openIn(reactors, Ssh.make(options(server)))
      const handler = recorder()
      const scope = yield* Scope.make()
      const other = yield* Scope.provide(connection.beside!(handler, context), scope)
      other.write(Buffer.from("echo"))
      yield* until(() => handler.bytes().toString() === "echo")
      assert.deepStrictEqual([server.accepted(), server.channels.length], [1, 2])
      assert.strictEqual(other.reactor, connection.reactor)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([handler.ends[0]!.by, server.open()], ["us", 1])
    }).pipe(Effect.scoped)
  )

  it.live("opens nothing beside it when it has ended", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const server = yield* serve()
      const { connection, handler } = yield* openIn(reactors, Ssh.make(options(server)))
      reactors.terminate("worker-1")
      yield* until(() => handler.ends.length === 1)
      const error = yield* Effect.flip(connection.beside!(recorder(), context))
      assert(error._tag === "ChannelError")
      assert.deepStrictEqual([error.phase, error.by, error.detail], ["open", "network", "the connection has ended"])
    }).pipe(Effect.scoped)
  )

  it.live("is warned of once, whichever threads its transport is opened in", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const server = yield* serve()
      const warnings: Array<string> = []
      const logger = Logger.make(({ message }) => {
        warnings.push(String(message))
      })
      const transport = Ssh.make(options(server, { hostKey: "accept-any" }))
      const opened = yield* Effect.all([openIn(reactors, transport), openIn(reactors, transport)], {
        concurrency: 2
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(opened.map(({ connection }) => connection.reactor).sort(), ["worker-1", "worker-2"])
      yield* until(() => warnings.length > 0)
      yield* settled(() => warnings.length)
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0]!, `the host key of 127.0.0.1:${server.port} was accepted without a check`)
    }).pipe(Effect.scoped)
  )

  it.live("is logged in to with the credential that it is in every thread, as far as refusals are counted", () =>
    Effect.gen(function* () {
      const reactors = yield* make(2)
      const server = yield* serve()
      const transport = Ssh.make(options(server, { auth: { password: Redacted.make("rotated") } }))
      const twice = Effect.all([openIn(reactors, transport), openIn(reactors, transport)].map(Effect.flip), {
        concurrency: 2
      })
      yield* twice
      yield* Effect.flip(transport.open(recorder(), context))
      const counted = (yield* CredentialGuard.status()).map(({ refusals }) => refusals)
      assert.deepStrictEqual(
        [counted, reactors.statistics().reactors.map(({ messages }) => messages > 0)],
        [[3], [false, true, true]]
      )
    }).pipe(Effect.scoped, Effect.provide(CredentialGuard.layer))
  )

  it.live("asks the function of its own transport, also when the session that began the login has left", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const prompts: Array<() => void> = []
      const server = yield* serve({
        authenticate: (login) => {
          if (login.method !== "keyboard-interactive") return login.reject(["keyboard-interactive"])
          prompts.push(() =>
            login.prompt([{ prompt: "?", echo: false }], "", "", (answers) =>
              answers[0] === "right" ? login.accept() : login.reject(["keyboard-interactive"])
            )
          )
        }
      })
      const answering = (text: string) => ({ keyboardInteractive: () => Effect.succeed([Redacted.make(text)]) })
      const transport = Ssh.share(options(server, { auth: answering("right") }))
      const wrong = Ssh.share(options(server, { auth: answering("wrong") }))
      yield* Effect.forkScoped(Effect.exit(openIn(reactors, wrong)))
      yield* until(() => prompts.length === 1)
      const first = yield* Effect.forkChild(Effect.scoped(openIn(reactors, transport)))
      yield* until(() => prompts.length === 2)
      const second = yield* Effect.forkChild(openIn(reactors, transport), { startImmediately: true })
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(first)
      prompts[1]!()
      assert.strictEqual((yield* Fiber.join(second)).connection.reactor, "worker-1")
    }).pipe(Effect.scoped)
  )
})

describe("A thread's flow of bytes", () => {
  it.live("is held back when a session is paused: no more than its credit crosses", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const server = yield* flooding(8)
      const handler = recorder()
      const { connection } = yield* openIn(reactors, Ssh.make(options(server)), handler)
      connection.pause()
      const crossed = () => reactors.statistics().reactors[1]!.bytesIn
      yield* settled(crossed)
      assert.isBelow(crossed(), 2 * credit)
      const before = handler.size()
      yield* settled(handler.size)
      assert.strictEqual(handler.size(), before)
      connection.resume()
      yield* until(() => handler.size() === 8 * 1_048_576)
    }).pipe(Effect.scoped)
  )

  it.live("goes on for the others when many sessions are paused with bytes under way", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const server = yield* flooding(4)
      const transport = Ssh.make(options(server))
      const count = creditOfAll / credit + 4
      const pausing = () =>
        Effect.tap(openIn(reactors, transport), ({ connection }) => Effect.sync(() => connection.pause()))
      yield* Effect.all(Array.from({ length: count }, pausing), { concurrency: 8 })
      yield* settled(() => reactors.statistics().reactors[1]!.bytesIn)
      const { handler } = yield* openIn(reactors, transport)
      yield* until(() => handler.size() === 4 * 1_048_576)
    }).pipe(Effect.scoped)
  )
})

/** A thread's code, for the time of the test. */
const code = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(`${tmpdir()}/thread-`)),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const entry = `${folder}/thread.mjs`
      writeFileSync(entry, text)
      return pathToFileURL(entry)
    }
  )

describe("A thread that crashes", () => {
  it.live("ends its sessions with the reason, and is replaced", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const { server, transport } = yield* served()
      const session = yield* connectIn(reactors)(transport)
      const hangs = yield* Effect.forkChild(session.rpc(large, { read: true }), { startImmediately: true })
      assert.isTrue(reactors.terminate("worker-1"))
      const reason = yield* session.closed
      assert.deepStrictEqual([reason.by, reason.detail], ["network", "the thread of worker-1 ended: it was terminated"])
      const error = yield* Effect.flip(Fiber.join(hangs))
      assert(error._tag === "ChannelError")
      assert.isTrue(error.isRetryable)
      yield* until(() => server.connections() === 0)
      const next = yield* connectIn(reactors)(transport)
      assert.strictEqual(next.reactor, "worker-1")
      yield* next.rpc(large)
      assert.strictEqual(reactors.statistics().reactors[1]!.crashes, 1)
      assert.isFalse(reactors.terminate("worker-7"))
    }).pipe(Effect.scoped)
  )

  it.live("fails what is being opened, so that it can be tried again", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const server = yield* serve({ authenticate: () => {} })
      const opening = yield* Effect.forkChild(Effect.flip(connectIn(reactors)(Ssh.make(options(server)))))
      yield* until(() => server.clients.length === 1)
      reactors.terminate("worker-1")
      const error = yield* Fiber.join(opening)
      assert(error._tag === "ConnectionError")
      assert.deepStrictEqual([error.label, error.reason, error.isRetryable], ["leaf-01", "reset", true])
      assert.include(error.message, "worker-1")
    }).pipe(Effect.scoped)
  )

  it.live("brings sessions that come back onto its replacement", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const { transport } = yield* served()
      const session = yield* Netconf.reconnecting(
        { transport },
        { schedule: Schedule.spaced("10 millis"), whileDown: "wait" }
      ).pipe(Effect.provideService(Reactors.Current, reactors))
      const first = session.sessionId
      reactors.terminate("worker-1")
      yield* until(() => session.sessionId !== first)
      yield* session.getConfig({ source: "running" })
      assert.strictEqual(session.reactor, "worker-1")
    }).pipe(Effect.scoped)
  )

  it.live("refuses sessions after three crashes in a row before one was up", () =>
    Effect.gen(function* () {
      const entry = yield* code(`throw new Error("out of order")`)
      const reactors = yield* make(1, 10, { idle: 1_000, entry })
      const { transport } = yield* served()
      const errors = yield* Effect.forEach([1, 2, 3, 4], () => Effect.flip(connectIn(reactors)(transport)))
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "ConnectionError" && error.reason),
        ["reset", "reset", "reset", "unreachable"]
      )
      assert.include(errors[0]!.message, "the thread of worker-1 ended: out of order")
      assert.include(errors[3]!.message, "does not stay up: it ended 3 times in a row (out of order)")
      assert.isTrue(errors[3]!.isRetryable)
      assert.deepStrictEqual(
        [stateOf(reactors, "worker-1"), reactors.statistics().reactors[1]!.crashes],
        ["failing", 3]
      )
    }).pipe(Effect.scoped)
  )

  it.live("is not waited for once it has been left: the session goes where sessions go by then", () =>
    Effect.gen(function* () {
      const entry = yield* code(`throw new Error("out of order")`)
      const reactors = yield* make(1, 10, { idle: 1_000, entry })
      const { transport } = yield* served()
      yield* Effect.flip(connectIn(reactors)(transport))
      const waiting = yield* Effect.forkChild(connectIn(reactors)(transport), { startImmediately: true })
      yield* reactors.resize(0)
      assert.strictEqual((yield* Fiber.join(waiting)).reactor, "loop")
      assert.strictEqual(reactors.statistics().reactors.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is noticed when its code calls process.exit, or throws later on", () =>
    Effect.gen(function* () {
      const { transport } = yield* served()
      const message = (text: string) =>
        Effect.gen(function* () {
          const reactors = yield* make(1, 10, { idle: 1_000, entry: yield* code(text) })
          return (yield* Effect.flip(connectIn(reactors)(transport))).message
        })
      assert.include(yield* message("process.exit(3)"), "it exited with code 3")
      assert.include(yield* message("setTimeout(() => { throw new TypeError('late') }, 10)"), "late")
    }).pipe(Effect.scoped)
  )
})

/** The niceness of each of this process's threads. */
const nicenesses = () =>
  readdirSync("/proc/self/task").map((task) => {
    const stat = readFileSync(`/proc/self/task/${task}/stat`, "utf8")
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16])
  })

describe.skipIf(process.platform !== "linux")("A thread that wants the same core as the caller's loop", () => {
  it.live("leaves it most of the time", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const { transport } = yield* served()
      yield* connectIn(reactors)(transport)
      assert.strictEqual(Math.max(...nicenesses()), getPriority() + 5)
    }).pipe(Effect.scoped)
  )
})

describe("Reactors when they are resized", () => {
  it.live("take new sessions at once, and let those of the others end where they are", () =>
    Effect.gen(function* () {
      const reactors = yield* make(0)
      const { transport } = yield* served()
      const connect = connectIn(reactors)
      const inLoop = yield* connect(transport)
      yield* reactors.resize(2)
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(connect(transport), scope)
      const two = yield* connect(transport)
      yield* two.lock({ target: "running" })
      assert.deepStrictEqual([inLoop.reactor, one.reactor, two.reactor], ["loop", "worker-1", "worker-2"])
      yield* reactors.resize(0)
      assert.strictEqual((yield* connect(transport)).reactor, "loop")
      assert.deepStrictEqual([stateOf(reactors, "worker-1"), stateOf(reactors, "worker-2")], ["draining", "draining"])
      yield* Scope.close(scope, Exit.void)
      yield* two.unlock({ target: "running" })
      assert.deepStrictEqual([stateOf(reactors, "worker-1"), stateOf(reactors, "worker-2")], [undefined, "draining"])
    }).pipe(Effect.scoped)
  )

  it.live("take a thread back that is on its way out, before they start another one", () =>
    Effect.gen(function* () {
      const reactors = yield* make(1)
      const { transport } = yield* served()
      yield* connectIn(reactors)(transport)
      yield* reactors.resize(0)
      yield* reactors.resize(2)
      assert.deepStrictEqual(counts(reactors), { loop: 0, "worker-1": 1, "worker-2": 0 })
      assert.strictEqual(stateOf(reactors, "worker-1"), "up")
    }).pipe(Effect.scoped)
  )
})

/** Something that goes where it is sent. */
class Subscription implements Reactors.Movable {
  reactor: string
  moves = 0
  readonly stays: boolean

  constructor(reactor: string, stays = false) {
    this.reactor = reactor
    this.stays = stays
  }

  readonly move = Effect.flatMap(Destination, (destination) =>
    Effect.sync(() => {
      this.moves++
      if (!this.stays) this.reactor = destination ?? "nowhere"
    })
  )
}

const inTest = (threads: number) =>
  Effect.map(Effect.context<never>(), (services) => new Reactors.Reactors(threads, Effect.runForkWith(services)))

const where = (subscriptions: ReadonlyArray<Subscription>) => {
  const found: Record<string, number> = {}
  for (const { reactor } of subscriptions) found[reactor] = (found[reactor] ?? 0) + 1
  return found
}

const several = (count: number, reactor: string, reactors: Reactors.Reactors) =>
  Array.from({ length: count }, () => {
    const subscription = new Subscription(reactor)
    reactors.register(subscription)
    return subscription
  })

describe("Subscriptions", () => {
  it.effect("are evened out over reactors that are more, ten in a second, and none more than is needed", () =>
    Effect.gen(function* () {
      const reactors = yield* inTest(1)
      const subscriptions = several(9, "worker-1", reactors)
      yield* reactors.resize(3)
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(where(subscriptions), { "worker-1": 6, "worker-2": 2, "worker-3": 1 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(where(subscriptions), { "worker-1": 3, "worker-2": 3, "worker-3": 3 })
      assert.strictEqual(
        subscriptions.reduce((sum, { moves }) => sum + moves, 0),
        6
      )
      assert.strictEqual(reactors.statistics().reactors[1]!.subscriptions, 3)
    })
  )

  it.effect("leave a reactor that goes, also one that came to be meanwhile, for the one that has fewest", () =>
    Effect.gen(function* () {
      const reactors = yield* inTest(2)
      const kept = several(2, "worker-1", reactors)
      const leaving = several(3, "worker-2", reactors)
      yield* reactors.resize(1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(where([...kept, ...leaving]), { "worker-1": 5 })
      const [late] = several(1, "worker-2", reactors)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(late!.reactor, "worker-1")
      const [cannotCross] = several(1, "loop", reactors)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(cannotCross!.moves, 0)
      yield* reactors.resize(0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(where([...kept, ...leaving]), { loop: 5 })
    })
  )

  it.effect("stay where they are when they are told to, or cannot move, and are asked once", () =>
    Effect.gen(function* () {
      const reactors = yield* inTest(1)
      const fixed = new Subscription("worker-1", true)
      reactors.register(fixed)
      const subscriptions = several(4, "worker-1", reactors)
      yield* reactors.resize(2, { rebalance: false })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(where(subscriptions), { "worker-1": 4 })
      let asked = 0
      const unasked = { reactor: "worker-1", canMove: false, move: Effect.sync(() => void asked++) }
      const gone = new Subscription("worker-1")
      reactors.register(unasked)
      reactors.register(gone)()
      yield* reactors.resize(3)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([fixed.moves, gone.moves, asked], [1, 0, 0])
    })
  )

  it.effect("outlive a move that dies, and move no more when the reactors are closed", () =>
    Effect.gen(function* () {
      const reactors = yield* inTest(1)
      reactors.register({ reactor: "worker-1", move: Effect.die(new Error("a bug")) })
      const subscriptions = several(3, "worker-1", reactors)
      yield* reactors.resize(2)
      yield* TestClock.adjust("120 millis")
      assert.strictEqual(where(subscriptions)["worker-2"], 1)
      reactors.close()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(where(subscriptions)["worker-2"], 1)
    })
  )
})

describe("The process", () => {
  it.live("ends by itself after the last session, and a reactor that crashed does not end it", () =>
    Effect.gen(function* () {
      const { reach } = yield* served()
      const root = new URL("../../src/", import.meta.url)
      const script = `
        import { NetconfClient, setNotificationReactorCount } from "${new URL("promise.ts", root)}"
        import { Reactors } from "${new URL("index.ts", root)}"
        import * as Effect from "effect/Effect"
        setNotificationReactorCount(2)
        const open = () => new NetconfClient(${JSON.stringify({ ...reach, hostname: reach.host, host: undefined, auth: undefined, password: "admin" })})
        const [one, two] = [open(), open()]
        await one.connect()
        await two.connect()
        await one.getConfig()
        Effect.runSync(Reactors.Current).terminate("worker-2")
        await one.getConfig()
        await one.disconnect()
        await two.disconnect()
        const began = performance.now()
        process.on("exit", () => console.log("ended", performance.now() - began < 2000))
      `
      const { stderr, stdout } = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
          cwd: new URL("../../", import.meta.url),
          timeout: 15_000
        })
      )
      assert.deepStrictEqual([stdout.trim(), stderr], ["ended true", ""])
    }).pipe(Effect.scoped)
  )
})
