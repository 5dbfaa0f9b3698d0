/**
 * Logging in (RFC 4252, RFC 4256): what the caller may give, making it ready before any packet is sent, and the
 * conversation with the server, one attempt at a time, in the caller's order.
 *
 * `none` goes first: it is how a client learns what the server accepts, and servers do not count it. Each secret is
 * offered once per connect. Formats of keys are PrivateKey's business.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs/promises"
import type {
  AnyAuthMethod,
  BaseAgent,
  IdentityCallback,
  NextAuthHandler,
  ParsedKey,
  Prompt as Ssh2Prompt,
  SignCallback,
  SigningRequestOptions
} from "ssh2"
import ssh2 from "ssh2"
import { InputError, printable } from "../errors.ts"
import { checkFingerprint, expandHome } from "./HostKey.ts"
import * as KnownHosts from "./KnownHosts.ts"
import * as PrivateKey from "./PrivateKey.ts"

/** One question of a keyboard-interactive login. `echo: false` asks for a secret. */
export interface Prompt {
  readonly prompt: string
  readonly echo: boolean
}

/** What the server asks at once (RFC 4256 §3.2). All text is the server's: print it with care. */
export interface Challenge {
  readonly name: string
  readonly instructions: string
  readonly prompts: ReadonlyArray<Prompt>
}

/** Answers a challenge with one answer per prompt, in order. Its failure becomes an AuthError. */
export type Answer = (challenge: Challenge) => Effect.Effect<ReadonlyArray<Redacted.Redacted<string>>, unknown>

/**
 * One way to log in.
 *
 * - `password`: by the method `password` if the server offers it, otherwise by `keyboard-interactive`, where it answers
 *   only a single prompt without echo. Anything else asked goes to a `keyboardInteractive` entry, or fails the login.
 * - `privateKey`: the key's text, or a file that only its owner can read; `~` stands for the home directory.
 * - `agent`: the socket of an ssh-agent, or true for `SSH_AUTH_SOCK`; `keys` limits it to these fingerprints, which
 *   matters where a device allows few attempts.
 * - `keyboardInteractive`: your own function answers what the server asks.
 */
export type Auth =
  | { readonly password: Redacted.Redacted<string> }
  | {
      readonly privateKey: Redacted.Redacted<string> | Redacted.Redacted<Buffer> | { readonly path: string }
      readonly passphrase?: Redacted.Redacted<string>
    }
  | { readonly agent: string | true; readonly keys?: ReadonlyArray<string> }
  | { readonly keyboardInteractive: Answer }

type KeyAuth = Extract<Auth, { readonly privateKey: unknown }>
type AgentAuth = Extract<Auth, { readonly agent: unknown }>

/** A credential that is ready to be offered. */
type Credential =
  | { readonly _tag: "password"; readonly password: Redacted.Redacted<string> }
  | { readonly _tag: "key"; readonly key: ParsedKey; readonly name: string }
  | { readonly _tag: "agent"; readonly path: string; readonly only: ReadonlySet<string> | undefined }
  | { readonly _tag: "prompt"; readonly answer: Answer }

export interface Prepared {
  readonly credentials: ReadonlyArray<Credential>
  /** What was looked for and not there, in words, for the error. */
  readonly skipped: ReadonlyArray<string>
}

// --- before dialling

const defaultKeys: ReadonlyArray<KeyAuth & { readonly privateKey: { readonly path: string } }> = [
  "~/.ssh/id_ed25519",
  "~/.ssh/id_ecdsa",
  "~/.ssh/id_rsa"
].map((path) => ({ privateKey: { path } }))

/** Reads keys and checks everything that can be checked without the network. */
export const prepare = (auth: Auth | ReadonlyArray<Auth> | undefined): Effect.Effect<Prepared, InputError> => {
  if (auth === undefined) return prepareDefaults
  const all = Array.isArray(auth) ? (auth as ReadonlyArray<Auth>) : [auth as Auth]
  return Effect.map(Effect.forEach(all, prepareOne), (credentials) => ({ credentials, skipped: [] }))
}

const prepareOne = (auth: Auth): Effect.Effect<Credential, InputError> => {
  if ("password" in auth) {
    return Redacted.isRedacted(auth.password)
      ? Effect.succeed({ _tag: "password", password: auth.password })
      : Effect.fail(notRedacted("password"))
  }
  if ("privateKey" in auth) return prepareKey(auth)
  if ("agent" in auth) return prepareAgent(auth)
  return Effect.succeed({ _tag: "prompt", answer: auth.keyboardInteractive })
}

