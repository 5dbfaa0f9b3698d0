/**
 * Which programs hold further sessions with a device, and which of them wait for one more: where all who could give one
 * back wait themselves, nobody ever will.
 *
 * A program is a run's (`Membership.ts`), with all that it starts; outside of runs it is the scope that took the shared
 * session, as long as there is one such scope. Whose a session is that several of them may have opened is not known.
 */
import type { Membership } from "./Membership.ts"

const add = (counts: Map<object, number>, program: object, change: 1 | -1): void => {
  const count = (counts.get(program) ?? 0) + change
  if (count === 0) counts.delete(program)
  else counts.set(program, count)
}

export class Holders {
  readonly #fleet: object
  readonly #users = new Map<object, number>()
  readonly #holding = new Map<object, number>()
  readonly #waiting = new Map<object, number>()

  constructor(fleet: object) {
    this.#fleet = fleet
  }

  /** A scope that takes the shared session; call the result when it gives it back. */
  uses(scope: object): () => void {
    return counted(this.#users, scope)
  }

  /** The program that asks for a further session. */
  programOf(membership: Membership | undefined): object {
    let program: object | undefined
    for (let link = membership; link !== undefined; link = link.outer) if (link.fleet === this.#fleet) program = link
    if (program !== undefined) return program
    const [only] = this.#users.keys()
    return this.#users.size === 1 ? only! : {}
  }

  /** It has one more; call the result when that is given back. */
  holds(program: object): () => void {
    return counted(this.#holding, program)
  }

  /** It waits for one more; call the result when it does no longer. */
  waits(program: object): () => void {
    return counted(this.#waiting, program)
  }

  /** Whether no other program has one that it could give back while this one waits. */
  isStuck(program: object): boolean {
    for (const other of this.#holding.keys()) if (other !== program && !this.#waiting.has(other)) return false
    return true
  }
}

const counted = (counts: Map<object, number>, program: object): (() => void) => {
  add(counts, program, 1)
  return () => add(counts, program, -1)
}
