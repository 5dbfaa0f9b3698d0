/**
 * What the caller may log in with (RFC 4252, RFC 4256).
 *
 * Types only, and none of ssh2's, so that nobody who uses them needs ssh2's types; Auth makes them ready.
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

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