const notRedacted = (what: string): InputError =>
  new InputError({ what, why: "a secret must be wrapped: Redacted.make(text)" })

const prepareAgent = (auth: AgentAuth): Effect.Effect<Credential, InputError> => {
  const path = auth.agent === true ? process.env["SSH_AUTH_SOCK"] : auth.agent
  if (path === undefined || path === "") {
    return Effect.fail(new InputError({ what: "agent", why: "SSH_AUTH_SOCK is not set: no ssh-agent is running here" }))
  }
  if (auth.keys === undefined) return Effect.succeed({ _tag: "agent", path, only: undefined })
  const only = new Set<string>()
  for (const key of auth.keys) {
    const checked = checkFingerprint(key, "agent.keys")
    if (typeof checked !== "string") return Effect.fail(checked)
    only.add(checked)
  }
  return Effect.succeed({ _tag: "agent", path, only })
}

const prepareDefaults: Effect.Effect<Prepared> = Effect.gen(function* () {
  const credentials: Array<Credential> = []
  const skipped: Array<string> = []
  const path = process.env["SSH_AUTH_SOCK"]
  if (path === undefined || path === "") skipped.push("agent: SSH_AUTH_SOCK is not set")
  else credentials.push({ _tag: "agent", path, only: undefined })
  for (const auth of defaultKeys) {
    const credential = yield* Effect.result(prepareKey(auth))
    if (credential._tag === "Success") credentials.push(credential.success)
    else skipped.push(`${auth.privateKey.path}: ${credential.failure.why}`)
  }
  return { credentials, skipped }
})

const prepareKey = (auth: KeyAuth): Effect.Effect<Credential, InputError> =>
  Effect.gen(function* () {
    const source = auth.privateKey
    if (auth.passphrase !== undefined && !Redacted.isRedacted(auth.passphrase)) return yield* notRedacted("passphrase")
    const path = Redacted.isRedacted(source) ? undefined : (source as { readonly path?: unknown }).path
    if (!Redacted.isRedacted(source) && typeof path !== "string") return yield* notRedacted("privateKey")
    const where = typeof path === "string" ? path : undefined
    const text =
      where === undefined
        ? Redacted.value(source as Redacted.Redacted<string | Buffer>).toString()
        : yield* readKeyFile(where)
    const passphrase = auth.passphrase === undefined ? undefined : Redacted.value(auth.passphrase)
    const key = yield* awaitKey(() => PrivateKey.load(auth, text, passphrase), where)
    return { _tag: "key", key, name: where ?? `${key.type} ${KnownHosts.fingerprint(key.getPublicSSH())}` }
  })

const keyProblem = (where: string | undefined, why: string): InputError =>
  new InputError({ what: "privateKey", where, why })

const awaitKey = (load: () => PrivateKey.Loading, where: string | undefined): Effect.Effect<ParsedKey, InputError> =>
  Effect.callback((resume) => {
    const loading = load()
    const done = loading.wait()
    loading.key.then(
      (key) => {
        done()
        resume(Effect.succeed(key))
      },
      (error: unknown) => {
        done()
        resume(Effect.fail(keyProblem(where, error instanceof PrivateKey.KeyError ? error.message : "cannot be read")))
      }
    )
    return Effect.sync(done)
  })

/** As OpenSSH does: a key of ours that others can read is refused. */
const readKeyFile = (path: string): Effect.Effect<string, InputError> =>
  Effect.tryPromise({
    try: async () => {
      const file = expandHome(path)
      const { mode, uid } = await Fs.stat(file)
      if (process.platform !== "win32" && uid === process.getuid?.() && (mode & 0o077) !== 0) {
        throw keyProblem(path, `others can read it (mode 0${(mode & 0o777).toString(8)}): chmod 600 ${path}`)
      }
      return await Fs.readFile(file, "utf8")
    },
    catch: (error) => {
      if (error instanceof InputError) return error
      const { code } = error as { readonly code?: string }
      return keyProblem(path, code === "ENOENT" ? "there is no such file" : `cannot be read (${code ?? "unknown"})`)
    }
  })

