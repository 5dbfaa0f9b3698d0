/**
 * The far side of a session over memory, moved by hand: it says hello, shows every rpc that came, and answers only what
 * the test tells it to. Nothing here waits for a clock.
 */
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import type { ConnectError } from "../../src/errors.ts"
import * as Framing from "../../src/framing/Framing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import type { Connection, EndReason, Transport } from "../../src/transport/Transport.ts"

export const base = "urn:ietf:params:xml:ns:netconf:base:1.0"
const capability = (name: string) =>
  name.startsWith(":base:")
    ? `urn:ietf:params:netconf${name}`
    : name.startsWith(":")
      ? `urn:ietf:params:netconf:capability${name}${/:\d+\.\d+$/.test(name) ? "" : ":1.0"}`
      : name

export const everything: ReadonlyArray<string> = [
  ":base:1.0",
  ":base:1.1",
  ":candidate",
  ":writable-running",
  ":startup",
  ":validate:1.0",
  ":validate:1.1",
  ":confirmed-commit:1.0",
  ":confirmed-commit:1.1",
  ":rollback-on-error",
  "urn:ietf:params:netconf:capability:url:1.0?scheme=file,ftp",
  ":xpath"
]

export const helloOf = (names: ReadonlyArray<string>, sessionId: string | null = "7"): string =>
  `<hello xmlns="${base}"><capabilities>${names
    .map((name) => `<capability>${capability(name).replaceAll("&", "&amp;")}</capability>`)
    .join("")}</capabilities>${sessionId === null ? "" : `<session-id>${sessionId}</session-id>`}</hello>`

/** Lets everything run that needs no time: microtasks, and fibers that were scheduled. */
export const settle: Effect.Effect<void> = Effect.promise(async () => {
  for (let round = 0; round < 12; round++) await new Promise((resolve) => setImmediate(resolve))
})

/** Runs a test on a clock that counts who sleeps on it: the session's timers. */
export const countingSleepers = <A, E, R>(
  test: (sleepers: () => number) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    let sleeping = 0
    const counting: Clock.Clock = Object.create(clock, {
      sleep: {
        value: (duration: Parameters<Clock.Clock["sleep"]>[0]) =>
          Effect.acquireUseRelease(
            Effect.sync(() => void sleeping++),
            () => clock.sleep(duration),
            () => Effect.sync(() => void sleeping--)
          )
      }
    }) as Clock.Clock
    return Effect.provideService(
      test(() => sleeping),
      Clock.Clock,
      counting
    )
  })

export interface Rpc {
  readonly id: string
  /** The operation's element name. */
  readonly name: string
  readonly xml: string
}

const toRpc = (xml: string): Rpc => ({
  id: /message-id="([^"]*)"/.exec(xml)?.[1] ?? "",
  name: /<rpc[^>]*><(?:[\w-]+:)?([\w.-]+)/.exec(xml)?.[1] ?? "",
  xml
})

/** One connection as the peer sees it. */
export class Peer {
  hello: string | undefined
  readonly rpcs: Array<Rpc> = []
  readonly received: Array<Buffer> = []
  end: EndReason | undefined
  /** Called with each rpc. By default close-session is answered, and nothing else. */
  onRpc: (rpc: Rpc, peer: Peer) => void = (rpc) => {
    if (rpc.name === "close-session") this.reply(rpc)
  }
  mode: Framing.Mode = "end-of-message"
  readonly endpoint: Memory.Endpoint
  readonly #connection: Connection
  readonly #decoder = Framing.makeDecoder()
  #spans: Array<Buffer> = []
  #said: string | undefined

