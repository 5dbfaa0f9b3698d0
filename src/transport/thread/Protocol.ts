/**
 * What the caller's loop and a thread that owns connections say to each other: commands one way, batches of bytes and
 * events the other. Everything is plain, for the structured clone; bytes are transferred.
 *
 * Sessions, transports, questions and passes have numbers that the side which names them gives, never twice.
 */
import * as Schema from "effect/Schema"
import * as Errors from "../../errors.ts"
import type { Challenge } from "../AuthOptions.ts"
import type { Outcome } from "../CredentialGuard.ts"
import type { Identity } from "../CredentialIdentity.ts"
import type { DeadlineMillis } from "../Deadlines.ts"
import type { RemoteDescription } from "../RemoteDescription.ts"
import type { EndReason } from "../Transport.ts"

/** What a thread is started with. */
export interface Start {
  readonly identityKey: Uint8Array
}

export type Command =
  | { readonly _tag: "define"; readonly transport: number; readonly description: RemoteDescription }
  | { readonly _tag: "forget"; readonly transport: number }
  | {
      readonly _tag: "open"
      readonly session: number
      readonly transport: number
      /** The session on whose connection it is to be opened. */
      readonly beside: number | undefined
      readonly label: string | undefined
      readonly deadlines: DeadlineMillis
    }
  /** Ends a session, or stops opening it; answered by `closed`. */
  | { readonly _tag: "close"; readonly session: number }
  | { readonly _tag: "write"; readonly session: number; readonly frame: Uint8Array }
  | { readonly _tag: "pause"; readonly session: number }
  | { readonly _tag: "resume"; readonly session: number }
  /** So many bytes have been handed on. */
  | { readonly _tag: "took"; readonly session: number; readonly bytes: number }
  | { readonly _tag: "answer"; readonly question: number; readonly answer: Reply }

export type Event =
  /** The thread is ready for commands. */
  | { readonly _tag: "up" }
  | {
      readonly _tag: "opened"
      readonly session: number
      readonly details: Readonly<Record<string, string>>
      readonly notes: ReadonlyArray<string>
      /** Whether sessions can be opened beside it. */
      readonly beside: boolean
    }
  /** It was not opened, and nothing of it is left. `error` is encoded; without one it was a defect. */
  | { readonly _tag: "failed"; readonly session: number; readonly error: unknown; readonly defect: string }
  | { readonly _tag: "ended"; readonly session: number; readonly reason: EndReason }
  | { readonly _tag: "closed"; readonly session: number }
  /** So many bytes have been written, and there is room for as many. */
  | { readonly _tag: "wrote"; readonly session: number; readonly bytes: number }
  | { readonly _tag: "question"; readonly question: number; readonly login: Login; readonly ask: Question }
  /** Nobody waits for its answer any more. */
  | { readonly _tag: "withdrawn"; readonly question: number }
  | { readonly _tag: "freed"; readonly pass: number }
  | { readonly _tag: "spent"; readonly pass: number; readonly outcome: Outcome; readonly device: string }
  | {
      readonly _tag: "log"
      readonly session: number
      readonly level: "Debug" | "Info" | "Warn" | "Error"
      readonly text: string
      readonly annotations: Readonly<Record<string, string>>
    }
  | { readonly _tag: "delay"; readonly delay: Delay }

/** Who asks: the session that began the login, which may have gone since, and the transport that it is for. */
export interface Login {
  readonly session: number
  readonly transport: number
}

/** What stays with the caller and is asked back: the credential guard of the process, and functions that answer prompts. */
export type Question =
  | { readonly _tag: "whyNone"; readonly identities: ReadonlyArray<Identity> }
  | { readonly _tag: "admit"; readonly identity: Identity }
  | { readonly _tag: "prompt"; readonly prompt: number; readonly challenge: Challenge }

export type Reply =
  | { readonly _tag: "why"; readonly why: string | undefined }
  /** There will be another answer to the same question. */
  | { readonly _tag: "waits" }
  | { readonly _tag: "admitted"; readonly pass: number }
  | { readonly _tag: "barred"; readonly why: string }
  | { readonly _tag: "answers"; readonly answers: ReadonlyArray<string> }
  | { readonly _tag: "refused"; readonly message: string }

/** Milliseconds that the thread's loop came late, of late. */
export interface Delay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What came within one turn of the thread's loop: the bytes of each session in one piece, then what happened. */
export interface Batch {
  readonly sessions: ReadonlyArray<number>
  readonly pieces: ReadonlyArray<ArrayBuffer>
  readonly events: ReadonlyArray<Event>
}

/** Bytes of one session that may have crossed and not been handed on. */
export const credit = 1_048_576

/**
 * The same for all sessions of a thread together, those that the caller has paused left out: what the caller's loop hands on
 * in some fifty milliseconds. More would lie in memory, and come out of the caches before it is read.
 */
export const creditOfAll = 8_388_608

/** Bytes that may wait to be written in the thread before `write` returns false. */
export const writeCredit = 262_144

const ConnectErrors = Schema.Union([
  Errors.ConnectionError,
  Errors.AuthError,
  Errors.HostKeyError,
  Errors.CertificateError,
  Errors.ChannelError,
  Errors.ProtocolError,
  Errors.DeadlineError,
  Errors.InputError
])

export const encodeError: (error: Errors.ConnectError) => unknown = Schema.encodeSync(ConnectErrors)
export const decodeError: (encoded: unknown) => Errors.ConnectError = Schema.decodeUnknownSync(ConnectErrors)
