/**
 * How long each step may take before it fails with a `DeadlineError` that names the step.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { InputError } from "../errors.ts"
import { knownNames, shown } from "./Checks.ts"

/** Each as a duration (`"30 seconds"`, milliseconds as a number), or `"none"`. */
export interface Deadlines {
  /** Waiting for the device's turn (its semaphore and the operation pool). Default: none. */
  readonly queue?: Duration.Input | "none"
  /** DNS and TCP. Default: 5 seconds. */
  readonly dial?: Duration.Input | "none"
  /** SSH or TLS handshake, host key check included. Default: 15 seconds. */
  readonly handshake?: Duration.Input | "none"
  /** Authentication. Default: 30 seconds. */
  readonly auth?: Duration.Input | "none"
  /** Opening the channel and its `netconf` subsystem. Default: 10 seconds. */
  readonly subsystem?: Duration.Input | "none"
  /** From the open channel to the peer's hello. Default: 30 seconds. */
  readonly hello?: Duration.Input | "none"
  /** From the written rpc to the first byte of its reply. Default: 60 seconds; commit, copy-config, validate: 10 minutes. */
  readonly rpc?: Duration.Input | "none"
  /** Between two pieces of one reply. Default: 30 seconds. */
  readonly progress?: Duration.Input | "none"
  /** close-session, and each step of clean-up. Default: 5 seconds. */
  readonly close?: Duration.Input | "none"
}

/** Milliseconds per step; `Infinity` where there is no deadline. */
export type DeadlineMillis = { readonly [Phase in keyof Required<Deadlines>]: number }

export const defaults: DeadlineMillis = {
  queue: Infinity,
  dial: 5_000,
  handshake: 15_000,
  auth: 30_000,
  subsystem: 10_000,
  hello: 30_000,
  rpc: 60_000,
  progress: 30_000,
  close: 5_000
}

/** Ten minutes: a router with two routing engines takes minutes to commit, to copy or to validate. */
export const slow = 600_000

/** Throws an `InputError` that names `what` for what is no duration above zero. */
export const millis = (what: string, input: Duration.Input | "none"): number => {
  if (input === "none") return Infinity
  const duration = Option.map(Duration.fromInput(input), Duration.toMillis)
  if (Option.isSome(duration) && duration.value > 0) return duration.value
  throw new InputError({ what, why: `${shown(input)} is not a duration above zero; write for example "30 seconds"` })
}

/** Throws an `InputError` for a step that does not exist or a duration that is none. */
export const resolve = (deadlines?: Deadlines): DeadlineMillis => {
  if (deadlines === undefined) return defaults
  const resolved: { -readonly [Phase in keyof DeadlineMillis]: number } = { ...defaults }
  knownNames("deadlines", deadlines, Object.keys(defaults))
  for (const [phase, input] of Object.entries(deadlines) as ReadonlyArray<[string, Duration.Input | undefined]>) {
    if (input !== undefined) resolved[phase as keyof DeadlineMillis] = millis(`deadlines.${phase}`, input)
  }
  return resolved
}
