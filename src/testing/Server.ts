/**
 * One session of a simulated device: hello both ways, requests one after the other, replies in their order (RFC 6241
 * §4.1 to §4.5, §8.1), and what faults and dialect make of them.
 *
 * The client's hello is read where it arrives, because the framing of the next byte depends on it; requests wait in a
 * queue for a fiber that may sleep. What an operation does is in `Operations.ts`, what a session's end means for locks
 * and candidate in `Datastores.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Hello from "../rpc/Hello.ts"
import type { Endpoint } from "../transport/Memory.ts"
import type { EndReason } from "../transport/Transport.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import * as Capabilities from "./Capabilities.ts"
import type { Core, DeviceSession, Peer } from "./Core.ts"
import type { Receiver } from "./Delivery.ts"
import type { Occasion } from "./Faults.ts"
import * as Operations from "./Operations.ts"
import * as Plan from "./Plan.ts"
import * as Refusal from "./Refusal.ts"
import * as Replies from "./Replies.ts"
import type { TerminationReason } from "./StandardEvents.ts"
import { Wire } from "./Wire.ts"

/** How the device's runtime starts a fiber; with it, everything ends with the device's scope. */
export type RunFork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** Requests that may wait before the device stops reading. */
const queueLimit = 256

class ServerSession {
  readonly #core: Core
  readonly #wire: Wire
  readonly #id: number
  readonly #loginTime: number
  readonly #requests = Effect.runSync(Queue.unbounded<Buffer>())
  readonly #fiber: Fiber.Fiber<void>
  #waiting = 0
  #established = false
  #greeted = false
  #busy = true
  #ended = false
  #released = false
  readonly #peer: Peer
  /** Why it ended, as far as it is known before the connection ends. */
  #termination: TerminationReason = "dropped"
  #killer: number | undefined
  /** Notifications that are to leave in one write with the reply. */
  #held: Array<Buffer> | undefined

