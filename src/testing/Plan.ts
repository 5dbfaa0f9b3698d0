/**
 * What becomes of one reply, once all faults that apply to it are put together.
 */
import * as Duration from "effect/Duration"
import type { Fault, Occasion } from "./Faults.ts"
import type { Refusal } from "./Refusal.ts"

export interface Plan {
  /** Milliseconds before the operation takes effect. */
  readonly before: number
  /** Milliseconds between its effect and its reply. */
  readonly after: number
  /** Whether it takes effect. */
  readonly applied: boolean
  readonly refusals: ReadonlyArray<Refusal>
  readonly messageId: { readonly value: string | undefined } | undefined
  readonly message: ((occasion: Occasion) => string | Uint8Array) | undefined
  readonly raw: string | Uint8Array | undefined
  /** How often the reply is sent. */
  readonly copies: number
  /** How much of the frame is sent before the connection is closed. */
  readonly close: { readonly fraction: number; readonly by: "peer" | "network" } | undefined
  readonly chunkSize: number | undefined
  readonly writes: { readonly sizes: ReadonlyArray<number>; readonly between: number } | undefined
  /** What happens around the reply, and whether it is sent before it or together with it. */
  readonly events: { readonly where: "before" | "with"; readonly events: ReadonlyArray<string> } | undefined
}

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const undisturbed: Plan = {
  before: 0,
  after: 0,
  applied: true,
  refusals: [],
  messageId: undefined,
  message: undefined,
  raw: undefined,
  copies: 1,
  close: undefined,
  chunkSize: undefined,
  writes: undefined,
  events: undefined
}

const add = (plan: Plan, fault: Fault): Plan => {
  switch (fault._tag) {
    case "Delay": {
      const duration = millis(fault.duration)
      return fault.applied ? { ...plan, after: plan.after + duration } : { ...plan, before: plan.before + duration }
    }
    case "Silence":
      return { ...plan, applied: plan.applied && fault.applied, copies: 0 }
    case "Refuse":
      return { ...plan, refusals: [...plan.refusals, ...fault.refusals] }
    case "Close":
      return { ...plan, applied: plan.applied && fault.applied, close: fault }
    case "Reply":
      return { ...plan, message: fault.message }
    case "Raw":
      return { ...plan, raw: fault.bytes }
    case "MessageId":
      return { ...plan, messageId: fault }
    case "Duplicate":
      return { ...plan, copies: plan.copies * 2 }
    case "Chunks":
      return { ...plan, chunkSize: fault.size }
    case "Writes":
      return { ...plan, writes: { sizes: fault.sizes, between: millis(fault.between) } }
    case "Events":
      return { ...plan, events: fault }
  }
}

export const make = (faults: ReadonlyArray<Fault>): Plan => faults.reduce(add, undisturbed)
