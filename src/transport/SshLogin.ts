/**
 * From a connected socket to an SSH connection that channels can be opened on: handshake and host key (RFC 4253), then
 * authentication (RFC 4252), each within its deadline.
 *
 * HostKey judges the key, AuthConversation says what is offered next, LoginFault what an end in between is called; this
 * module holds the state between them.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type { EventEmitter } from "node:events"
import type * as Net from "node:net"
import type { AuthHandlerMiddleware, NegotiatedAlgorithms } from "ssh2"
import type { ConnectError } from "../errors.ts"
import { type AuthError, type ChannelError, DeadlineError, HostKeyError, printable } from "../errors.ts"
import * as Redaction from "../telemetry/Redaction.ts"
import { redactError } from "../telemetry/RedactedError.ts"
import * as Attempt from "./Attempt.ts"
import type * as Auth from "./Auth.ts"
import type { Hooks } from "./AuthConversation.ts"
import { Conversation } from "./AuthConversation.ts"
import type { CredentialGuard, Outcome } from "./CredentialGuard.ts"
import type { Verifier } from "./HostKey.ts"
import * as KnownHosts from "./KnownHosts.ts"
import * as LoginFault from "./LoginFault.ts"
import { Offers } from "./Offers.ts"
import * as SshAlgorithms from "./SshAlgorithms.ts"
import { Link } from "./SshLink.ts"
import type { Preset } from "./SshOptions.ts"
import type { OpenContext } from "./Transport.ts"

interface LoginOptions {
  readonly username: string
  readonly verifier: Verifier
  readonly prepared: Auth.Prepared
  readonly guard: CredentialGuard
  readonly algorithms: Preset
  readonly peer: string
}

/** Handshake, host key and login on a connected socket, each within its deadline. */
export const login = (
  socket: Net.Socket,
  options: LoginOptions,
  context: OpenContext
): Effect.Effect<Link, ConnectError> =>
  Effect.contextWith((services: Context.Context<never>) =>
    Attempt.make((attempt) => {
      new Login(new Link(socket), options, context, (effect) => Effect.runForkWith(services)(effect), attempt).start()
    })
  )

type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/**
 * The way from ssh2 to the login. ssh2 keeps what it was configured with for as long as the connection lives, so it is
 * given this, which the end of the login empties; the host key is checked to the end, in each key exchange.
 */
interface Door {
  login: Pick<Login, "offer" | "verify"> | undefined
  hostKey: Buffer | undefined
}

/**
 * Called in each key exchange, so again at each rekey, before the signature is checked: what is shown then is not
 * proven yet (docs/change-safety.md, "Who is at the other end").
 */
const verifierAt =
  (door: Door) =>
  (blob: Buffer): boolean =>
    door.hostKey === undefined ? door.login?.verify(blob) === true : door.hostKey.equals(blob)

const authHandlerAt =
  (door: Door): AuthHandlerMiddleware =>
  (left, partial, next) =>
    door.login?.offer(left, partial, next)

/** What the client tells a login, and nobody after it. */
type Heard = Readonly<Record<"handshake" | "greeting" | "banner" | "change password" | "ready", (told: never) => void>>

/** How many bytes before the SSH banner are kept, to be shown if none comes. */
const sniffed = 2_048

