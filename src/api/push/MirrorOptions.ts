/**
 * What a mirror may be told, with defaults, and what of it would make its tree another than the device's: a part of RFC 8641's
 * terms cannot be chosen. Which of its triggers is asked for is `Trigger.ts`.
 */
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
   * Goes on on another subscription when its own is lost: true (default; from 1 second, doubled up to 1 minute, without end),
   * or how long to wait before each attempt. False: the first that is lost ends the mirror.
   */
  readonly resume?: boolean | Schedule.Schedule<unknown>
  /** How long the whole selection may take after it was asked for. Default: 1 minute. */
  readonly resyncTimeout?: Duration.Input
}

export interface Settings {
  /** Undefined where it is not wanted. */
  readonly onChange: (DatastoreOptions & QueueOptions) | undefined
  readonly periodic: (DatastoreOptions & QueueOptions) | undefined
  readonly schedule: Schedule.Schedule<unknown> | undefined
  /** Whether its queue may drop updates. */
  readonly drops: boolean
  /** Milliseconds that the whole selection may take. */
  readonly patience: number
}

const scheduleOf = (resume: NonNullable<MirrorOptions["resume"]>): Schedule.Schedule<unknown> | undefined => {
  if (typeof resume === "boolean") return resume ? defaultSchedule : undefined
  aSchedule("resume", resume, "true, false or ")
  return resume
}

const names: ReadonlyArray<string> = Object.keys({
  datastore: true,
  filter: true,
  onChange: true,
  periodic: true,
  stopTime: true,
  dscp: true,
  weighting: true,
  resume: true,
  resyncTimeout: true,
  session: true,
  policy: true,
  capacity: true,
  maxBytes: true,
  dropEventThreshold: true
} satisfies Readonly<Record<keyof MirrorOptions, true>>)

/** What other subscriptions take is refused with the rest of the terms. */
const ofOthers = ["stream", "startTime", "dependency"]

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
  knownNames("", given, names, ofOthers)
  const { onChange, periodic, resume = true, resyncTimeout = "1 minute", ...shared } = options
  checkOnChange(onChange)
  const settings = {
    onChange: onChange === undefined && periodic !== undefined ? undefined : { ...shared, onChange: onChange ?? {} },
    periodic: periodic === undefined ? undefined : { ...shared, periodic },
    schedule: scheduleOf(resume),
    drops: shared.policy === "dropNewest" || shared.policy === "dropOldest",
    patience: seconds("resyncTimeout", resyncTimeout)
  }
  for (const wanted of [settings.onChange, settings.periodic]) if (wanted !== undefined) readQueue(wanted)
  return settings
}
