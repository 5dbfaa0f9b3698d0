/**
 * What the blocked thread and the one that works for it say to each other. Every value in it is packed (Crossing.ts).
 */
import type { MessagePort } from "node:worker_threads"
import type { Signal } from "./Channel.ts"
import type { Settings } from "./Settings.ts"

/** What the keeper is started with, and hands on. */
export interface Start {
  readonly port: MessagePort
  readonly signal: Signal
}

/** From the blocked thread. */
export type Request = (Make | Call | Leave | Drop) & {
  /** There when they have changed since the last request. */
  readonly settings?: Settings | undefined
}

/** In the place of a client's number: the functions that act for the whole process. */
export const processWide = 0

/** A client, by the number that it is given. */
export interface Make {
  readonly _tag: "Make"
  readonly id: number
  readonly client: number
  readonly options: unknown
}

/** A method of a client, or the value of a property. */
export interface Call {
  readonly _tag: "Call"
  readonly id: number
  readonly client: number
  readonly name: string
  readonly args: ReadonlyArray<unknown>
  /** The program that calls it, if one does. */
  readonly inside: number | undefined
}

/** A program of the caller's is over. What it returned stays there, but for `false`, which confirms nothing. */
export interface Leave {
  readonly _tag: "Leave"
  readonly program: number
  readonly outcome: { readonly isFalse: boolean } | { readonly error: unknown }
}

/** Of no use any more: a client that is disconnected, which is made anew if it is asked again; an iterator that is left. */
export interface Drop {
  readonly _tag: "Drop"
  readonly client: number
}

/** To the blocked thread. */
export type Reply = Answer | Enter

/** What a call has come to. `program`: to what this function of the caller's has returned or thrown, which never crosses. */
export type Answer = { readonly _tag: "Answer"; readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: unknown }
  | { readonly program: number }
)

/** A function that the call was given is to run now, in the blocked thread, until it leaves. */
export interface Enter {
  readonly _tag: "Enter"
  /** The call that it belongs to. */
  readonly id: number
  readonly program: number
  /** Which of the call's functions. */
  readonly name: string
  /** A client for it alone, if it is given one. */
  readonly client: number | undefined
  readonly args: ReadonlyArray<unknown>
}

/** Stand for the caller's functions among the arguments of a call; no XML, and no name of anything. */
export const program = "\0program"
export const verify = "\0verify"

/** Stands for what cannot cross and stays in the working thread, a subscription for one: called by this number. */
export const reference = "\0reference"

export interface Reference {
  readonly [reference]: number
  /** Of a subscription. */
  readonly stream?: string
}
