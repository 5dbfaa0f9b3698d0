/**
 * A peer that does exactly what a list of steps says, byte for byte: for tests of how a client behaves when the answer
 * is this and nothing else. It understands framing and nothing of NETCONF; a device that thinks is `SimulatedDevice.ts`.
 *
 * Each connection to the transport plays one script, in order. What does not go as scripted fails `done`.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Framing from "../framing/Framing.ts"
import * as Memory from "../transport/Memory.ts"
import type { Connection, EndReason, Transport } from "../transport/Transport.ts"
import { base10, base11 } from "../rpc/Hello.ts"
import { base } from "../xml/Namespaces.ts"
import { escapeText } from "../xml/Print.ts"
import { checkUri } from "./Capabilities.ts"
import { join, Messages } from "./Messages.ts"

/** What a client is expected to send: text that occurs in it, an expression that matches it, or a predicate. */
export type Pattern = string | RegExp | ((message: string) => boolean)

export type Step =
  | { readonly _tag: "Expect"; readonly pattern: Pattern }
  | { readonly _tag: "ExpectBytes"; readonly pattern: string | RegExp }
  | { readonly _tag: "ExpectEnd" }
  | { readonly _tag: "Send"; readonly bytes: string | Uint8Array }
  | { readonly _tag: "Message"; readonly message: (request: string) => string | Uint8Array }
  | { readonly _tag: "End"; readonly by: "peer" | "network" }
  | { readonly _tag: "Pause"; readonly duration: Duration.Input }
  | { readonly _tag: "Drain" }

/** Waits for the client's next message, which has to match; its hello is a message like any other. */
export const expect = (pattern: Pattern = ""): Step => ({ _tag: "Expect", pattern })
/** Waits until everything that the client has sent, frames included, matches. */
export const expectBytes = (pattern: string | RegExp): Step => ({ _tag: "ExpectBytes", pattern })
/** Waits until the client ends the connection. */
export const expectEnd: Step = { _tag: "ExpectEnd" }
/** Sends bytes as they are. */
export const send = (bytes: string | Uint8Array): Step => ({ _tag: "Send", bytes })
/** Sends a message in a proper frame; a function is given the message that was expected last. */
export const message = (text: string | Uint8Array | ((request: string) => string)): Step => ({
  _tag: "Message",
  message: (request) => (typeof text === "function" ? text(request) : text)
})
/** Answers the rpc that was expected last, with its message-id: `reply("<ok/>")`. */
export const reply = (body: string): Step =>
  message((request) => `<rpc-reply xmlns="${base}" message-id="${messageIdOf(request)}">${body}</rpc-reply>`)
/** Ends the connection as a server does. */
export const end: Step = { _tag: "End", by: "peer" }
/** Cuts it as a network does: what is on its way is lost. */
export const cut: Step = { _tag: "End", by: "network" }
/** Lets time pass, by the Clock. */
export const pause = (duration: Duration.Input): Step => ({ _tag: "Pause", duration })
/** Waits until the client has read what was sent, if the last write found the buffer full. */
export const drain: Step = { _tag: "Drain" }

/** Sends a hello; both framings are offered unless `base` says which. Throws for a capability that XML cannot carry. */
export const hello = (
  options: {
    readonly sessionId?: number | undefined
    readonly base?: ReadonlyArray<"1.0" | "1.1">
    readonly capabilities?: ReadonlyArray<string>
  } = {}
): Step => {
  const versions = (options.base ?? ["1.0", "1.1"]).map((version) => (version === "1.0" ? base10 : base11))
  const list = [...versions, ...(options.capabilities ?? [])].map(
    (uri) => `<capability>${escapeText(checkUri(uri))}</capability>`
  )
  const id = "sessionId" in options ? options.sessionId : 1
  const sessionId = id === undefined ? "" : `<session-id>${id}</session-id>`
  return message(`<hello xmlns="${base}"><capabilities>${list.join("")}</capabilities>${sessionId}</hello>`)
}

const messageIdOf = (request: string): string => /\smessage-id\s*=\s*["']([^"']*)["']/.exec(request)?.[1] ?? ""

/** What did not go as scripted, and at which step (from 1). */
export class ScriptError extends Data.TaggedError("ScriptError")<{
  readonly connection: number
  readonly step: number
  readonly detail: string
}> {
  override get message(): string {
    return `script ${this.connection}, step ${this.step}: ${this.detail}`
  }
}

export interface ScriptedServer {
  readonly transport: Transport
  /** Waits until all scripts have been played; fails with the first thing that was not as scripted. */
  readonly done: Effect.Effect<void, ScriptError>
  /** All bytes that clients have sent, as text. */
  readonly received: () => string
}

const matches = (pattern: Pattern, text: string): boolean => {
  if (typeof pattern === "function") return pattern(text)
  return typeof pattern === "string" ? text.includes(pattern) : pattern.test(text)
}

const shown = (pattern: Pattern): string => (typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern))

