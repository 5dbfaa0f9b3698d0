/**
 * How long each step may take before it fails with a `DeadlineError` that names the step.
 */
import * as Duration from "effect/Duration"

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

export const millis = (input: Duration.Input | "none"): number =>
  input === "none" ? Infinity : Duration.toMillis(Duration.fromInputUnsafe(input))

export const resolve = (deadlines: Deadlines = {}): DeadlineMillis => {
  const resolved: { -readonly [Phase in keyof DeadlineMillis]: number } = { ...defaults }
  for (const phase of Object.keys(defaults) as ReadonlyArray<keyof DeadlineMillis>) {
    const input = deadlines[phase]
    if (input !== undefined) resolved[phase] = millis(input)
  }
  return resolved
}
