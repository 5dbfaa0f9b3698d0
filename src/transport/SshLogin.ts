/**
 * From a connected socket to an SSH connection that channels can be opened on: handshake and host key (RFC 4253), then
 * authentication (RFC 4252), each within its deadline; and what each way to fail is called.
 *
 * HostKey judges the key, AuthConversation says what is offered next; this module holds the state between them.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import type * as Net from "node:net"
import type { NegotiatedAlgorithms } from "ssh2"
import type { ConnectError } from "../errors.ts"
import { AuthError, ChannelError, DeadlineError, HostKeyError, printable } from "../errors.ts"
import * as Redaction from "../telemetry/Redaction.ts"
import { redactError } from "../telemetry/RedactedError.ts"
import * as Attempt from "./Attempt.ts"
import type * as Auth from "./Auth.ts"
import type { Hooks } from "./AuthConversation.ts"
import { Conversation } from "./AuthConversation.ts"
import { toConnectionError } from "./ConnectionFault.ts"
import type { CredentialGuard, Outcome } from "./CredentialGuard.ts"
import type { Verifier } from "./HostKey.ts"
import * as KnownHosts from "./KnownHosts.ts"
import { Offers } from "./Offers.ts"
import * as SshAlgorithms from "./SshAlgorithms.ts"
import type { SshFault } from "./SshLink.ts"
import { Link } from "./SshLink.ts"
import type { Preset } from "./SshOptions.ts"
import type { EndReason, OpenContext } from "./Transport.ts"

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
  #phase: "handshake" | "auth" = "handshake"
  #bytesBefore = 0
  #head = Buffer.alloc(0)
  #hostKey: { readonly blob: Buffer; readonly because: string } | undefined
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
    client
      .on("handshake", (negotiated) => this.#handshakeDone(negotiated))
      .on("greeting", (text) => this.#detail("greeting", text))
      .on("banner", (text) => this.#detail("banner", text))
      .on("change password", (prompt) => this.#fail(this.#authError(`the server wants a new password: ${prompt}`)))
      .on("ready", () => this.#ready())
    this.#attempt.onSettle(this.#link.onEnd(() => this.#fail(this.#explainEnd())))
    this.#attempt.onSettle((succeeded) => this.#stop(succeeded))
    try {
      client.connect({
        sock: socket,
        username: this.#options.username,
        // The deadlines are ours.
        readyTimeout: 0,
        keepaliveInterval: 0,
        algorithms: SshAlgorithms.offer(this.#options.algorithms, this.#options.verifier.keyTypes),
        hostVerifier: (blob: Buffer) => this.#verify(blob),
        authHandler: (left, partial, next) => this.#conversation.next(left, partial, next)
      })
    } catch (error) {
      this.#fail(this.#channelError(`SSH could not be started: ${error instanceof Error ? error.message : "unknown"}`))
    }
  }

  #enter(phase: "handshake" | "auth"): void {
    this.#phase = phase
    this.#bytesBefore = this.#link.socket.bytesRead
    this.#attempt.within(this.#context.deadlines[phase], () => this.#expire())
  }

  #expire(): void {
    const bytes = this.#link.socket.bytesRead - this.#bytesBefore
    const stranger = this.#phase === "handshake" && bytes > 0 ? this.#notSsh() : undefined
    const deadline = this.#context.deadlines[this.#phase]
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
    this.#head = Buffer.alloc(0)
    this.#given.clear()
    if (!succeeded) this.#link.end({ by: "us", detail: "connecting failed" })
  }

  /** A server may repeat what it was given, and only here is it known what that was. */
  #fail(error: ConnectError): void {
    if (!this.#attempt.settled) this.#outcome = error._tag === "AuthError" ? "refused" : "unknown"
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
    const banner = /(?:^|\n)SSH-([ -~]{1,120})/.exec(this.#head.toString("latin1"))
    if (banner === null) return
    this.#link.details["server"] = `SSH-${banner[1]}`
    this.#link.socket.off("data", this.#sniff)
  }

  #detail(name: string, text: string): void {
    this.#link.details[name] = printable(Redaction.standard.text(text.trim().slice(0, 1_000)))
  }

  /** Called in each key exchange, so again at each rekey, before the signature is checked (safety rule 26). */
  #verify(blob: Buffer): boolean {
    if (this.#hostKey !== undefined) return this.#hostKey.blob.equals(blob)
    const verdict = this.#options.verifier.check(blob)
    if (verdict._tag === "accepted") {
      this.#hostKey = { blob: Buffer.from(blob), because: verdict.because }
      return true
    }
    this.#fail(new HostKeyError({ ...this.#where(), ...verdict.refusal }))
    return false
  }

  #handshakeDone(negotiated: NegotiatedAlgorithms): void {
    if (this.#attempt.settled || this.#phase !== "handshake") return
    const hostKey = this.#hostKey!
    Object.assign(this.#link.details, {
      kex: negotiated.kex,
      cipher: negotiated.cs.cipher,
      hostKey: `${KnownHosts.typeOf(hostKey.blob)} ${KnownHosts.fingerprint(hostKey.blob)}`,
      hostKeyAccepted: hostKey.because
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

  #where(): { label: string | undefined; peer: string; elapsed: number } {
    return {
      label: this.#context.label,
      peer: this.#options.peer,
      elapsed: this.#attempt.elapsed
    }
  }

  #channelError(detail: string): ChannelError {
    return new ChannelError({ ...this.#where(), phase: "open", by: "peer", detail })
  }

  #authError(detail: string): AuthError {
    const { offered, tried } = this.#conversation
    return new AuthError({ ...this.#where(), tried, offered, detail })
  }

  /** The peer, or the network, ended it while we were connecting. */
  #explainEnd(): ConnectError {
    const { ended, fault } = this.#link
    return this.#phase === "handshake" ? this.#explainHandshake(ended!, fault) : this.#explainAuth(ended!, fault)
  }

  #explainHandshake(ended: EndReason, fault: SshFault | undefined): ConnectError {
    if (fault?.level === "client-socket") return toConnectionError(fault, this.#where())
    const stranger = this.#notSsh()
    if (stranger !== undefined) return this.#channelError(stranger)
    const message = fault?.message ?? ended.detail
    if (/signature verification failed|malformed signature|public key/i.test(message) && this.#hostKey !== undefined) {
      return this.#unusable(this.#hostKey.blob, message)
    }
    if (/no matching/i.test(message)) return this.#channelError(this.#noCommon(message))
    return this.#channelError(`${ended.detail} during the SSH handshake`)
  }

  #noCommon(message: string): string {
    const hint =
      this.#options.algorithms === "legacy"
        ? `not even with algorithms: "legacy"`
        : `an old device may need algorithms: "legacy"`
    return `no SSH algorithm in common (${printable(message)}); ${hint}`
  }

  /** A key that we would trust, but the peer could not sign with it, or ssh2 cannot read it. */
  #unusable(blob: Buffer, message: string): HostKeyError {
    const broken = /signature verification failed/i.test(message)
    return new HostKeyError({
      ...this.#where(),
      why: "unusable",
      fingerprint: KnownHosts.fingerprint(blob),
      keyType: KnownHosts.typeOf(blob) ?? "unknown",
      detail: broken
        ? "the peer could not prove that it holds this key: its signature is wrong"
        : `this key cannot be checked (${printable(message)})`,
      howToAccept: "It cannot be accepted: whoever answers there is not the owner of the key, or is broken."
    })
  }

  #explainAuth(ended: EndReason, fault: SshFault | undefined): ConnectError {
    const { state, tried } = this.#conversation
    const network = ended.by === "network"
    if (this.#offers.waiting) {
      if (network) return toConnectionError(fault ?? { code: "ECONNRESET" }, this.#where())
      return this.#channelError(`${ended.detail} while this login waited for others with the same credential`)
    }
    // Devices drop the connection after too many attempts. Called anything but a failed login, it would be retried
    // until the account is locked.
    if (state === "refused" || (state === "tried" && !network)) return this.#authError(this.#refusedBy(ended, tried))
    if (network) return toConnectionError(fault ?? { code: "ECONNRESET" }, this.#where())
    return this.#channelError(`${ended.detail} during authentication`)
  }

  #refusedBy(ended: EndReason, tried: ReadonlyArray<string>): string {
    const hint = tried.some((one) => one.startsWith("agent"))
      ? `; if it allows few attempts, name the agent's keys: { agent: true, keys: ["SHA256:..."] }`
      : ""
    return `${ended.detail}${hint}`
  }

  /** What the peer said instead of an SSH banner. */
  #notSsh(): string | undefined {
    if (this.#link.details["server"] !== undefined) return undefined
    if (this.#head.length === 0) return undefined
    const seen = this.#head.toString("latin1")
    return `not an SSH server: it says \`${printable(seen.slice(0, 60))}${seen.length > 60 ? "..." : ""}\``
  }
}
