/**
 * What goes wrong on one device: from time to time, by its own dice, a fault that lasts for one or a few requests.
 */
import { Faults, Refusal } from "../../src/testing.ts"
import { type Dice, dice } from "../trial/dice.ts"

export interface TroubleOptions {
  readonly seed: number
  readonly name: string
  /** Whether its replies carry message-ids. */
  readonly ids: boolean
}

interface Kind {
  readonly weight: number
  readonly make: (dice: Dice) => Faults.Fault
  /** A second reply without an id passes for the next one's, and no client can tell. */
  readonly needsIds?: boolean
}

const kinds: Readonly<Record<string, Kind>> = {
  "silence, applied": { weight: 3, make: () => Faults.silence() },
  "silence, not applied": { weight: 3, make: () => Faults.silence({ applied: false }) },
  "closed after it": { weight: 4, make: (dice) => Faults.closeAfter(dice.pick(["peer", "network"])) },
  "closed before it": { weight: 2, make: (dice) => Faults.closeBefore(dice.pick(["peer", "network"])) },
  "half a reply": { weight: 2, make: (dice) => Faults.halfFrame(dice.between(1, 99) / 100) },
  "garbage in a frame": { weight: 2, make: () => Faults.garbage },
  "garbage without a frame": { weight: 1, make: () => Faults.raw("\n#zz\n%$ no frame at all") },
  "wrong id": { weight: 2, make: () => Faults.wrongMessageId(), needsIds: true },
  "no id": { weight: 2, make: () => Faults.noMessageId },
  "reply twice": { weight: 2, make: () => Faults.duplicate, needsIds: true },
  "late reply": { weight: 4, make: (dice) => Faults.late(dice.between(100, 3_000)) },
  "late effect": { weight: 3, make: (dice) => Faults.delay(dice.between(100, 3_000)) },
  refused: { weight: 3, make: () => Faults.refuse(Refusal.operationFailed("not today")) },
  "partly done": { weight: 1, make: () => Faults.refuse({ tag: "partial-operation", type: "application" }) },
  "reply in pieces": { weight: 2, make: (dice) => Faults.writes(dice.between(1, 20), 1) }
}

const operations = ["commit", "edit-config", "lock", "unlock", "discard-changes", "validate", "get-config", "hello"]

export class Trouble {
  /** How many requests have met a fault, by kind. */
  readonly met = new Map<string, number>()
  readonly #faults: Faults.Faults
  readonly #options: TroubleOptions
  #off: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #count = 0

  constructor(faults: Faults.Faults, options: TroubleOptions) {
    this.#faults = faults
    this.#options = options
    this.#next()
  }

  #next(): void {
    const { name, seed } = this.#options
    const dice_ = dice(seed, "trouble", name, this.#count++)
    this.#timer = setTimeout(() => this.#begin(dice_), dice_.between(500, 9_000))
  }

  #begin(dice: Dice): void {
    const possible = Object.entries(kinds).filter(([, { needsIds }]) => this.#options.ids || needsIds !== true)
    const name = dice.weighted(Object.fromEntries(possible.map(([kind, { weight }]) => [kind, weight])))
    const fault = kinds[name]!.make(dice)
    const on = dice.chance(40) ? "commit" : dice.pick(operations)
    const off = this.#faults.add(fault, { on: this.#meeting(name, on), times: dice.between(1, 2) })
    // What nobody has met by the next time is over, or devices that are seldom visited would be nothing but trouble.
    this.end()
    this.#off = off
    this.#next()
  }

  #meeting(name: string, on: string): (occasion: Faults.Occasion) => boolean {
    return ({ operation }) => {
      if (operation !== on) return false
      this.met.set(name, (this.met.get(name) ?? 0) + 1)
      return true
    }
  }

  /** Nothing goes wrong any more. */
  end(): void {
    clearTimeout(this.#timer)
    this.#off()
  }
}
