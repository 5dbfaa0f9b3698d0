/**
 * The keys of an ssh-agent, offered through ssh2 in a way that leaves the order, the count and the steps to us.
 */
import type { AnyAuthMethod, BaseAgent, IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from "ssh2"
import ssh2 from "ssh2"
import * as KnownHosts from "./KnownHosts.ts"

/**
 * The keys of an agent, one attempt each: given a whole agent, ssh2 would go on to the next key after a partial success.
 */
export class AgentRound {
  readonly #agent: BaseAgent
  readonly #only: ReadonlySet<string> | undefined
  readonly #streams = new Set<{ destroy: () => unknown }>()
  #keys: Array<ParsedKey> = []
  #problem: string | undefined
  #over = false
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
          if (this.#over) stream.destroy()
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
    this.#over = true
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
