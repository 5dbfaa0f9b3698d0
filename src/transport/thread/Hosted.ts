/**
 * One session's connection in the thread that owns it: opened here, its bytes handed to Outgoing, held back when the
 * caller has not taken what crossed, closed when the caller says so.
 *
 * Credit is how many bytes may be under way; Budget keeps that of all sessions of the thread together.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { ConnectError } from "../../errors.ts"
import type { Connection, EndReason, Handler } from "../Transport.ts"
import type { Budget } from "./Budget.ts"
import type { Out } from "./Outgoing.ts"
import { credit, encodeError, writeCredit } from "./Protocol.ts"

type Opening = (handler: Handler) => Effect.Effect<Connection, ConnectError, Scope.Scope>

export class Hosted implements Handler {
  readonly #session: number
  readonly #out: Out
  readonly #budget: Budget
  readonly #scope = Scope.makeUnsafe()
  readonly #opening: Fiber.Fiber<Connection, ConnectError>
  #connection: Connection | undefined
  #underWay = 0
  #held = false
  #paused = false
  #closing = false
  /** Bytes that were written since the caller was last told. */
  #written = 0
  #full = false

  constructor(session: number, out: Out, budget: Budget, open: Opening) {
    this.#session = session
    this.#out = out
    this.#budget = budget
    this.#opening = Effect.runFork(Scope.provide(open(this), this.#scope))
    this.#opening.addObserver((exit) => this.#opened(exit))
  }

  #opened(exit: Exit.Exit<Connection, ConnectError>): void {
    if (this.#closing) return
    if (Exit.isSuccess(exit)) {
      const { beside, details, notes } = exit.value
      const said = { session: this.#session, details: { ...details }, notes: [...notes], beside: beside !== undefined }
      this.#connection = exit.value
      this.#apply()
      this.#out.event({ _tag: "opened", ...said })
      return
    }
    this.#closing = true
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    const encoded = error === undefined ? undefined : encodeError(error)
    const defect = error === undefined ? Cause.pretty(exit.cause) : ""
    void this.#release().then(() => this.#out.event({ _tag: "failed", session: this.#session, error: encoded, defect }))
  }

  /** Opens another session on its connection. */
  get beside(): Connection["beside"] {
    return this.#connection?.beside
  }

  readonly data = (bytes: Uint8Array): void => {
    if (this.#closing) return
    this.#underWay += bytes.length
    if (!this.#paused) this.#budget.add(bytes.length)
    this.#out.bytes(this.#session, bytes)
    if (!this.#held && (this.#underWay > credit || this.#budget.spent)) {
      this.#held = true
      this.#budget.hold(this)
      this.#apply()
    }
  }

  readonly drain = (): void => {
    this.#full = false
    this.#tellWritten()
  }

  readonly end = (reason: EndReason): void => {
    if (!this.#closing) this.#out.event({ _tag: "ended", session: this.#session, reason })
  }

  took(bytes: number): void {
    // It has been given back with all the rest, or will be.
    if (this.#closing) return
    this.#underWay -= bytes
    if (!this.#paused) this.#budget.add(-bytes)
  }

  /** Reads again, if it was held back for its credit and has some again. */
  goOn(): void {
    if (this.#underWay > credit / 2) return
    this.#held = false
    this.#budget.release(this)
    this.#apply()
  }

  /** What a session that nobody reads has under way is no burden to the others. */
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#budget.add(-this.#underWay)
    this.#apply()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#budget.add(this.#underWay)
    this.#apply()
  }

  #apply(): void {
    if (this.#held || this.#paused) this.#connection?.pause()
    else this.#connection?.resume()
  }

  write(frame: Uint8Array): void {
    this.#written += frame.length
    if (this.#connection?.write(frame) === false) this.#full = true
    this.#tellWritten()
  }

  #tellWritten(): void {
    if (this.#full || this.#written < writeCredit / 8) return
    this.#out.event({ _tag: "wrote", session: this.#session, bytes: this.#written })
    this.#written = 0
  }

  /** Answers `closed` when nothing is left of it. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#opening.interruptUnsafe()
    this.#opening.addObserver(() => {
      void this.#release().then(() => this.#out.event({ _tag: "closed", session: this.#session }))
    })
  }

  #release(): Promise<unknown> {
    if (!this.#paused) this.#budget.add(-this.#underWay)
    this.#underWay = 0
    this.#budget.release(this)
    return Effect.runPromiseExit(Scope.close(this.#scope, Exit.void))
  }
}
