import { Config, Effect, Exit, Layer, Schedule, Stream } from "effect"
import { Element, Fleet, type Session, Ssh, xml } from "../src/index.ts"

const system = "urn:ietf:params:xml:ns:yang:ietf-system"
const hostname = xml`<system xmlns="${system}"><hostname/></system>`
const location = xml`<system xmlns="${system}"><location/></system>`

const fleet = Layer.unwrap(
  Effect.gen(function* () {
    const hosts = (yield* Config.String("NETCONF_HOSTS")).split(",")
    const port = yield* Config.Port("NETCONF_PORT").pipe(Config.withDefault(830))
    const username = yield* Config.String("NETCONF_USERNAME")
    const password = yield* Config.Redacted("NETCONF_PASSWORD")
    const hostKey = yield* Config.String("NETCONF_FINGERPRINT").pipe(
      Config.map((fingerprint) => ({ fingerprint })),
      Config.withDefault("known-hosts" as const)
    )
    const devices = hosts.map((host) => ({
      name: host,
      transport: Ssh.make({ host, port, username, auth: { password }, hostKey })
    }))
    return Fleet.layer(devices, { maxSessions: 100, connectsPerSecond: 20, idleTime: "30 seconds" })
  })
)

/** A fact of each device, as it comes in; a device that cannot be reached fails nobody else. */
const facts = Fleet.run(
  Effect.fn(function* (session) {
    const reply = yield* session.get({ filter: hostname })
    const found = Element.find(yield* reply.data, ["system", "hostname"])
    return found === undefined ? "no hostname" : Element.text(found)
  }),
  { concurrency: 50, retry: { ConnectionError: Schedule.upTo(Schedule.spaced("100 millis"), { times: 2 }) } }
)

/** One change, kept only where the device can still be read over a new connection. */
const change = (session: Session) =>
  session.confirmedCommit(
    { config: xml`<system xmlns="${system}"><location>rack 8</location></system>`, timeout: "2 minutes" },
    (fresh) => fresh.get({ filter: location })
  )

const program = Effect.gen(function* () {
  yield* Stream.runForEach(facts, ({ attempts, device, exit, outcome }) =>
    Effect.sync(() => {
      const told = Exit.isSuccess(exit) ? exit.value : `${outcome} after ${attempts} attempts`
      console.log(`${device}: ${told}`)
    })
  )

  // One device first; if it still works after the soak, the others, ten at a time. The first failure stops it.
  const run = yield* Fleet.start(change, { canary: 1, soak: "1 second", batch: 10 })
  yield* Effect.forkScoped(
    Stream.runForEach(run.progress, ({ running, succeeded, total }) =>
      Effect.logDebug(`${succeeded} of ${total} done; under way: ${running.join(", ")}`)
    )
  )
  console.log(String(yield* run.summary))
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(fleet)))