  constructor(endpoint: Memory.Endpoint) {
    this.endpoint = endpoint
    this.#connection = endpoint.connect({
      data: (bytes) => this.#read(bytes),
      drain: () => {},
      end: (reason) => {
        this.end = reason
      }
    })
  }

  /** Who ended the connection, once it has ended. */
  get endedBy(): EndReason["by"] | undefined {
    return this.end?.by
  }
  get names(): ReadonlyArray<string> {
    return this.rpcs.map((rpc) => rpc.name)
  }
  get last(): Rpc {
    return this.rpcs.at(-1)!
  }
  /** The newest rpc of this name. */
  rpc(name: string): Rpc {
    const found = this.rpcs.findLast((rpc) => rpc.name === name)
    assert.isDefined(found, `no ${name} among ${this.names.join(", ")}`)
    return found
  }

  #read(bytes: Uint8Array): void {
    this.received.push(Buffer.from(bytes))
    this.#decoder.push(bytes, {
      span: (span) => this.#spans.push(span),
      end: () => {
        const xml = Buffer.concat(this.#spans).toString()
        this.#spans = []
        if (this.hello === undefined) {
          this.hello = xml
          return this.#negotiate()
        }
        const rpc = toRpc(xml)
        this.rpcs.push(rpc)
        this.onRpc(rpc, this)
      }
    })
  }

  bytes(bytes: string | Uint8Array): void {
    this.#connection.write(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
  }
  frame(message: string | Uint8Array): Buffer {
    return Framing.encode(this.mode, message)
  }
  /** Any message, in a proper frame. */
  send(message: string | Uint8Array): void {
    this.bytes(this.frame(message))
  }
  /** Answers an rpc; `content` stands inside rpc-reply. */
  reply(rpc: Rpc | string, content = "<ok/>"): void {
    this.send(replyOf(typeof rpc === "string" ? rpc : rpc.id, content))
  }
  /** Says hello, with further bytes in the same packet; the framing follows from both. */
  sayHello(hello: string, ...more: ReadonlyArray<Uint8Array>): void {
    this.#said = hello
    this.bytes(Buffer.concat([Framing.encode("end-of-message", hello), ...more]))
    this.#negotiate()
  }

  #negotiate(): void {
    if (![this.#said, this.hello].every((hello) => hello?.includes("netconf:base:1.1<") === true)) return
    this.mode = "chunked"
    this.#decoder.upgrade()
  }
  pause(): void {
    this.#connection.pause()
  }
  resume(): void {
    this.#connection.resume()
  }
}

export const replyOf = (id: string | undefined, content = "<ok/>"): string =>
  `<rpc-reply xmlns="${base}"${id === undefined ? "" : ` message-id="${id}"`}>${content}</rpc-reply>`

export const rpcError = (tag: string, more = "", severity = "error"): string =>
  `<rpc-error><error-type>protocol</error-type><error-tag>${tag}</error-tag><error-severity>${severity}</error-severity>${more}</rpc-error>`

export const data = '<data><a xmlns="urn:a">1</a></data>'

/** What an obliging device answers. */
export const obliging = (rpc: Rpc, peer: Peer): void => peer.reply(rpc, rpc.name.startsWith("get") ? data : "<ok/>")

export interface Options extends Partial<Omit<Netconf.ConnectOptions, "transport">> {
  /** Capabilities that the peer announces; short names. Default: everything. */
  readonly peer?: ReadonlyArray<string>
  readonly memory?: Memory.MemoryOptions
}

export interface Connected {
  readonly session: Session
  readonly peer: Peer
  /** Ends the session's scope, as leaving it would. */
  readonly close: Effect.Effect<void>
}

/** A transport whose peer is given to the test, without a hello. */
export const transport = (
  memory: Memory.MemoryOptions = {}
): { readonly transport: Transport; readonly peers: Array<Peer> } => {
  const peers: Array<Peer> = []
  return { transport: Memory.make((endpoint) => peers.push(new Peer(endpoint)), memory), peers }
}

/** An open session and its peer. */
export const connect = (options: Options = {}): Effect.Effect<Connected, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const { memory, peer: names = everything, ...rest } = options
    const accept = (endpoint: Memory.Endpoint) => {
      peer = new Peer(endpoint)
      peer.sayHello(helloOf(names))
    }
    let peer!: Peer
    const scope = yield* Effect.acquireRelease(
      Effect.sync(() => Scope.makeUnsafe()),
      (scope) => Scope.close(scope, Exit.void)
    )
    const session = yield* Scope.provide(
      Netconf.connect({ ...rest, transport: Memory.make(accept, { peer: "peer", ...memory }) }),
      scope
    )
    return { session, peer, close: Scope.close(scope, Exit.void) }
  })

/** Starts an effect and lets it run until it waits. */
export const start = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.Fiber<A, E>, never, R | Scope.Scope> =>
  Effect.tap(Effect.forkScoped(effect, { startImmediately: true }), () => settle)

/** The error of a fiber that must have failed by now. */
export const failure = <A, E>(fiber: Fiber.Fiber<A, E>): E => {
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "it still waits")
  assert.isTrue(Exit.isFailure(exit), "it did not fail")
  const reason = Exit.isFailure(exit) ? exit.cause.reasons.find((one) => one._tag === "Fail") : undefined
  assert.isDefined(reason, `no typed failure: ${JSON.stringify(exit)}`)
  return (reason as { readonly error: E }).error
}

/** The value of a fiber that must have succeeded by now. */
export const success = <A, E>(fiber: Fiber.Fiber<A, E>): A => {
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "it still waits")
  if (!Exit.isSuccess(exit)) throw new Error(`it failed: ${JSON.stringify(exit)}`)
  return exit.value
}

export const isWaiting = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() === undefined
