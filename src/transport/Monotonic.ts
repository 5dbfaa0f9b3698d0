/**
 * Time that only differences are taken of. A clock that is set back, by a person or by NTP, must hold no deadline back and
 * age nothing. Durations that a caller gives are Deadlines' business.
 */
import type * as Clock from "effect/Clock"

/** Milliseconds since some moment in the past. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
