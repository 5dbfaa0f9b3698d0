import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Fleet } from "../../src/api/Fleet.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import * as CredentialGuard from "../../src/transport/CredentialGuard.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { noting, password } from "./logins.ts"
import { hostKey, randomSecret, type TestServer } from "./sshServer.ts"

/** Gives the logins of a test a guard of their own. */
const guarded = (guard: CredentialGuard.CredentialGuard) => Effect.provideService(CredentialGuard.Current, guard)

describe("CredentialGuard and a device that does not say that it refuses", () => {
  /** Cuts the connection upon a password, or says nothing to it. */
  const evasive = (how: "reset" | "silence") =>
    Effect.gen(function* () {
      const { attempts, server }: { attempts: Array<string>; server: TestServer } = yield* noting((context) => {
        if (context.method !== "password") return context.reject(["password"])
        if (how === "reset") for (const socket of server.sockets) socket.resetAndDestroy()
      })
      const auth = password(randomSecret())
      const transport = Ssh.make({
        host: "127.0.0.1",
        port: server.port,
        username: "admin",
        hostKey: { fingerprint: hostKey.fingerprint },
        auth
      })
      return {
        shown: () => attempts.filter((method) => method === "password").length,
        options: { transport, deadlines: { auth: 500 } }
      }
    })

  for (const how of ["reset", "silence"] as const) {
    it.live(`shows a password to three devices of a fleet, whatever is tried again, where it meets ${how}`, () =>
      Effect.gen(function* () {
        const guard = new CredentialGuard.CredentialGuard()
        const { options, shown } = yield* evasive(how)
        const devices = Array.from({ length: 20 }, (_, i) => ({ ...options, name: `leaf-${i}` }))
        const again = Schedule.recurs(2)
        const retry = { ConnectionError: again, DeadlineError: again, ChannelError: again }
        const results = yield* Fleet.run(() => Effect.void, { concurrency: 1, stopAfter: "never", retry }).pipe(
          Stream.runCollect,
          Effect.provide(Fleet.layer(devices, { connectsPerSecond: 1_000 })),
          guarded(guard)
        )
        assert.strictEqual(shown(), 3)
        assert.lengthOf(
          results.filter(({ attempts, outcome }) => outcome === "failed" && attempts === 1),
          20
        )
        const [status] = guard.status
        assert.deepStrictEqual([status!.refusals, status!.undecided, status!.barred], [3, 3, true])
        const barred = yield* Effect.flip(Effect.scoped(Netconf.connect(options))).pipe(guarded(guard))
        assert.include(
          barred.message,
          "leaf-0, leaf-1 and leaf-2 refused it, 3 times in a row (3 without a word: cut or timed out after it was sent)"
        )
      })
    )

    it.live(`shows a password once by a session that comes back, where it meets ${how}`, () =>
      Effect.gen(function* () {
        const guard = new CredentialGuard.CredentialGuard()
        const { options, shown } = yield* evasive(how)
        const schedule = Schedule.upTo(Schedule.spaced("1 millis"), { times: 5 })
        const error = yield* Effect.flip(Effect.scoped(Netconf.reconnecting(options, { schedule }))).pipe(
          guarded(guard)
        )
        assert.deepStrictEqual([error._tag, shown()], ["AuthError", 1])
      })
    )
  }
})