// --- the conversation

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
  readonly #pending: Array<Credential>
  readonly #answer: Answer | undefined
  readonly #tried: Array<string>
  readonly #offeredPasswords = new Set<string>()
  #offered: ReadonlyArray<string> = []
  #steps: Array<string> = []
  #current = "none"
  #sent = 0
  #refused = 0
  #agent: AgentRound | undefined
  #over = false

  constructor(username: string, prepared: Prepared, hooks: Hooks) {
    this.#username = username
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

  /** After success: what the peer accepted, step by step. */
  get accepted(): string {
    return [...this.#steps, this.#current].join(", then ")
  }

  /** Whether the server has seen a credential, and whether it has refused one. */
  get state(): "untried" | "tried" | "refused" {
    return this.#refused > 0 ? "refused" : this.#sent > 0 ? "tried" : "untried"
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
    const [credential] = this.#pending.splice(index, 1)
    this.#offer(credential!, send)
  }

  #exhausted(): string {
    if (this.#steps.length > 0) return `accepted ${this.#steps.join(", ")}, but the server wants a further step`
    return this.#sent > 0 ? "not accepted" : "no credential that the server accepts"
  }

  #offer(credential: Credential, send: Send): void {
    switch (credential._tag) {
      case "password":
        return this.#offerPassword(credential.password, send)
      case "key":
        this.#note(`publickey ${credential.name}`)
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
    // Twice the same secret would be two failed logins.
    if (this.#offeredPasswords.has(text)) return this.#pick(send)
    this.#offeredPasswords.add(text)
    if (this.#allows("password")) {
      this.#note("password")
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
      return send(method)
    }
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

/**
 * The keys of an agent, one attempt each: given a whole agent, ssh2 would go on to the next key after a partial success.
 */
class AgentRound {
  readonly #agent: BaseAgent
  readonly #only: ReadonlySet<string> | undefined
  readonly #streams = new Set<{ destroy: () => unknown }>()
  #keys: Array<ParsedKey> = []
  #problem: string | undefined
  offered = 0
  signed = false
  current = "agent"

  constructor(path: string, only: ReadonlySet<string> | undefined) {
    this.#only = only
    this.#agent = this.#tracked(ssh2.createAgent(path))
  }

  /** ssh2 opens one socket per request and leaves a silent agent's open for ever. */
  #tracked(agent: BaseAgent): BaseAgent {
    const getStream = agent.getStream?.bind(agent)
    if (getStream === undefined) return agent
    agent.getStream = (callback) =>
      getStream((error, stream) => {
        if (stream !== undefined && stream !== null) {
          this.#streams.add(stream)
          stream.once("close", () => this.#streams.delete(stream))
        }
        callback(error, stream)
      })
    return agent
  }

  list(done: () => void): void {
    this.#agent.getIdentities((error, keys) => {
      if (error !== undefined && error !== null) this.#problem = "cannot be reached"
      for (const raw of keys ?? []) {
        const key = ssh2.utils.parseKey(raw as Buffer)
        if (key instanceof Error || Array.isArray(key)) continue
        if (this.#only === undefined || this.#only.has(KnownHosts.fingerprint(key.getPublicSSH()))) this.#keys.push(key)
      }
      done()
    })
  }

  next(username: string): AnyAuthMethod | undefined {
    const key = this.#keys.shift()
    if (key === undefined) return undefined
    this.offered++
    this.current = `agent ${key.type} ${KnownHosts.fingerprint(key.getPublicSSH())}`
    return { type: "agent", username, agent: new OneKeyAgent(this.#agent, key, () => (this.signed = true)) }
  }

  describe(): string {
    const count = `${this.offered} key${this.offered === 1 ? "" : "s"}`
    return `agent (${this.#problem ?? (this.offered === 0 && this.#only !== undefined ? "none of the named keys" : count)})`
  }

  dispose(): void {
    for (const stream of this.#streams) stream.destroy()
  }
}

class OneKeyAgent extends ssh2.BaseAgent {
  readonly #agent: BaseAgent
  readonly #key: ParsedKey
  readonly #signed: () => void

  constructor(agent: BaseAgent, key: ParsedKey, signed: () => void) {
    super()
    this.#agent = agent
    this.#key = key
    this.#signed = signed
  }

  override getIdentities(callback: IdentityCallback<string | Buffer | ParsedKey>): void {
    callback(undefined, [this.#key])
  }

  override sign(
    publicKey: string | Buffer | ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback
  ): void {
    const done = typeof options === "function" ? options : callback
    this.#agent.sign(publicKey, data, typeof options === "function" ? {} : options, (error, signature) => {
      if (error === undefined || error === null) this.#signed()
      done?.(error, signature)
    })
  }
}
