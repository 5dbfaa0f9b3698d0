import { Config, Effect, Fiber, Schedule, Stream } from "effect"
import { type ConnectionState, Netconf, Ssh } from "../src/index.ts"

const device = Effect.gen(function* () {
  const host = yield* Config.String("NETCONF_HOST")
  return {
    label: host,
    transport: Ssh.make({
      host,
      port: yield* Config.Port("NETCONF_PORT").pipe(Config.withDefault(830)),
      username: yield* Config.String("NETCONF_USERNAME"),
      auth: { password: yield* Config.Redacted("NETCONF_PASSWORD") },
      hostKey: yield* Config.String("NETCONF_FINGERPRINT").pipe(
        Config.map((fingerprint) => ({ fingerprint })),
        Config.withDefault("known-hosts" as const)
      )
    })
  }
})

const describe = (state: ConnectionState): string => {
  switch (state._tag) {
    case "Connecting":
      return `attempt ${state.attempt}`
    case "Up":
      return `up, session ${state.sessionId}`
    case "Down": {
      const why = "_tag" in state.why ? state.why.summary : state.why.detail
      return `down: ${why}; attempt ${state.attempt} in ${state.retryIn / 1000} s`
    }
    case "Stopped":
      return `stopped: ${"_tag" in state.why ? state.why.summary : state.why.detail}`
  }
}

const program = Effect.gen(function* () {
  const options = yield* device
  const session = yield* Netconf.reconnecting(options, {
    schedule: Schedule.exponential("100 millis", 2).pipe(Schedule.jittered),
    whileDown: "wait",
    waitLimit: "30 seconds"
  })
  const watching = yield* Effect.forkDetach(
    Stream.runForEach(session.states, (state) => Effect.sync(() => console.log(describe(state)))),
    { startImmediately: true }
  )
  console.log(`read ${(yield* session.getConfig()).bytes} bytes`)

  // What an operator does on the console, and a reboot does without asking.
  const other = yield* Netconf.connect(options)
  yield* other.killSession({ sessionId: session.sessionId! })

  // Waits for the next session where the present one is gone; is repeated where its reply was lost.
  console.log(`read ${(yield* session.getConfig()).bytes} bytes`)
  return watching
})

const watching = await Effect.runPromise(Effect.scoped(program))
await Effect.runPromise(Fiber.await(watching))
