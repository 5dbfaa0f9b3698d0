/**
 * The login's conversation with the server (RFC 4252 §5, RFC 4256), one attempt at a time, in the caller's order.
 *
 * `none` goes first: it is how a client learns what the server accepts, and servers do not count it. Each secret is
 * offered once per connect. What does not fit yet is kept for a later step. SshLogin runs it, Auth makes the credentials.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { AnyAuthMethod, NextAuthHandler, Prompt as Ssh2Prompt } from "ssh2"
import { printable } from "../errors.ts"
import type { Credential, Prepared } from "./Auth.ts"
import type { Answer, Challenge } from "./AuthOptions.ts"
import type { Offers } from "./Offers.ts"
import { AgentRound } from "./SshAgent.ts"

export interface Hooks {
  /** Ends the login: nothing more will be tried. */
  readonly fail: (detail: string) => void
  /** Runs the user's function; stops it when the login ends. */
  readonly answer: (
    challenge: Effect.Effect<ReadonlyArray<Redacted.Redacted<string>>, unknown>,
    answered: (answers: ReadonlyArray<Redacted.Redacted<string>>) => void
  ) => void
}

type Send = (method: AnyAuthMethod) => void

/** The state of one login. ssh2 calls `next` whenever an attempt is over; each call sends at most one attempt. */
export class Conversation {
  readonly #username: string
  readonly #hooks: Hooks
  readonly #offers: Offers
  readonly #pending: Array<Credential>
  readonly #answer: Answer | undefined
  readonly #tried: Array<string>
  readonly #offeredPasswords = new Set<string>()
  readonly #barred: Array<string> = []
  #offered: ReadonlyArray<string> = []
  #steps: Array<string> = []
  #current = "none"
  #sent = 0
  #refused = 0
  /** The attempt that is under way has shown a password or an answer. */
  #secretSent = false
  #secretRefused = false
  #agent: AgentRound | undefined
  #over = false

  constructor(username: string, prepared: Prepared, offers: Offers, hooks: Hooks) {
    this.#username = username
    this.#offers = offers
    this.#hooks = hooks
    this.#pending = [...prepared.credentials]
    this.#tried = [...prepared.skipped]
    const prompting = prepared.credentials.find((credential) => credential._tag === "prompt")
    this.#answer = prompting?.answer
  }

  /** What was offered so far, in order: `agent (2 keys)`, `password`. */
  get tried(): ReadonlyArray<string> {
    return this.#agent === undefined ? this.#tried : [...this.#tried, this.#agent.describe()]
  }

  /** What the server says it would accept. */
  get offered(): ReadonlyArray<string> {
    return this.#offered
  }

  /** Why credentials were left out. */
  get barred(): ReadonlyArray<string> {
    return this.#barred
  }

