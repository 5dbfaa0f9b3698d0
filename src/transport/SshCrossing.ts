/**
 * The options of an SSH transport as they cross to a thread, and back to options there.
 *
 * A structured clone makes `{}` of a Redacted, so secrets are taken out here and wrapped again on the other side. Functions
 * cannot cross: one that answers prompts becomes its place in a list, and is asked back.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { InputError } from "../errors.ts"
import type { Answer, Auth } from "./AuthOptions.ts"
import { isRecord } from "./Checks.ts"
import type { Crossing } from "./Placement.ts"
import { check, type Resolved } from "./SshConnect.ts"
import type { PlainAuth, RemoteDescription } from "./RemoteDescription.ts"
import type { SshOptions } from "./SshOptions.ts"

const listed = (auth: SshOptions["auth"]): ReadonlyArray<Auth> | undefined =>
  auth === undefined || Array.isArray(auth) ? (auth as ReadonlyArray<Auth> | undefined) : [auth as Auth]

const isAnswer = (auth: Auth): auth is { readonly keyboardInteractive: Answer } =>
  isRecord(auth) && "keyboardInteractive" in auth && typeof auth.keyboardInteractive === "function"

/** Undefined for what is not as it should be: whoever opens it in place says what is wrong. */
const plainAuth = (auth: Auth, answers: ReadonlyArray<Answer>): PlainAuth | undefined => {
  if ("password" in auth)
    return Redacted.isRedacted(auth.password) ? { password: Redacted.value(auth.password) } : undefined
  if ("privateKey" in auth) {
    const { passphrase, privateKey } = auth
    if (passphrase !== undefined && !Redacted.isRedacted(passphrase)) return undefined
    const key = Redacted.isRedacted(privateKey)
      ? String(Redacted.value<string | Buffer>(privateKey))
      : pathOf(privateKey as { readonly path?: unknown })
    if (key === undefined) return undefined
    return { privateKey: key, passphrase: passphrase === undefined ? undefined : Redacted.value(passphrase) }
  }
  if ("agent" in auth) return { agent: auth.agent, keys: auth.keys === undefined ? undefined : [...auth.keys] }
  return isAnswer(auth) ? { prompt: answers.indexOf(auth.keyboardInteractive) } : undefined
}

const pathOf = ({ path }: { readonly path?: unknown }): { readonly path: string } | undefined =>
  typeof path === "string" ? { path } : undefined

const isValid = (resolved: Resolved): boolean => {
  try {
    check(resolved)
    return true
  } catch (error) {
    if (error instanceof InputError) return false
    throw error
  }
}

const describe = (
  resolved: Resolved,
  shared: boolean,
  answers: ReadonlyArray<Answer>
): RemoteDescription | undefined => {
  if (!isValid(resolved)) return undefined
  const { auth, keepalive, ...options } = resolved.options
  const millis = keepalive === undefined || keepalive === "off" ? keepalive : toMillis(keepalive)
  if (auth === undefined) return { shared, options, keepalive: millis, auth: undefined }
  const plain = listed(auth)!.map((one) => plainAuth(one, answers))
  if (plain.includes(undefined)) return undefined
  return { shared, options, keepalive: millis, auth: plain as ReadonlyArray<PlainAuth> }
}

/** It has been checked. */
const toMillis = (input: Duration.Input): number =>
  Option.match(Duration.fromInput(input), { onNone: () => Number.NaN, onSome: Duration.toMillis })

/** How an SSH transport crosses. */
export const make = (resolved: Resolved, shared: boolean): Crossing => {
  const { peer, warned } = resolved
  const ways = listed(resolved.options.auth) ?? []
  const answers = (Array.isArray(ways) ? ways : []).filter((way) => isAnswer(way)).map((way) => way.keyboardInteractive)
  return { peer, shared, answers, warned, describe: () => describe(resolved, shared, answers) }
}

const wrapAuth = (auth: PlainAuth, ask: (prompt: number) => Answer): Auth => {
  if ("password" in auth) return { password: Redacted.make(auth.password) }
  if ("prompt" in auth) return { keyboardInteractive: ask(auth.prompt) }
  if ("agent" in auth) {
    const { agent, keys } = auth
    return keys === undefined ? { agent } : { agent, keys }
  }
  const privateKey = typeof auth.privateKey === "string" ? Redacted.make(auth.privateKey) : auth.privateKey
  return auth.passphrase === undefined ? { privateKey } : { privateKey, passphrase: Redacted.make(auth.passphrase) }
}

/** The options in the thread; `ask` makes the function that asks the caller's one. */
export const toOptions = (
  { auth, keepalive, options }: RemoteDescription,
  ask: (prompt: number) => Answer
): SshOptions => ({
  ...options,
  ...(keepalive === undefined ? {} : { keepalive }),
  ...(auth === undefined ? {} : { auth: auth.map((one) => wrapAuth(one, ask)) })
})
