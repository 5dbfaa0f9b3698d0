/**
 * What one login has offered of its credentials, and what the CredentialGuard is told of it.
 *
 * A refused password is a failed login, whatever follows. A refused key may be none: with several keys, the server only
 * asks for the next. So keys count when the login is over, and a login that succeeds clears those that it went through.
 */
import type { Credential } from "./Auth.ts"
import type { CredentialGuard, Outcome, Pass, Verdict } from "./CredentialGuard.ts"
import { identify } from "./CredentialIdentity.ts"

interface Offer {
  readonly pass: Pass
  readonly isPassword: boolean
  /** The device has seen it. */
  sent: boolean
}

interface Options {
  readonly guard: CredentialGuard
  readonly username: string
  /** The caller's name of the device, for those that are told that it refused. */
  readonly device: string
  /** Stops the login's deadline while it waits for others; the result lets it run on. */
  readonly pause: () => () => void
}

export class Offers {
  readonly #options: Options
  #current: Offer | undefined
  /** Keys that were refused, until the login is over. */
  #refused: Array<Offer> = []
  #giveUp: (() => void) | undefined
  #over = false

  constructor(options: Options) {
    this.#options = options
  }

  /** Whether this login waits until others have shown what a credential is worth. */
  get waiting(): boolean {
    return this.#giveUp !== undefined
  }

  /** Goes on with this credential, now or when fewer logins try it; or without it. */
  offer(credential: Credential, proceed: () => void, without: (why: string) => void): void {
    const { guard, pause, username } = this.#options
    const identity = identify(username, credential)
    if (identity === undefined) return proceed()
    let resume: (() => void) | undefined
    let decided = false
    const decide = (verdict: Verdict): void => {
      decided = true
      this.#giveUp = undefined
      resume?.()
      if (verdict._tag === "Barred") return without(verdict.why)
      this.#current = { pass: verdict.pass, isPassword: credential._tag === "password", sent: false }
      proceed()
    }
    // Who waits holds nothing that the others wait for.
    const waits = () => {
      for (const { pass } of this.#refused) pass.free()
    }
    const giveUp = guard.admit(identity, decide, waits)
    if (decided) return
    this.#giveUp = giveUp
    resume = pause()
  }

  /** The device sees it now. */
  sent(): void {
    if (this.#current !== undefined) this.#current.sent = true
  }

  /** The device has said what it thinks of the credential that was offered last. */
  answered(accepted: boolean): void {
    const offer = this.#current
    this.#current = undefined
    if (offer === undefined) return
    if (accepted || !offer.sent || offer.isPassword) this.#count(offer, accepted ? "accepted" : "refused")
    else this.#refused.push(offer)
  }

  /**
   * The login is over; `refused` is an AuthError, `undecided` one that came before the device had said anything to what was
   * offered last. A password may have been refused then, and that is a failed login; a key that is refused is none yet.
   */
  end(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    this.#giveUp?.()
    this.#giveUp = undefined
    const current = this.#current
    const refused = this.#refused
    this.#current = undefined
    this.#refused = []
    for (const offer of refused) this.#count(offer, outcome === "undecided" ? "refused" : outcome)
    if (current !== undefined)
      this.#count(current, outcome === "undecided" && !current.isPassword ? "unknown" : outcome)
  }

  #count(offer: Offer, outcome: Outcome): void {
    offer.pass.end(offer.sent ? outcome : "unknown", this.#options.device)
  }
}
