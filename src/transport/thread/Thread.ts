/**
 * The thread of a reactor: it owns sockets and SSH of the sessions that it is told to open, and gives their bytes to the
 * caller's loop. It knows nothing of framing, NETCONF or deadlines of replies: those stay with the caller
 * (docs/decisions/0009-reactors.md).
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { stat } from "node:fs"
import { getPriority, setPriority } from "node:os"
import { parentPort, workerData } from "node:worker_threads"
import { ChannelError } from "../../errors.ts"
import * as CredentialGuard from "../CredentialGuard.ts"
import * as CredentialIdentity from "../CredentialIdentity.ts"
import * as Ssh from "../Ssh.ts"
import * as SshCrossing from "../SshCrossing.ts"
import type { Handler, Transport } from "../Transport.ts"
import { Budget } from "./Budget.ts"
import { Delays } from "./Delays.ts"
import { Hosted } from "./Hosted.ts"
import { Outgoing } from "./Outgoing.ts"
import type { Command, Event, Start } from "./Protocol.ts"
import { CurrentLogin, Questions, RemoteGuard } from "./Questions.ts"

type Opening = Extract<Command, { readonly _tag: "open" }>

class Thread {
  readonly #out: Outgoing
  readonly #questions: Questions
  readonly #budget = new Budget()
  readonly #delays: Delays
  readonly #transports = new Map<number, Transport>()
  readonly #sessions = new Map<number, Hosted>()

  constructor(out: Outgoing) {
    this.#out = out
    this.#questions = new Questions((event) => out.event(event))
    this.#delays = new Delays((delay) => out.event({ _tag: "delay", delay }))
  }

  run(commands: ReadonlyArray<Command>): void {
    this.#delays.touch()
    for (const command of commands) this.#one(command)
    this.#budget.settle()
  }

  /** What comes for a session that is gone crossed its end. */
  #one(command: Command): void {
    switch (command._tag) {
      case "define":
        return this.#define(command)
      case "forget":
        return void this.#transports.delete(command.transport)
      case "open":
        return this.#open(command)
      case "answer":
        return this.#questions.answer(command.question, command.answer)
      case "write":
        return this.#sessions.get(command.session)?.write(command.frame)
      case "took":
        return this.#sessions.get(command.session)?.took(command.bytes)
      default:
        return this.#sessions.get(command.session)?.[command._tag]()
    }
  }

  #define({ description, transport }: Extract<Command, { readonly _tag: "define" }>): void {
    const options = SshCrossing.toOptions(description, (prompt) => this.#questions.prompt(prompt))
    this.#transports.set(transport, description.shared ? Ssh.share(options) : Ssh.make(options))
  }

  #open({ beside, deadlines, label, session, transport }: Opening): void {
    const way = beside === undefined ? this.#transports.get(transport)?.open : this.#sessions.get(beside)?.beside
    const event = (said: Event) => {
      if (said._tag === "closed" || said._tag === "failed") this.#sessions.delete(session)
      this.#out.event(said)
    }
    const bytes = (of: number, piece: Uint8Array) => {
      this.#delays.touch()
      this.#out.bytes(of, piece)
    }
    const login = { session, transport }
    const guard = new RemoteGuard(this.#questions, login)
    const loggers = new Set([this.#logger(session)])
    const open = (handler: Handler) =>
      (way ?? gone)(handler, { label, deadlines }).pipe(
        Effect.provideService(CredentialGuard.Current, guard),
        Effect.provideService(CurrentLogin, login),
        Effect.provideService(Logger.CurrentLoggers, loggers)
      )
    this.#sessions.set(session, new Hosted(session, { bytes, event }, this.#budget, open))
  }

  /** Log lines are the caller's. */
  #logger(session: number): Logger.Logger<unknown, void> {
    return Logger.make(({ fiber, logLevel, message }) => {
      const level = levels.find((one) => one === logLevel) ?? "Info"
      const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
      const found = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
      const annotations = Object.fromEntries(found.map(([name, value]) => [name, String(value)]))
      this.#out.event({ _tag: "log", session, level, text, annotations })
    })
  }
}

/** The session that one was to be opened beside has ended meanwhile. */
const gone: Transport["open"] = (_handler, { label }) =>
  Effect.fail(new ChannelError({ label, phase: "open", by: "network", detail: "the connection has ended" }))

const levels = ["Debug", "Info", "Warn", "Error"] as const

/** By so much it is nicer than the caller's loop, which has three quarters of a core that both want. */
const nicer = 5

/**
 * A thread that decrypts a flood never sleeps, and the scheduler makes the caller's loop wait behind it for tens of
 * milliseconds. Only on Linux is a priority that of a thread; elsewhere it would be the whole process's.
 */
const standBehindTheCaller = (): void => {
  if (process.platform !== "linux") return
  // The threads for files, names and keys are the whole process's, and as nice as whoever is the first to need them.
  stat("/", () => {})
  try {
    setPriority(Math.min(getPriority() + nicer, 19))
  } catch {
    // Where that is forbidden it works as well, and the caller's loop comes later.
  }
}

const start = (port: NonNullable<typeof parentPort>): void => {
  standBehindTheCaller()
  CredentialIdentity.adoptKey((workerData as Start).identityKey)
  const out = new Outgoing((batch, transfer) => port.postMessage(batch, transfer))
  const thread = new Thread(out)
  port.on("message", (commands: ReadonlyArray<Command>) => thread.run(commands))
  out.event({ _tag: "up" })
}

if (parentPort !== null) start(parentPort)
