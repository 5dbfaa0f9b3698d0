/** The Promise API against the same servers, as plain async code uses it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Element, NetconfClient, type PlainSubscriptionEvent, isNetconfError } from "../../src/promise.ts"
import { facts, interfaceXml, ns, open, reset } from "./client.ts"
import type { Variant } from "./facts.ts"

const client = (variant: Variant, more: { readonly password?: string } = {}) =>
  new NetconfClient({
    hostname: facts.host,
    port: facts.ports[variant],
    username: facts.username,
    password: facts.password,
    hostKey: { fingerprint: Object.values(facts.fingerprints) },
    ...more
  })

const fails = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it succeeded"),
    (error: unknown) => error
  )

describe("NetconfClient", () => {
  it("reads by a filter in text, edits under locks, and reads the change back", async () => {
    await Effect.runPromise(Effect.scoped(Effect.flatMap(open("candidate"), reset)))
    await using session = client("candidate")
    await session.connect()
    assert.isAbove(session.sessionId!, 0)
    await session.lockedEditConfig({ target: "candidate", config: interfaceXml("eth0", "by promise") })
    const reply = await session.getConfig({ source: "running", filter: `<interfaces xmlns="${ns}"/>` })
    const path = ["interfaces", "interface", "description"]
    assert.deepStrictEqual(Element.findAll(reply.data, path).map(Element.text), ["by promise"])
    assert.include(reply.xml, "<rpc-reply")
    await session.disconnect()
  })

  it("rejects with the server's rpc-error", async () => {
    await using holder = client("candidate")
    await using other = client("candidate")
    await Promise.all([holder.connect(), other.connect()])
    await holder.lock({ target: "running" })
    const error = await fails(other.lock({ target: "running" }))
    assert.isTrue(isNetconfError(error))
    assert.include((error as Error).message, `held by session ${holder.sessionId}`)
    await holder.unlock({ target: "running" })
  })

  it("rejects a wrong password with AuthError", async () => {
    await using session = client("candidate", { password: "not the password" })
    const error = await fails(session.connect())
    assert.strictEqual((error as { readonly _tag?: string })._tag, "AuthError")
  })

  it("subscribes without connect, is told of an edit, and of what is unread after the end", async () => {
    await Effect.runPromise(Effect.scoped(Effect.flatMap(open("candidate"), reset)))
    await using subscriber = client("candidate")
    const [subscription] = [await subscriber.subscribe(), await subscriber.subscribe({ session: "own" })]
    await using session = client("candidate")
    await session.connect()
    await session.lockedEditConfig({ target: "candidate", config: interfaceXml("eth0", "by promise") })
    const isChange = (event: PlainSubscriptionEvent) =>
      event._tag === "Notification" && event.name === "netconf-config-change"
    for await (const event of subscription) if (isChange(event)) break
    while (!subscriber.peekNotifications().some(isChange)) await new Promise((resolve) => setTimeout(resolve, 50))
    await subscriber.disconnect()
    assert.isFalse(subscriber.isSubscriptionActive())
    const left: Array<PlainSubscriptionEvent> = []
    for await (const event of subscriber.notifications()) left.push(event)
    assert.isTrue(left.some(isChange))
  })

  it("works with a base:1.0 server", async () => {
    await using session = client("base10")
    await session.connect()
    assert.include((await session.getConfig()).xml, "</rpc-reply>")
  })
})
