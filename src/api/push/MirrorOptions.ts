/** What a mirror may be told, with defaults, and what of it would make its tree another than the device's. */
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import { InputError } from "../../errors.ts"
import { aSchedule, isRecord, knownNames, seconds } from "../Checks.ts"
import type { DatastoreOptions, OnChange } from "../operations/SubscriptionOptions.ts"
import { defaultSchedule } from "../reconnecting/Options.ts"
import { type QueueOptions, read as readQueue } from "./Options.ts"

export interface MirrorOptions
  extends
    Pick<DatastoreOptions, "datastore" | "filter" | "periodic" | "stopTime" | "dscp" | "weighting">,
    QueueOptions {
  /**
   * Default: as soon as it happens, unless `periodic` is given. With both, what the device says (RFC 9196) decides: changes
   * are pushed where it pushes all of them, or does not say and accepts it; otherwise it is periodic.
   */
  readonly onChange?: Pick<OnChange, "dampeningPeriod">
  /**
   * How long to wait before each attempt to establish another subscription, or false: the first that is lost ends the
   * mirror. Default: from 1 second, doubled up to 1 minute, without end.
   */
  readonly reconnect?: Schedule.Schedule<unknown> | false
  /** How long the whole selection may take after it was asked for. Default: 1 minute. */
  readonly resyncTimeout?: Duration.Input
}

export interface Settings {
  /** Undefined where it is not wanted. */
  readonly onChange: (DatastoreOptions & QueueOptions) | undefined
  readonly periodic: (DatastoreOptions & QueueOptions) | undefined
  readonly schedule: Schedule.Schedule<unknown> | undefined
  /** Milliseconds. */
  readonly patience: number
}

const scheduleOf = (reconnect: MirrorOptions["reconnect"]): Schedule.Schedule<unknown> | undefined => {
  if (reconnect === false) return undefined
  if (reconnect !== undefined) aSchedule("reconnect", reconnect, "false or ")
  return reconnect ?? defaultSchedule
}

/** A tree that is not told of everything is no mirror. */
const checkOnChange = (onChange: unknown): void => {
  if (onChange !== undefined) knownNames("onChange", onChange, ["dampeningPeriod"])
}

/** Throws an `InputError`. */
export const read = (options: MirrorOptions): Settings => {
  const given: unknown = options
  if (!isRecord(given) || given["datastore"] === undefined) {
    throw new InputError({ what: "datastore", why: `expected the one to mirror ({ datastore: "running", filter })` })
  }
  const { onChange, periodic, reconnect, resyncTimeout = "1 minute", ...shared } = options
  checkOnChange(onChange)
  const settings = {
    onChange: onChange === undefined && periodic !== undefined ? undefined : { ...shared, onChange: onChange ?? {} },
    periodic: periodic === undefined ? undefined : { ...shared, periodic },
    schedule: scheduleOf(reconnect),
    patience: seconds("resyncTimeout", resyncTimeout)
  }
  for (const wanted of [settings.onChange, settings.periodic]) if (wanted !== undefined) readQueue(wanted)
  return settings
}
