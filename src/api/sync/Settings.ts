/**
 * What is set for the whole process acts in both threads, whoever has set it: before each request that follows a change,
 * the blocked thread tells the working one. A further setting is a further line.
 */
import { operationPoolSize, setOperationPoolSize } from "../../sessions/OperationPool.ts"
import { notificationReactorCount, setNotificationReactorCount } from "../../sessions/Reactors.ts"

interface Setting {
  readonly get: () => number
  readonly set: (value: number) => void
}

const table = {
  operationPoolSize: { get: operationPoolSize, set: setOperationPoolSize },
  notificationReactorCount: { get: notificationReactorCount, set: setNotificationReactorCount }
} as const satisfies Readonly<Record<string, Setting>>

export type Settings = { readonly [Name in keyof typeof table]: number }

const names = Object.keys(table) as ReadonlyArray<keyof typeof table>

/** As they are in this thread. */
export const now = (): Settings => Object.fromEntries(names.map((name) => [name, table[name].get()])) as Settings

export const areSame = (one: Settings, other: Settings | undefined): boolean =>
  other !== undefined && names.every((name) => one[name] === other[name])

export const apply = (settings: Settings): void => {
  for (const name of names) table[name].set(settings[name])
}
