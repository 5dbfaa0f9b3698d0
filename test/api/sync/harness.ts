/** What the tests of the blocking client share: its device, in a process of its own, clients of it, and what it was asked. */
import { assert } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, onTestFinished } from "vitest"
import * as api from "../../../src/sync.ts"
import { Child } from "../../trial/child.ts"
import type { methods } from "./device.ts"

export const system = "urn:ietf:params:xml:ns:yang:ietf-system"
export const location = (text: string) => `<system xmlns="${system}"><location>${text}</location></system>`
export const nothing = `<nothing xmlns="urn:nothing"/>`

export let device: Child<typeof methods>
export let login: Awaited<ReturnType<(typeof methods)["login"]>>
export const ask = async <Name extends "state" | "log" | "login" | "stop">(name: Name) =>
  device.ask(name, undefined as never)

/** Starts the device before the tests of a file. */
export const withDevice = (): void => {
  beforeAll(async () => {
    device = new Child("../api/sync/device.ts")
    login = await ask("login")
  }, 30_000)
  afterAll(async () => {
    await ask("stop")
    await device.stop()
  })
}

export const client = (more: Partial<api.NetconfClientSyncOptions> = {}): api.NetconfClientSync => {
  const made = new api.NetconfClientSync({ label: "sim", ...login, ...more })
  onTestFinished(() => made.disconnect())
  return made
}
export const connected = (more: Partial<api.NetconfClientSyncOptions> = {}): api.NetconfClientSync => {
  const made = client(more)
  made.connect()
  return made
}

export const thrownBy = (use: () => unknown): unknown => {
  try {
    use()
  } catch (error) {
    return error
  }
  return assert.fail("it did not throw")
}

/** What the device has been asked meanwhile, in words. */
export const asked = async (use: () => unknown): Promise<string> => {
  const before = (await ask("log")).length
  use()
  return (await ask("log")).slice(before).join(" ")
}

export const eventually = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(20)
}
