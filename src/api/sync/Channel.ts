/**
 * Messages between a thread that blocks and the one that works for it: a MessagePort for the messages, and three numbers in
 * shared memory, by which the blocked one is woken.
 *
 * Whoever waits has read the count before it looked for a message, so none is missed in between. That the working thread
 * has died is told by its keeper (Keeper.ts): a thread that runs out of memory can tell nobody.
 */
import type { MessagePort, Transferable } from "node:worker_threads"
import { receiveMessageOnPort } from "node:worker_threads"

/** Counts what may concern the one who waits. */
const count = 0
/** 1 once the working thread has ended. */
const ended = 1
/** How far it has come with starting. */
const stage = 2

/** What has started: nothing, the keeper, the working thread; or that nobody waits for it any more. */
export const stages = { none: 0, keeper: 1, up: 2, givenUp: 3 } as const

/** Shared by all three threads. */
export type Signal = Int32Array<SharedArrayBuffer>

export const makeSignal = (): Signal => new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT))

const wake = (signal: Signal): void => {
  Atomics.add(signal, count, 1)
  Atomics.notify(signal, count)
}

/** Tells whoever waits that nothing more will come. */
export const end = (signal: Signal): void => {
  Atomics.store(signal, ended, 1)
  wake(signal)
}

export const hasEnded = (signal: Signal): boolean => Atomics.load(signal, ended) === 1

export const isUp = (signal: Signal): boolean => Atomics.load(signal, stage) === stages.up

/** A thread has started. False: nobody waits for it any more, and it has to do nothing of what it was asked. */
export const start = (signal: Signal, what: "keeper" | "up"): boolean => {
  const before = stages[what] - 1
  const goesOn = Atomics.compareExchange(signal, stage, before, stages[what]) === before
  wake(signal)
  return goesOn
}

/** What has not started by now, never will. False: it just has. */
const giveUp = (signal: Signal, at: number): boolean => {
  if (Atomics.compareExchange(signal, stage, at, stages.givenUp) !== at) return false
  end(signal)
  return true
}

/** The working thread's side. */
export const post = (port: MessagePort, signal: Signal, message: unknown, transfer: Array<Transferable>): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
  port.postMessage(message, transfer)
  wake(signal)
}

const next = (port: MessagePort): unknown =>
  (receiveMessageOnPort(port) as { readonly message: unknown } | undefined)?.message

/**
 * The next message, waited for by blocking; undefined when the working thread has ended and left none, or when it takes longer
 * than `startWithin` milliseconds to start its keeper, or from there to start itself. That one of them fails is told by an
 * event, which a blocked thread does not get.
 */
export const receive = (port: MessagePort, signal: Signal, startWithin: number): unknown => {
  for (;;) {
    const at = Atomics.load(signal, stage)
    const seen = Atomics.load(signal, count)
    const gone = hasEnded(signal)
    const message = next(port)
    if (message !== undefined || gone) return message
    const waited = Atomics.wait(signal, count, seen, at === stages.up ? Infinity : startWithin)
    if (waited === "timed-out" && giveUp(signal, at)) return undefined
  }
}