  constructor(core: Core, endpoint: Endpoint, peer: Peer, runFork: RunFork) {
    this.#core = core
    this.#peer = peer
    this.#id = core.nextSession()
    this.#loginTime = core.now()
    this.#wire = new Wire(endpoint, {
      maxMessageBytes: core.settings.maxMessageBytes,
      message: (bytes) => this.#receive(bytes),
      broken: (detail) => this.#close(detail),
      end: () => this.#end()
    })
    const kill = (detail: string, killer?: number) => this.#kill(detail, killer)
    core.members.set(this.#id, { view: this.#view(peer), receiver: this.#receiver(), kill })
    this.#fiber = runFork(this.#run)
  }

  #view(peer: Peer): DeviceSession {
    const established = () => this.#established
    const framing = () => this.#wire.mode
    return {
      ...peer,
      id: this.#id,
      loginTime: this.#loginTime,
      get established() {
        return established()
      },
      get framing() {
        return framing()
      },
      send: (message) => this.#push(typeof message === "string" ? message : Replies.print(this.#core.dialect, message)),
      sendBytes: (bytes) => this.#wire.push(typeof bytes === "string" ? Buffer.from(bytes) : bytes),
      cut: (by = "network") => this.#wire.close({ by, detail: `session ${this.#id} was cut by the test` })
    }
  }

  #receiver(): Receiver {
    const hasRoom = () => this.#wire.hasRoom || this.#held !== undefined
    return {
      session: this.#id,
      get hasRoom() {
        return hasRoom()
      },
      room: this.#wire.room,
      send: (message) => this.#push(message)
    }
  }

  #push(message: string): void {
    const frame = this.#wire.frame(message, { chunkSize: this.#core.dialect.chunkSize, before: "" })
    if (this.#held === undefined) this.#wire.push(frame)
    else this.#held.push(frame)
  }

  readonly #run = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      yield* this.#sendHello()
      while (!this.#ended) {
        this.#busy = false
        const request = yield* Queue.take(this.#requests)
        this.#busy = true
        if (--this.#waiting === queueLimit) this.#wire.resume()
        if (!this.#ended) yield* this.#handle(request)
      }
      this.#release()
    }).pipe(
      // A fault that cannot be sent, such as an end-of-message mark within a message, must not leave a session that hangs.
      Effect.catchDefect((defect) => {
        process.emitWarning(`simulated device, session ${this.#id}: ${String(defect)}`)
        return Effect.sync(() => this.#kill("the simulated device failed"))
      })
    )
  )

  #receive(bytes: Buffer): void {
    if (this.#ended) return
    if (!this.#established) return this.#readHello(bytes)
    if (++this.#waiting > queueLimit) this.#wire.pause()
    Queue.offerUnsafe(this.#requests, bytes)
  }

  /** §8.1: a client sends no session-id, and a base version in common is needed. */
  #readHello(bytes: Buffer): void {
    this.#termination = "bad-hello"
    try {
      const theirs = Hello.read(bytes.toString(), {}, false)
      if (theirs.sessionId !== undefined) return this.#close("the client's hello has a session-id")
      const ours = this.#core.capabilities
      const chunked = ours.has(":base:1.1") && theirs.capabilities.has(":base:1.1")
      if (!chunked && !(ours.has(":base:1.0") && theirs.capabilities.has(":base:1.0"))) {
        return this.#close("no base version in common")
      }
      this.#established = true
      this.#termination = "dropped"
      if (chunked) this.#wire.upgrade()
      this.#core.events.sessionStart(this.#peer, this.#id)
    } catch (error) {
      if (!(error instanceof Hello.HelloError || error instanceof Parse.XmlError)) throw error
      this.#close(error.message)
    }
  }

  #sendHello(): Effect.Effect<void> {
    const occasion = { operation: "hello", sessionId: this.#id, messageId: undefined, request: undefined }
    const { capabilities, dialect } = this.#core
    const text = Replies.hello(dialect, Capabilities.inHello(capabilities, dialect), this.#id)
    const plan = Plan.make(this.#core.faults.on(occasion))
    return Effect.andThen(this.#pass(plan.before + plan.after), this.#send(plan, occasion, text))
  }

  /** One request, from its bytes to the end of its reply. */
  #handle(bytes: Buffer): Effect.Effect<void> {
    const rpc = decode(bytes)
    if (rpc === undefined) return this.#malformed()
    const messageId = Element.attribute(rpc, "message-id")
    const [request] = Element.elements(rpc)
    const operation = request?.name ?? ""
    const occasion: Occasion = { operation, sessionId: this.#id, messageId, request }
    const entry = { session: this.#id, operation, messageId, xml: bytes.toString(), at: this.#core.now() }
    this.#core.log.push(entry)
    const plan = Plan.make(this.#core.faults.on(occasion))
    if (operation === "close-session" && this.#core.dialect.closeSession === "never-answered") return Effect.void
    return Effect.gen({ self: this }, function* () {
      yield* this.#pass(operation === "commit" ? this.#core.dialect.commitTime : 0)
      yield* this.#pass(plan.before)
      const children = this.#answer(rpc, request, messageId, plan)
      yield* this.#pass(plan.after)
      yield* this.#send(plan, occasion, this.#reply(rpc, messageId, children, plan))
      this.#core.replied(this.#id)
      if (operation === "close-session" && plan.copies > 0) this.#close("close-session")
    })
  }

  #pass(time: number | Parameters<typeof Effect.sleep>[0]): Effect.Effect<void> {
    return time === 0 ? Effect.void : Effect.sleep(time)
  }

  #malformed(): Effect.Effect<void> {
    // The error-tag is new in base:1.1 and must not be sent to older clients.
    if (this.#wire.mode === "end-of-message") return Effect.sync(() => this.#close("a malformed message"))
    const refusal = Refusal.malformedMessage("the message is not an rpc")
    const reply = Replies.reply(undefined, undefined, [Refusal.toElement(refusal)])
    return this.#wire.write(this.#frame(Replies.print(this.#core.dialect, reply), undefined))
  }

  #answer(
    rpc: Element.Element,
    request: Element.Element | undefined,
    messageId: string | undefined,
    plan: Plan.Plan
  ): ReadonlyArray<Element.Element> {
    const { dialect } = this.#core
    const operation = request?.name ?? rpc.name
    try {
      if (messageId === undefined) throw new Refusal.Refused(Refusal.missingAttribute("rpc", "message-id", "rpc"))
      if (request === undefined)
        throw new Refusal.Refused(Refusal.missingParameter("rpc", "the rpc holds no operation"))
      if (plan.refusals.length > 0) throw new Refusal.Refused(...plan.refusals)
      const body = plan.applied ? this.#perform(request) : "ok"
      return Replies.contents(body, dialect.warnings(operation, request))
    } catch (error) {
      // What a test's own code throws is the reply, so that nobody waits for one in vain.
      const refusals = error instanceof Refusal.Refused ? error.refusals : [Refusal.operationFailed(String(error))]
      return Replies.errors(dialect, operation, refusals)
    }
  }

  #perform(request: Element.Element): Operations.Body {
    const core = this.#core
    const custom = core.operations.get(request.name)
    const operation = Operations.find(core, request)
    core.subscriptions.mayRun(core, this.#id, request)
    if (custom === undefined && operation === undefined) {
      throw new Refusal.Refused(Refusal.notSupported(`this device has no operation ${request.name}`))
    }
    const body = custom?.(request, this.#id) ?? operation!(core, this.#id, request)
    if (request.name !== "validate") core.validated = false
    if (request.name === "close-session") this.#termination = "closed"
    core.observe({ by: this.#actor, confirmed: request.name === "cancel-commit" ? "cancel" : "complete" })
    return body
  }

  get #actor() {
    return { session: this.#id, username: this.#peer.username, sourceHost: this.#peer.sourceHost }
  }

  #reply(
    rpc: Element.Element,
    messageId: string | undefined,
    children: ReadonlyArray<Element.Element>,
    plan: Plan.Plan
  ): string {
    const echoed = this.#core.dialect.messageId === "dropped" ? undefined : messageId
    const id = plan.messageId === undefined ? echoed : plan.messageId.value
    return Replies.print(this.#core.dialect, Replies.reply(rpc, id, children))
  }

  #frame(message: string | Uint8Array, chunkSize: number | undefined): Buffer {
    const { dialect } = this.#core
    const before = this.#greeted ? dialect.noise : ""
    this.#greeted = true
    return this.#wire.frame(message, { chunkSize: chunkSize ?? dialect.chunkSize, before })
  }

  /** Sends what the plan makes of a message. */
  #send(plan: Plan.Plan, occasion: Occasion, text: string): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const message = plan.message?.(occasion) ?? text
      const frame = this.#frame(message, plan.chunkSize)
      const reply = plan.raw === undefined ? frame : Buffer.from(plan.raw as string)
      const bytes = plan.events === undefined ? reply : this.#withEvents(reply, plan.events)
      if (plan.close !== undefined) {
        yield* this.#wire.write(bytes.subarray(0, Math.floor(bytes.length * plan.close.fraction)))
        return this.#wire.close({ by: plan.close.by, detail: `closed by a fault at ${occasion.operation}` })
      }
      for (let copy = 0; copy < plan.copies; copy++) yield* this.#writeCut(bytes, plan.writes)
    })
  }

  /** Lets events occur before the reply is written; what they send leaves before it, or in one write with it. */
  #withEvents(reply: Buffer, { events, where }: NonNullable<Plan.Plan["events"]>): Buffer {
    if (where === "with") this.#held = []
    this.#core.replied(this.#id)
    for (const event of events) this.#core.streams.notify(event)
    const held = this.#held ?? []
    this.#held = undefined
    return Buffer.concat([reply, ...held])
  }

  #writeCut(bytes: Buffer, writes: Plan.Plan["writes"]): Effect.Effect<void> {
    if (writes === undefined) return this.#wire.write(bytes)
    return Effect.gen({ self: this }, function* () {
      for (const [at, piece] of cut(bytes, writes.sizes).entries()) {
        if (at > 0) yield* this.#pass(writes.between)
        yield* this.#wire.write(piece)
      }
    })
  }

  #close(detail: string): void {
    this.#wire.close({ by: "peer", detail })
  }

  /** The connection is gone. What is being done is finished, as devices do, and then the session ends. */
  #end(): void {
    this.#ended = true
    if (this.#busy) return
    this.#fiber.interruptUnsafe()
    this.#release()
  }

  #kill(detail: string, killer?: number): void {
    this.#ended = true
    this.#termination = killer === undefined ? "other" : "killed"
    this.#killer = killer
    this.#fiber.interruptUnsafe()
    this.#release()
    this.#close(detail)
  }

  #release(): void {
    if (this.#released) return
    this.#released = true
    this.#core.release(this.#id, this.#actor)
    this.#core.events.sessionEnd(this.#peer, this.#id, this.#termination, this.#killer)
  }
}

const decode = (bytes: Buffer): Element.Element | undefined => {
  try {
    const rpc = Parse.decode(bytes)
    return rpc.name === "rpc" && rpc.namespace === Namespaces.base ? rpc : undefined
  } catch (error) {
    if (!(error instanceof Parse.XmlError)) throw error
    return undefined
  }
}

const cut = (bytes: Buffer, sizes: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const pieces: Array<Buffer> = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = Math.max(1, sizes[Math.min(n, sizes.length - 1)] ?? bytes.length)
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

/** Serves one connection; the endpoint is the device's side of it. */
export const serve = (core: Core, endpoint: Endpoint, peer: Peer, runFork: RunFork): void => {
  if (core.members.size >= core.settings.maxSessions) {
    const reason: EndReason = { by: "peer", detail: "the device takes no more sessions" }
    endpoint.connect({ data: () => {}, drain: () => {}, end: () => {} })
    return endpoint.close(reason)
  }
  void new ServerSession(core, endpoint, peer, runFork)
}
