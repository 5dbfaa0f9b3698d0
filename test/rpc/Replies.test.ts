import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Profile from "../../src/profiles/Profile.ts"
import { Calls } from "../../src/rpc/Calls.ts"
import { Notifications } from "../../src/rpc/Notifications.ts"
import type { Reader } from "../../src/rpc/Reader.ts"
import { type Owner, Replies } from "../../src/rpc/Replies.ts"
import * as Redaction from "../../src/telemetry/Redaction.ts"
import { defaultLimits } from "../../src/xml/Parse.ts"
import { capabilitiesOf } from "../api/wire.ts"

const clock = Context.get(Context.empty(), Clock.Clock)

const owner: Owner = {
  peer: () => ({ context: {}, capabilities: capabilitiesOf(), isPrivate: () => false }),
  profile: () => Profile.generic,
  limits: defaultLimits,
  invalidUtf8: "refuse",
  now: () => 0,
  wallClock: () => 0,
  redaction: () => Redaction.standard,
  succeeded: () => {},
  undo: () => {}
}

/** How often the head of a message is looked for that arrives byte by byte. */
const searches = (text: string): number => {
  const replies = new Replies(new Calls(), owner, new Notifications(clock, () => false))
  let count = 0
  for (let bytes = 1; bytes <= text.length; bytes++) {
    const peek = () => {
      count++
      return Buffer.from(text.slice(0, bytes))
    }
    replies.progress({ partialBytes: bytes, peek } as unknown as Reader)
  }
  return count
}

describe("Replies", () => {
  it("looks for the head of a message in many small pieces a few times only", () => {
    const notification = `<notification xmlns="urn:n"><a>${"x".repeat(20_000)}</a></notification>`
    assert.isBelow(searches(notification), 20)
    const endless = `<rpc-reply message-id="${"1".repeat(20_000)}`
    assert.isBelow(searches(endless), 40)
  })
})
