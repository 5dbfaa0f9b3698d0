import { Effect, Fiber, Stream } from "effect"
import { NetconfSession, NotificationHealth, StandardEvents, type SubscriptionEvent } from "../src/index.ts"
import { device } from "./device.ts"

const describe = Effect.fn(function* (event: SubscriptionEvent) {
  switch (event._tag) {
    case "Notification": {
      const standard = yield* StandardEvents.decode(event)
      if (standard._tag !== "ConfigChange") return `${event.name} at ${event.eventTime ?? "an unknown time"}`
      const who = "username" in standard.changedBy ? standard.changedBy.username : "the server"
      return `${who} changed ${standard.datastore}: ${standard.edit.length} edit(s)`
    }
    case "ReplayComplete":
      return "that was the log; what follows happens now"
    case "Gap":
      return `missing from ${event.from ?? "the beginning"} on: ${event.reason}`
  }
})

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  for (const { name, replaySupport } of yield* session.streams()) {
    console.log(`${name}${replaySupport ? ", with replay" : ""}`)
  }
  yield* Effect.forkChild(
    Stream.runForEach(NotificationHealth.events, ({ _tag, message }) => Effect.logDebug(`${_tag}: ${message}`))
  )

  const subscription = yield* session.openSubscription({ stream: "NETCONF", policy: "dropOldest", capacity: 10_000 })
  const reading = yield* subscription.events.pipe(
    Stream.mapEffect(describe),
    Stream.tap((line) => Effect.sync(() => console.log(line))),
    Stream.takeUntil((line) => line.includes("changed running")),
    Stream.runDrain,
    Effect.forkChild
  )
  yield* session.edit(`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>r2</hostname></system>`)
  yield* Fiber.join(reading)

  const { delivered, dropped, received } = subscription.statistics()
  console.log(`${received} received, ${delivered} delivered, ${dropped} dropped`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(device)))