/** One connection while its script is played. */
class Player {
  readonly #connection: Connection
  readonly #endpoint: Memory.Endpoint
  readonly #reader = new Messages((pieces) => this.#receive(join(pieces).toString()))
  readonly #events = Effect.runSync(Queue.unbounded<void>())
  readonly #messages: Array<string> = []
  #bytes = ""
  #offered = false
  #accepted = false
  #ended: EndReason | undefined
  #full = false
  #request = ""

  constructor(endpoint: Memory.Endpoint) {
    this.#endpoint = endpoint
    this.#connection = endpoint.connect({
      data: (bytes) => this.#read(bytes),
      drain: () => {
        this.#full = false
        this.#wake()
      },
      end: (reason) => {
        this.#ended = reason
        this.#wake()
      }
    })
  }

  get received(): string {
    return this.#bytes
  }

  #wake(): void {
    Queue.offerUnsafe(this.#events, undefined)
  }

  #read(bytes: Uint8Array): void {
    this.#bytes += Buffer.from(bytes).toString("latin1")
    this.#reader.push(bytes)
    const { broken } = this.#reader
    if (broken !== undefined) this.#ended = { by: "peer", detail: `the client's framing is broken: ${broken}` }
    this.#wake()
  }

  #receive(text: string): void {
    this.#messages.push(text)
    this.#accepted ||= text.includes(base11)
    this.#negotiate()
  }

  /** Both framings follow from what the two hellos have said so far. */
  #negotiate(): void {
    if (this.#offered && this.#accepted && !this.#reader.inMessage) this.#reader.upgrade()
  }

  /** Waits until the condition gives something; a client that is gone gives nothing any more. */
  #until<A>(what: string, condition: () => A | undefined): Effect.Effect<A, string> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const found = condition()
        if (found !== undefined) return found
        if (this.#ended !== undefined)
          return yield* Effect.fail(`${what}, but the client is gone: ${this.#ended.detail}`)
        yield* Queue.take(this.#events)
      }
    })
  }

  #write(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString("latin1")
    this.#full = !this.#connection.write(bytes)
    this.#offered ||= text.includes(base11)
    this.#negotiate()
  }

  play(step: Step): Effect.Effect<void, string> {
    switch (step._tag) {
      case "Expect":
        return this.#expect(step.pattern)
      case "ExpectBytes":
        return Effect.asVoid(
          this.#until(`${shown(step.pattern)} was expected`, () => matches(step.pattern, this.#bytes) || undefined)
        )
      case "ExpectEnd":
        return Effect.asVoid(this.#until("the end was expected", () => this.#ended))
      case "Send":
        return Effect.sync(() => this.#write(Buffer.from(step.bytes as string)))
      case "Message":
        return Effect.sync(() => this.#write(Framing.encode(this.#reader.mode, step.message(this.#request))))
      case "End":
        return Effect.sync(() => this.#endpoint.close({ by: step.by, detail: "the script ends the connection" }))
      case "Pause":
        return Effect.sleep(step.duration)
      case "Drain":
        return Effect.asVoid(this.#until("the client was expected to read", () => !this.#full || undefined))
    }
  }

  #expect(pattern: Pattern): Effect.Effect<void, string> {
    return Effect.flatMap(
      this.#until(`${shown(pattern)} was expected`, () => this.#messages.shift()),
      (text) => {
        this.#request = text
        return matches(pattern, text)
          ? Effect.void
          : Effect.fail(`${shown(pattern)} was expected, and this came: ${text}`)
      }
    )
  }
}

const playAll = (player: Player, steps: ReadonlyArray<Step>, connection: number): Effect.Effect<void, ScriptError> =>
  Effect.forEach(
    steps,
    (step, at) => Effect.mapError(player.play(step), (detail) => new ScriptError({ connection, step: at + 1, detail })),
    { discard: true }
  )

/**
 * Makes a server that plays one script per connection: the first connection the first, and so on. Connections beyond
 * the last are closed.
 *
 * @example
 * ```ts
 * const server = yield* ScriptedServer.make([
 *   ScriptedServer.hello(),
 *   ScriptedServer.expect("<hello"),
 *   ScriptedServer.expect("<get"),
 *   ScriptedServer.send("\n#10\n<rpc-reply"),
 *   ScriptedServer.cut
 * ])
 * // ... use server.transport, then
 * yield* server.done
 * ```
 */
export const make = (
  ...scripts: ReadonlyArray<ReadonlyArray<Step>>
): Effect.Effect<ScriptedServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
    const results = yield* Effect.forEach(scripts, () => Deferred.make<void, ScriptError>())
    const players: Array<Player> = []
    const accept = (endpoint: Memory.Endpoint) => {
      const player = new Player(endpoint)
      const at = players.push(player) - 1
      const result = results[at]
      if (result === undefined) return endpoint.close()
      runFork(Effect.asVoid(Deferred.into(playAll(player, scripts[at]!, at + 1), result)))
    }
    return {
      transport: Memory.make(accept, { peer: "scripted" }),
      done: Effect.forEach(results, Deferred.await, { discard: true }),
      received: () => players.map((player) => player.received).join("")
    }
  })