  /** After success: what the peer accepted, step by step. */
  get accepted(): string {
    return [...this.#steps, this.#current].join(", then ")
  }

  /** Whether the server has seen a credential, and whether it has refused one. */
  get state(): "untried" | "tried" | "refused" {
    return this.#refused > 0 ? "refused" : this.#sent > 0 ? "tried" : "untried"
  }

  /** What became of the passwords and answers that the server has seen; an accepted one is nobody's business any more. */
  get secret(): "unsent" | "sent" | "refused" {
    return this.#secretSent ? "sent" : this.#secretRefused ? "refused" : "unsent"
  }

  /** Given to ssh2 as its `authHandler`. `left` is null the first time. */
  readonly next = (left: ReadonlyArray<string> | null, partial: boolean | null, send: NextAuthHandler): void => {
    if (this.#over) return
    const go: Send = (method) => {
      if (!this.#over) send(method)
    }
    if (left === null) return this.#probe(go)
    if (this.#agent !== undefined) return this.#nextAgentKey(this.#agent, go)
    this.#offered = left
    if (this.#current !== "none") {
      if (partial === true) this.#steps.push(this.#current)
      else this.#refused++
      if (this.#secretSent && partial !== true) this.#secretRefused = true
      this.#secretSent = false
      this.#offers.answered(partial === true)
    }
    this.#pick(go)
  }

  /** Stops everything that is under way; nothing is sent any more. */
  dispose(): void {
    this.#over = true
    this.#agent?.dispose()
  }

  #probe(send: Send): void {
    this.#current = "none"
    send({ type: "none", username: this.#username })
  }

  #allows(method: string): boolean {
    // Some servers answer `none` with an empty list; that tells nothing.
    return this.#offered.length === 0 || this.#offered.includes(method)
  }

  #usable(credential: Credential): boolean {
    switch (credential._tag) {
      case "password":
        return this.#allows("password") || this.#allows("keyboard-interactive")
      case "prompt":
        return this.#allows("keyboard-interactive")
      default:
        return this.#allows("publickey")
    }
  }

  #pick(send: Send): void {
    const index = this.#pending.findIndex((credential) => this.#usable(credential))
    if (index < 0) return this.#hooks.fail(this.#exhausted())
    const credential = this.#pending.splice(index, 1)[0]!
    if (this.#isOffered(credential)) return this.#pick(send)
    this.#offers.offer(
      credential,
      () => this.#offer(credential, send),
      (why) => {
        this.#barred.push(why)
        this.#pick(send)
      }
    )
  }

  /** Twice the same secret would be two failed logins. */
  #isOffered(credential: Credential): boolean {
    return credential._tag === "password" && this.#offeredPasswords.has(Redacted.value(credential.password))
  }

  #exhausted(): string {
    const untouched = this.#sent === 0 && this.#barred.length > 0
    return [...(untouched ? [] : [this.#why()]), ...this.#barred].join("; ")
  }

  #why(): string {
    if (this.#steps.length > 0) return `accepted ${this.#steps.join(", ")}, but the server wants a further step`
    return this.#sent > 0 ? "not accepted" : "no credential that the server accepts"
  }

  #offer(credential: Credential, send: Send): void {
    switch (credential._tag) {
      case "password":
        return this.#offerPassword(credential.password, send)
      case "key":
        this.#note(`publickey ${credential.name}`)
        this.#offers.sent()
        return send({ type: "publickey", username: this.#username, key: credential.key })
      case "agent":
        return this.#startAgent(credential, send)
      case "prompt":
        this.#note("keyboard-interactive")
        return send(this.#interactive(undefined))
    }
  }

  #note(what: string): void {
    this.#current = what
    this.#sent++
    this.#tried.push(what)
  }

  #offerPassword(password: Redacted.Redacted<string>, send: Send): void {
    const text = Redacted.value(password)
    this.#offeredPasswords.add(text)
    if (this.#allows("password")) {
      this.#note("password")
      this.#secretSent = true
      this.#offers.sent()
      return send({ type: "password", username: this.#username, password: text })
    }
    this.#note("password (by keyboard-interactive)")
    send(this.#interactive(text))
  }

  #interactive(password: string | undefined): AnyAuthMethod {
    let unused = password
    return {
      type: "keyboard-interactive",
      username: this.#username,
      prompt: (name, instructions, _language, asked, finish) => {
        if (this.#over) return
        const prompts = (asked as ReadonlyArray<Ssh2Prompt>).map(({ echo, prompt }) => ({
          prompt,
          echo: echo === true
        }))
        if (unused !== undefined && prompts.length === 1 && !prompts[0]!.echo) {
          this.#secretSent = true
          this.#offers.sent()
          finish([unused])
          unused = undefined
          return
        }
        this.#ask({ name, instructions, prompts }, finish)
      }
    }
  }

  #ask(challenge: Challenge, finish: (answers: Array<string>) => void): void {
    if (this.#answer === undefined) {
      const asked = challenge.prompts.map(({ prompt }) => `"${printable(prompt.trim()).slice(0, 80)}"`).join(", ")
      return this.#hooks.fail(`the server asks ${asked}, and no keyboardInteractive function is given to answer`)
    }
    this.#hooks.answer(
      Effect.suspend(() => this.#answer!(challenge)),
      (answers) => {
        if (this.#over) return
        if (answers.length !== challenge.prompts.length) {
          return this.#hooks.fail(
            `the keyboardInteractive function gave ${answers.length} answers to ${challenge.prompts.length} prompts`
          )
        }
        // Some servers send a challenge without a prompt, for the text alone.
        if (answers.length > 0) this.#secretSent = true
        finish(answers.map(Redacted.value))
      }
    )
  }

  #startAgent(credential: Extract<Credential, { readonly _tag: "agent" }>, send: Send): void {
    const round = new AgentRound(credential.path, credential.only)
    this.#agent = round
    round.list(() => {
      if (!this.#over) this.#nextAgentKey(round, send)
    })
  }

  #nextAgentKey(round: AgentRound, send: Send): void {
    if (round.offered > 0) this.#refused++
    const method = round.signed ? undefined : round.next(this.#username)
    if (method !== undefined) {
      this.#current = round.current
      this.#sent++
      this.#offers.sent()
      return send(method)
    }
    this.#offers.answered(round.signed)
    this.#tried.push(round.describe())
    this.#agent = undefined
    round.dispose()
    if (!round.signed) return this.#pick(send)
    // The server asked for the signature and yet is not satisfied: the key was one step of several. ssh2 keeps the
    // server's answer to itself here (ssh2#1215), so ask what is left.
    this.#refused--
    this.#steps.push(round.current)
    this.#probe(send)
  }
}
