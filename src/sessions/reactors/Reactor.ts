/**
 * A reactor on a worker thread, from the caller's side: opens sessions there, hands their bytes to them, answers what the
 * thread asks, and loses all of them when the thread crashes.
 *
 * When there is a thread is ThreadLife's business, and which reactor a session goes to that of Reactors.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ConnectError, ConnectionError } from "../../errors.ts"
import * as Logs from "../../telemetry/Logs.ts"
import type { Crossing } from "../../transport/Placement.ts"
import type { Batch, Event } from "../../transport/thread/Protocol.ts"
import type { Connection, Handler, OpenContext } from "../../transport/Transport.ts"
import { Answers, type Caller } from "./Answers.ts"
import { Crossed, type Wire } from "./Crossed.ts"
import { Guest } from "./Guest.ts"
import { Load } from "./Load.ts"
import { ThreadLife, type ThreadOptions } from "./ThreadLife.ts"
import type { ThreadLink } from "./ThreadLink.ts"
import { Told } from "./Told.ts"
import * as Turns from "./Turns.ts"

/** What a transport was asked to open, or the session `beside`. */
export interface Request {
  readonly crossing: Crossing
  readonly handler: Handler
  readonly context: OpenContext
  readonly beside?: number
}

export class Reactor implements Wire {
  readonly id: string
  readonly load = new Load()
  bytesIn = 0
  bytesOut = 0
  messages = 0
  #draining = false
  readonly #drained: () => void
  readonly #life: ThreadLife
  readonly #guests = new Map<number, Guest>()
  /** Transports, and how many sessions of each live here. */
  readonly #users = new Map<Crossing, number>()
  /** What the thread calls them, and which thread. */
  #transports = new WeakMap<Crossing, number>()
  #definedIn: ThreadLink | undefined
  #named = 0
  readonly #answers = new Answers((command) => this.#life.link?.post(command))
  readonly #told = new Told()

