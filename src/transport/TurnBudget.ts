/**
 * Who may hand on bytes in this turn of the event loop, and for how long: one flood delays nobody else.
 *
 * A source that has used its share (bytes, or time) while others want theirs is held, and so is whoever has bytes when
 * the time of the turn is used up. Those held go on one after the other behind the turn's other work, as many as fit,
 * those that had nothing yet in turn with those that had their share. A source that is alone has the whole turn.
 *
 * Nothing is scheduled while nobody is held. How a source is held is its own business: SocketTurns.
 */
import { performance } from "node:perf_hooks"

/** What hands bytes on. None of these is called inside of another one. */
export interface Source {
  /** Hands on bytes: what this takes, consumers that are woken included, counts. */
  readonly deliver: (bytes: Buffer) => void
  /** Stops until `release`; bytes given here were not delivered, and come again before all others. */
  readonly hold: (bytes: Buffer | undefined) => void
  /** Goes on: what waits is taken from now on, and within `afterwards` of the clock. */
  readonly release: () => void
}

/** The loop, as far as turns are concerned. */
export interface Loop {
  readonly now: () => number
  /** A number that is another one in each turn. */
  readonly turn: () => number
  /** Calls back once, behind what this turn, or the next one, reads. */
  readonly behind: (callback: () => void) => void
  /** Calls back when a release, and whoever was woken by it, has had its way. */
  readonly afterwards: (callback: () => void) => void
}

export interface Limits {
  /** Milliseconds of one turn, for all. Beyond it nobody begins. */
  readonly turn: number
  /** Of one source in one turn, when it is not alone. */
  readonly share: { readonly bytes: number; readonly millis: number }
}

/** The share is what libuv reads at once. */
export const defaults: Limits = { turn: 10, share: { bytes: 65_536, millis: 2 } }

/** One source's part in the turns. */
export class Member {
  readonly source: Source
  readonly #budget: TurnBudget
  /** The turn in which the share below was used. */
  turn = -1
  bytes = 0
  millis = 0
  held = false

  constructor(budget: TurnBudget, source: Source) {
    this.#budget = budget
    this.source = source
  }

  /** Bytes have come: they are delivered, or held. */
  take(bytes: Buffer): void {
    this.#budget.take(this, bytes)
  }

  /** The source has ended. */
  leave(): void {
    this.#budget.leave(this)
  }
}

export class TurnBudget {
  readonly #loop: Loop
  readonly #limits: Limits
  /** Held with bytes that came when the turn was over; and after their share. The longest first. */
  readonly #fresh = new Set<Member>()
  readonly #served = new Set<Member>()
  /** Whether none of the second went on in the turn before: then the first wait for one of them. */
  #owed = false
  #servedOne = false
  /** Whether `#goOn` will be called: then it says when a turn ends, else the loop does. */
  #due = false
  #began = -Infinity
  #loopTurn = -1
  /** Counts the turns. */
  #turn = 0
  /** Who came first in this turn, and whether others came: in this one, in the one before. */
  #first: Member | undefined
  #others = false
  #othersBefore = false
  /** May deliver once though the turn is over: or nobody would ever go on. */
  #granted: Member | undefined

  constructor(loop: Loop, limits: Limits = defaults) {
    this.#loop = loop
    this.#limits = limits
  }

  /** How many are held. */
  get held(): number {
    return this.#fresh.size + this.#served.size
  }

  join(source: Source): Member {
    return new Member(this, source)
  }

  leave(member: Member): void {
    this.#fresh.delete(member)
    this.#served.delete(member)
    if (this.#first === member) this.#first = undefined
    member.held = false
  }

  take(member: Member, bytes: Buffer): void {
    const began = this.#loop.now()
    if (!this.#due) this.#followLoop(began)
    this.#note(member)
    if (began - this.#began >= this.#limits.turn && this.#granted !== member) {
      return this.#hold(member, this.#fresh, bytes)
    }
    this.#granted = undefined
    member.source.deliver(bytes)
    member.bytes += bytes.length
    member.millis += this.#loop.now() - began
    if (this.#hasUsedItsShare(member) && this.#isWaitedFor()) this.#hold(member, this.#served, undefined)
  }

  #followLoop(now: number): void {
    const turn = this.#loop.turn()
    if (turn === this.#loopTurn) return
    this.#loopTurn = turn
    this.#begin(now)
  }

  #begin(now: number): void {
    this.#began = now
    this.#turn++
    this.#othersBefore = this.#others
    this.#others = false
    this.#first = undefined
  }

  #note(member: Member): void {
    this.#first ??= member
    if (this.#first !== member) this.#others = true
    if (member.turn === this.#turn) return
    member.turn = this.#turn
    member.bytes = 0
    member.millis = 0
  }

  #hasUsedItsShare({ bytes, millis }: Member): boolean {
    return bytes >= this.#limits.share.bytes || millis >= this.#limits.share.millis
  }

  #isWaitedFor(): boolean {
    return this.#others || this.#othersBefore || this.held > 0
  }

  #hold(member: Member, queue: Set<Member>, bytes: Buffer | undefined): void {
    member.held = true
    queue.add(member)
    member.source.hold(bytes)
    if (this.#due) return
    this.#due = true
    this.#loop.behind(this.#goOn)
  }

  readonly #goOn = (): void => this.#releaseNext()

  readonly #andOn = (): void => {
    const now = this.#loop.now()
    this.#granted = undefined
    if (now - this.#began < this.#limits.turn) return this.#releaseNext()
    this.#rest(now)
  }

  #releaseNext(): void {
    const member = this.#next()
    if (member === undefined) return this.#rest(this.#loop.now())
    member.held = false
    member.turn = -1
    this.#granted = member
    member.source.release()
    this.#loop.afterwards(this.#andOn)
  }

  /** Those that had nothing yet go first, and keep nobody waiting for ever. */
  #next(): Member | undefined {
    const queue = this.#fresh.size === 0 || (this.#owed && this.#served.size > 0) ? this.#served : this.#fresh
    if (queue === this.#served) {
      this.#owed = false
      this.#servedOne = true
    }
    for (const member of queue) {
      queue.delete(member)
      return member
    }
    return undefined
  }

  /** What the loop does until it comes back here is part of the next turn: consumers' work, too. */
  #rest(now: number): void {
    this.#owed = !this.#servedOne
    this.#servedOne = false
    this.#begin(now)
    this.#due = this.held > 0
    if (this.#due) this.#loop.behind(this.#goOn)
    else this.#loopTurn = this.#loop.turn()
  }
}

const { nodeTiming } = performance

/** Microtasks wake consumers; those that a release has queued come before one that is queued after it. */
const afterwards = (callback: () => void): void => process.nextTick(queueMicrotask, callback)

/** The one of this thread. */
export const ofThread: TurnBudget = new TurnBudget({
  now: () => performance.now(),
  turn: () => nodeTiming.uvMetricsInfo.loopCount,
  behind: setImmediate,
  afterwards
})
