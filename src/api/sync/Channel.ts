/**
 * Messages between a thread that blocks and the one that works for it: a MessagePort for the messages, and two numbers in
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

/** Shared by all three threads. */
export type Signal = Int32Array<SharedArrayBuffer>

export const makeSignal = (): Signal => new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))

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

/** The working thread's side. */
export const post = (port: MessagePort, signal: Signal, message: unknown, transfer: Array<Transferable>): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has no origin
  port.postMessage(message, transfer)
  wake(signal)
}

const next = (port: MessagePort): unknown =>
  (receiveMessageOnPort(port) as { readonly message: unknown } | undefined)?.message

/** The next message, waited for by blocking; undefined when the working thread has ended and left none. */
export const receive = (port: MessagePort, signal: Signal): unknown => {
  for (;;) {
    const seen = Atomics.load(signal, count)
    const gone = hasEnded(signal)
    const message = next(port)
    if (message !== undefined || gone) return message
    Atomics.wait(signal, count, seen)
  }
}