  /** `drained` is called when it was drained and is empty. */
  constructor(id: string, thread: ThreadOptions, drained: () => void) {
    this.id = id
    this.#drained = drained
    this.#life = new ThreadLife(id, thread, {
      batch: (batch) => this.#batch(batch),
      posting: (link) => this.#told.post((command) => link.post(command)),
      crashed: (why) => this.#crashed(`the thread of ${id} ended: ${why}`),
      needed: () => this.#guests.size > 0
    })
  }

  get sessions(): number {
    return this.#guests.size
  }

  get crashes(): number {
    return this.#life.crashes
  }

  get state(): "asleep" | "starting" | "up" | "draining" | "failing" {
    return this.#draining ? "draining" : this.#life.state
  }

  /** Whether sessions of this transport live here. */
  serves(crossing: Crossing): boolean {
    return this.#users.has(crossing)
  }

  /** Waits a moment after a crash; false: it takes no new sessions any more. */
  ready(request: Request): Effect.Effect<boolean, ConnectionError> {
    return this.#refuse(request).pipe(
      Effect.andThen(this.#life.backoff),
      Effect.map(() => !this.#draining)
    )
  }

  /** Once it is ready. */
  open(request: Request): Effect.Effect<Connection, ConnectError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const caller = { crossing: request.crossing, services: yield* Effect.context<never>() }
        const session = ++this.#named
        const connection = yield* restore(this.#begin(session, request, caller))
        yield* Effect.addFinalizer(() => this.#close(session))
        return connection
      })
    )
  }

  #refuse({ context: { label }, crossing: { peer } }: Request): Effect.Effect<void, ConnectionError> {
    return Effect.suspend(() => {
      const why = this.#life.failing
      if (why === undefined) return Effect.void
      return Effect.fail(new ConnectionError({ label, peer, reason: "unreachable", detail: `${this.id}: ${why}` }))
    })
  }

  #begin(session: number, request: Request, caller: Caller): Effect.Effect<Connection, ConnectError> {
    const { beside, context, crossing, handler } = request
    return Effect.callback((resume) => {
      const crossed = new Crossed(session, handler, this, Turns.ofLoop)
      const link = this.#life.awake()
      this.#guests.set(session, new Guest(caller, context, crossed, resume))
      this.#users.set(crossing, (this.#users.get(crossing) ?? 0) + 1)
      const transport = this.#define(crossing, link)
      const { deadlines, label } = context
      link.post({ _tag: "open", session, transport, beside, label, deadlines })
      return Effect.suspend(() => this.#giveUp(session))
    })
  }

  #define(crossing: Crossing, link: ThreadLink): number {
    if (this.#definedIn !== link) this.#transports = new WeakMap()
    this.#definedIn = link
    const known = this.#transports.get(crossing)
    if (known !== undefined) return known
    const transport = ++this.#named
    // It has been found to cross before it came here.
    link.post({ _tag: "define", transport, description: crossing.describe()! })
    this.#transports.set(crossing, transport)
    forgotten.register(crossing, { link: new WeakRef(link), transport })
    return transport
  }

  /** Stops opening, and waits until nothing is left of it. */
  #giveUp(session: number): Effect.Effect<void> {
    const guest = this.#guests.get(session)
    if (guest === undefined) return Effect.void
    guest.giveUp()
    return this.#leave(session, guest)
  }

  #close(session: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const guest = this.#guests.get(session)
      if (guest === undefined) return Effect.void
      guest.crossed.finish({ by: "us", detail: "closed" })
      return this.#leave(session, guest)
    })
  }

  #leave(session: number, guest: Guest): Effect.Effect<void> {
    this.#life.link?.post({ _tag: "close", session })
    return Effect.map(guest.awaitGone, (gone) => {
      if (!gone) this.#forget(session)
    })
  }

  #forget(session: number): void {
    const guest = this.#guests.get(session)
    if (guest === undefined) return
    const { crossing } = guest.caller
    const users = this.#users.get(crossing)! - 1
    this.#guests.delete(session)
    this.#told.drop(guest.crossed)
    if (users === 0) this.#users.delete(crossing)
    else this.#users.set(crossing, users)
    guest.gone()
    if (this.#guests.size > 0) return
    if (this.#draining) this.#stop()
    else this.#life.rest()
  }

  /** Takes no new sessions any more, and ends with the last one; or takes them again. */
  drain(draining = true): void {
    this.#draining = draining
    if (draining && this.#guests.size === 0) this.#stop()
  }

  #stop(): void {
    this.#life.stop()
    this.#drained()
  }

  /** Ends the thread as a crash would. False: there is none. */
  terminate(why: string): boolean {
    this.#life.link?.kill(why)
    return this.#life.link !== undefined
  }

  #crashed(detail: string): void {
    const guests = [...this.#guests.values()]
    this.#guests.clear()
    this.#users.clear()
    this.#answers.clear()
    if (this.#draining) this.#drained()
    for (const guest of guests) {
      this.#told.drop(guest.crossed)
      guest.lost({ by: "network", detail })
    }
  }

  #batch({ events, pieces, sessions }: Batch): void {
    this.messages++
    let bytes = 0
    for (const [i, session] of sessions.entries()) {
      const piece = Buffer.from(pieces[i]!)
      bytes += piece.length
      this.#guests.get(session)?.crossed.take(piece)
    }
    if (bytes > 0) this.load.add(bytes, performance.now())
    this.bytesIn += bytes
    for (const event of events) this.#event(event)
  }

  #event(event: Event): void {
    switch (event._tag) {
      case "up":
        return this.#life.started()
      case "delay":
        return this.load.late(event.delay, performance.now())
      case "withdrawn":
        return this.#answers.withdraw(event.question)
      case "freed":
        return this.#answers.freed(event.pass)
      case "spent":
        return this.#answers.spent(event.pass, event.outcome, event.device)
      case "question":
        return this.#asked(event)
      default:
        return this.#ofGuest(event)
    }
  }

  #ofGuest(event: Extract<Event, { readonly session: number }>): void {
    const guest = this.#guests.get(event.session)
    if (guest === undefined) return
    switch (event._tag) {
      case "opened":
        this.#life.proven()
        return guest.opened(event, this.#beside(event.session, guest.caller.crossing))
      case "failed":
        guest.failed(event)
        return this.#forget(event.session)
      case "ended":
        return guest.crossed.finish(event.reason)
      case "closed":
        return this.#forget(event.session)
      case "wrote":
        return guest.crossed.wrote(event.bytes)
      case "log":
        return log(guest, event)
    }
  }

  #beside(session: number, crossing: Crossing): NonNullable<Connection["beside"]> {
    return (handler, context) => {
      const request = { crossing, handler, context, beside: session }
      return Effect.andThen(this.ready(request), this.open(request))
    }
  }

  /** A dial that sessions share goes on when the one that began it has left: then another one of them is asked. */
  #asked({ ask, login, question }: Extract<Event, { readonly _tag: "question" }>): void {
    const sharing = ({ caller }: Guest) => this.#transports.get(caller.crossing) === login.transport
    const guest = this.#guests.get(login.session) ?? [...this.#guests.values()].find(sharing)
    if (guest !== undefined) this.#answers.ask(question, ask, guest.caller)
  }

  write(session: number, frame: Uint8Array): void {
    this.bytesOut += frame.length
    // A copy: the frame may be a part of a pool, and whoever wrote it may look at it again.
    const copy = new Uint8Array(frame)
    this.#life.link?.post({ _tag: "write", session, frame: copy }, copy.buffer)
  }

  flow(crossed: Crossed): void {
    this.#told.flow(crossed)
    this.#life.link?.wake()
  }

  took(session: number, bytes: number): void {
    if (this.#guests.has(session) && this.#told.took(session, bytes)) this.#life.link?.wake()
  }
}

/** Warnings once for a transport, wherever it was opened. */
const log = (guest: Guest, { annotations, level, text }: Extract<Event, { readonly _tag: "log" }>): void => {
  const { crossing, services } = guest.caller
  if (level === "Warn") {
    if (crossing.warned.has(text)) return
    crossing.warned.add(text)
  }
  Effect.runForkWith(services)(Logs.annotated(annotations, Effect.logWithLevel(level)(text)))
}

/** A transport that nobody has any more is forgotten by the threads too, with its secrets. */
const forgotten = new FinalizationRegistry<{ readonly link: WeakRef<ThreadLink>; readonly transport: number }>(
  ({ link, transport }) => link.deref()?.post({ _tag: "forget", transport })
)