class Login {
  readonly #link: Link
  readonly #options: LoginOptions
  readonly #context: OpenContext
  readonly #run: Run
  readonly #attempt: Attempt.Attempt<Link, ConnectError>
  readonly #offers: Offers
  readonly #conversation: Conversation
  readonly #door: Door = { login: this, hostKey: undefined }
  readonly #heard: Heard = {
    handshake: (negotiated: NegotiatedAlgorithms) => this.#handshakeDone(negotiated),
    greeting: (text: string) => this.#detail("greeting", text),
    banner: (text: string) => this.#detail("banner", text),
    "change password": (prompt: string) => this.#fail(this.#authError(`the server wants a new password: ${prompt}`)),
    ready: () => this.#ready()
  }
  #phase: "handshake" | "auth" = "handshake"
  #bytesBefore = 0
  #head = Buffer.alloc(0)
  /** Why the host key of the door was accepted. */
  #because = ""
  #prompting: Fiber.Fiber<void> | undefined
  #outcome: Outcome = "unknown"
  /** Passwords and answers, while nobody is logged in. */
  readonly #given = new Set<string>()

  constructor(
    link: Link,
    options: LoginOptions,
    context: OpenContext,
    run: Run,
    attempt: Attempt.Attempt<Link, ConnectError>
  ) {
    this.#link = link
    this.#options = options
    this.#context = context
    this.#run = run
    this.#attempt = attempt
    for (const one of options.prepared.credentials) {
      if (one._tag === "password") this.#given.add(Redacted.value(one.password))
    }
    const { guard, peer, prepared, username } = options
    this.#offers = new Offers({ guard, username, device: context.label ?? peer, pause: () => attempt.pause() })
    this.#conversation = new Conversation(username, prepared, this.#offers, {
      fail: (detail) => this.#fail(this.#authError(detail)),
      answer: (effect, answered) => this.#answer(effect, answered)
    })
  }

  start(): void {
    const { client, socket } = this.#link
    this.#enter("handshake")
    // ssh2 resumes the socket when it is ready; both listeners then see every byte.
    socket.pause().on("data", this.#sniff)
    this.#listen("on")
    this.#attempt.onSettle(
      this.#link.onEnd(({ by }) => this.#fail(this.#explainEnd(), by === "peer" ? "refused" : "undecided"))
    )
    this.#attempt.onSettle((succeeded) => this.#stop(succeeded))
    try {
      client.connect({
        sock: socket,
        username: this.#options.username,
        // The deadlines are ours.
        readyTimeout: 0,
        keepaliveInterval: 0,
        algorithms: SshAlgorithms.offer(this.#options.algorithms, this.#options.verifier.keyTypes),
        hostVerifier: verifierAt(this.#door),
        authHandler: authHandlerAt(this.#door)
      })
    } catch (error) {
      this.#fail(this.#channelError(`SSH could not be started: ${error instanceof Error ? error.message : "unknown"}`))
    }
  }

  #listen(how: "on" | "off"): void {
    const client: EventEmitter = this.#link.client
    for (const [event, listener] of Object.entries(this.#heard)) client[how](event, listener as () => void)
  }

  #enter(phase: "handshake" | "auth"): void {
    this.#phase = phase
    this.#bytesBefore = this.#link.socket.bytesRead
    this.#attempt.within(this.#context.deadlines[phase], () => this.#expire())
  }

  #expire(): void {
    const bytes = this.#link.socket.bytesRead - this.#bytesBefore
    const stranger = this.#phase === "handshake" && bytes > 0 ? this.#stranger() : undefined
    const deadline = this.#context.deadlines[this.#phase]
    const late = this.#phase === "auth" ? LoginFault.lateAuth(this.#where(), this.#conversation, deadline) : undefined
    if (late !== undefined) return this.#fail(late, "undecided")
    this.#fail(
      stranger === undefined
        ? new DeadlineError({ ...this.#where(), phase: this.#phase, deadline, bytes })
        : this.#channelError(`${stranger}, and nothing more within ${deadline} ms`)
    )
  }

  #stop(succeeded: boolean): void {
    this.#conversation.dispose()
    this.#offers.end(this.#outcome)
    this.#prompting?.interruptUnsafe()
    this.#link.socket.off("data", this.#sniff)
    this.#listen("off")
    this.#door.login = undefined
    this.#head = Buffer.alloc(0)
    this.#given.clear()
    if (!succeeded) this.#link.end({ by: "us", detail: "connecting failed" })
  }

  /** A server may repeat what it was given, and only here is it known what that was. */
  #fail(error: ConnectError, ifRefused: "refused" | "undecided" = "refused"): void {
    if (!this.#attempt.settled) this.#outcome = error._tag === "AuthError" ? ifRefused : "unknown"
    this.#attempt.fail(redactError(error, Redaction.standard.hiding(this.#given)))
  }

  #ready(): void {
    if (this.#attempt.settled) return
    this.#link.details["auth"] = this.#conversation.accepted
    this.#link.notes.push(...this.#conversation.barred)
    this.#outcome = "accepted"
    this.#attempt.succeed(this.#link)
  }

  readonly #sniff = (bytes: Buffer): void => {
    if (this.#head.length < sniffed) this.#head = Buffer.concat([this.#head, bytes.subarray(0, sniffed)])
    const banner = /(?:^|\n)(SSH-[ -~]{1,120})/.exec(this.#head.toString("latin1"))
    if (banner === null) return
    // Copied: a part of a string keeps the whole of it, here all that came with the banner.
    this.#link.details["server"] = Buffer.from(banner[1]!, "latin1").toString("latin1")
    this.#link.socket.off("data", this.#sniff)
  }

  #detail(name: string, text: string): void {
    this.#link.details[name] = printable(Redaction.standard.text(text.trim().slice(0, 1_000)))
  }

  offer(...[left, partial, send]: Parameters<Conversation["next"]>): void {
    this.#conversation.next(left, partial, send)
  }

  /** The first key that the peer shows. */
  verify(blob: Buffer): boolean {
    const verdict = this.#options.verifier.check(blob)
    if (verdict._tag === "accepted") {
      this.#door.hostKey = Buffer.from(blob)
      this.#because = verdict.because
      return true
    }
    this.#fail(new HostKeyError({ ...this.#where(), ...verdict.refusal }))
    return false
  }

  #handshakeDone(negotiated: NegotiatedAlgorithms): void {
    if (this.#attempt.settled || this.#phase !== "handshake") return
    const hostKey = this.#door.hostKey!
    Object.assign(this.#link.details, {
      kex: negotiated.kex,
      cipher: negotiated.cs.cipher,
      hostKey: `${KnownHosts.typeOf(hostKey)} ${KnownHosts.fingerprint(hostKey)}`,
      hostKeyAccepted: this.#because
    })
    this.#enter("auth")
  }

  #answer(...[effect, answered]: Parameters<Hooks["answer"]>): void {
    this.#prompting = this.#run(
      Effect.matchCause(effect, {
        onFailure: (cause) => {
          const error = Cause.squash(cause)
          const why = error instanceof Error && error.message !== "" ? `: ${error.message}` : ""
          this.#fail(this.#authError(`the keyboardInteractive function failed${why}`))
        },
        onSuccess: (answers) => {
          this.#prompting = undefined
          for (const answer of answers) this.#given.add(Redacted.value(answer))
          if (!this.#attempt.settled) answered(answers)
        }
      })
    )
  }

  #where(): LoginFault.Where {
    return {
      label: this.#context.label,
      peer: this.#options.peer,
      elapsed: this.#attempt.elapsed
    }
  }

  #channelError(detail: string): ChannelError {
    return LoginFault.atPeer(this.#where(), detail)
  }

  #authError(detail: string): AuthError {
    return LoginFault.notLoggedIn(this.#where(), this.#conversation, detail)
  }

  /** The peer, or the network, ended it while we were connecting. */
  #explainEnd(): ConnectError {
    const { ended, fault } = this.#link
    const end = { where: this.#where(), ended: ended!, fault }
    if (this.#phase === "auth") return LoginFault.ofAuth(end, this.#conversation, this.#offers.waiting)
    return LoginFault.ofHandshake(end, this.#stranger(), this.#door.hostKey, this.#options.algorithms)
  }

  #stranger(): string | undefined {
    return this.#link.details["server"] === undefined ? LoginFault.notSsh(this.#head) : undefined
  }
}
