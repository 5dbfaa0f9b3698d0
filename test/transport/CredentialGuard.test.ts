import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import type { AuthContext, KeyboardAuthContext } from "ssh2"
import * as Netconf from "../../src/api/Netconf.ts"
import { NetconfClient, resetCredentials } from "../../src/promise.ts"
import * as Keys from "../../src/testing/Keys.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as SshServer from "../../src/testing/SshServer.ts"
import * as CredentialGuard from "../../src/transport/CredentialGuard.ts"
import { identify } from "../../src/transport/CredentialIdentity.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { until } from "./contract.ts"
import { acceptsKey, failure, login, noting, password, privateKey, refusal, signed } from "./logins.ts"
import { makeKey, randomSecret, type TestServer } from "./sshServer.ts"

const { maxRefusals, provenFor } = CredentialGuard
const right = "secret"

/** Gives the logins of a test a guard of their own. */
const guarded = (guard: CredentialGuard.CredentialGuard) => Effect.provideService(CredentialGuard.Current, guard)

const all = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: count }, () => effect),
    { concurrency: "unbounded" }
  )

const passwordOnly = (context: AuthContext): void =>
  context.method === "password" && context.password === right ? context.accept() : context.reject(["password"])

/** A server that says nothing to a password until it is told to. */
const holding = Effect.gen(function* () {
  const held: Array<AuthContext> = []
  const { attempts, server } = yield* noting((context) =>
    context.method === "password" ? void held.push(context) : context.reject(["password"])
  )
  const answer = () => held.splice(0).forEach((context) => passwordOnly(context))
  return { attempts, held, server, answer }
})

const passwords = (attempts: ReadonlyArray<string>) => attempts.filter((method) => method === "password").length

/** A fiber that runs while the test goes on. */
const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const session = (server: TestServer, auth: Ssh.SshOptions["auth"], auths?: "1 second") =>
  Effect.scoped(login(server, auth, auths === undefined ? {} : { auth: auths }))

const statusOf = (guard: CredentialGuard.CredentialGuard) =>
  guard.status.map(({ refusals, underWay, waiting }) => ({ refusals, underWay, waiting }))

describe("CredentialGuard over SSH", () => {
  it.live("shows a wrong password to three of a hundred devices, until it is lifted", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const secret = randomSecret()
      const sawIt: Array<string> = []
      const hostKey = Keys.generate().privateKey
      const servers = yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => {
        const admin = {
          get password() {
            sawIt.push(`leaf-${i}`)
            return right
          }
        }
        return SshServer.make({ hostKeys: [hostKey], users: { admin } }, () => {})
      })
      // The server itself looks when it is made.
      sawIt.length = 0
      const connect = (i: number) => {
        const { fingerprint, host, port } = servers[i]!
        const auth = { password: Redacted.make(secret) }
        const transport = Ssh.make({ host, port, username: "admin", auth, hostKey: { fingerprint } })
        return Effect.flip(Effect.scoped(Netconf.connect({ label: `leaf-${i}`, transport }))).pipe(
          Effect.map((error) => {
            assert(error._tag === "AuthError", error.message)
            return error
          }),
          guarded(guard)
        )
      }
      const errors = yield* Effect.forEach(servers, (_, i) => connect(i), { concurrency: "unbounded" })
      const three = [...new Set(sawIt)]
      assert.lengthOf(three, 3)
      assert.deepStrictEqual(
        errors.filter(({ tried }) => tried.length > 0).map(({ label }) => label),
        three.toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
      )
      const barred = errors.find(({ tried }) => tried.length === 0)!
      const [first, second, third] = guard.status[0]!.refusedBy
      assert.include(
        barred.message,
        `the password of admin is not offered: ${first}, ${second} and ${third} refused it, 3 times in a row`
      )
      assert.include(barred.detail, "CredentialGuard.reset() or resetCredentials() lifts this")
      assert.isFalse(barred.isRetryable)
      assert.notInclude(JSON.stringify([errors.map((error) => error.message), guard.status]), secret)
      yield* until(() => servers.every((server) => server.connections() === 0))
      yield* CredentialGuard.reset().pipe(guarded(guard))
      assert.deepStrictEqual((yield* connect(50)).tried, ["password"])
    })
  )

  it.live("dials nobody when nothing may be offered", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { attempts, server } = yield* noting((context) => context.reject(["password"]))
      yield* all(10, refusal(server, password("wrong"))).pipe(guarded(guard))
      const dialled = server.accepted()
      const error = yield* refusal(server, password("wrong")).pipe(guarded(guard))
      assert.match(
        error.message,
        /^login on leaf-01: the password of admin is not offered: leaf-01 refused it, 3 times/
      )
      assert.deepStrictEqual([server.accepted(), passwords(attempts)], [dialled, 3])
    })
  )

  it.live("lets a login with another password, or of another user, pass meanwhile", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { server } = yield* noting(passwordOnly)
      yield* all(5, refusal(server, password("wrong"))).pipe(guarded(guard))
      yield* session(server, password(right)).pipe(guarded(guard))
      const barred = yield* refusal(server, password("wrong")).pipe(guarded(guard))
      assert.deepStrictEqual(barred.tried, [])
      assert.deepStrictEqual(
        guard.status.map((one) => [one.credential, one.barred]),
        [
          ["the password of admin", true],
          ["the password of admin", false]
        ]
      )
    })
  )

  it.live("tries an unproven password on three devices at once, and on all when one has accepted it", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { answer, attempts, held, server } = yield* holding
      const logins = yield* fork(all(20, session(server, password(right))).pipe(guarded(guard)))
      yield* until(() => guard.status[0]?.waiting === 17 && held.length === 3)
      assert.strictEqual(passwords(attempts), 3)
      passwordOnly(held.shift()!)
      yield* until(() => held.length === 19)
      answer()
      yield* Fiber.join(logins)
      // Proven now: nobody waits.
      const again = yield* fork(all(20, session(server, password(right))).pipe(guarded(guard)))
      yield* until(() => held.length === 20)
      answer()
      yield* Fiber.join(again)
      assert.deepStrictEqual(statusOf(guard), [{ refusals: 0, underWay: 0, waiting: 0 }])
    })
  )

  it.live("frees its place when a login is interrupted, offering or waiting", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { held, server } = yield* holding
      const first = yield* fork(all(3, session(server, password(right))).pipe(guarded(guard)))
      yield* until(() => held.length === 3)
      const waiting = yield* fork(session(server, password(right)).pipe(guarded(guard)))
      yield* until(() => guard.status[0]!.waiting === 1)
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(statusOf(guard), [{ refusals: 0, underWay: 3, waiting: 0 }])
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(guard.status, [])
      yield* until(() => server.open() === 0)
    })
  )

  it.live("calls it no failed login when the device hangs up while one waits", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const silent = yield* holding
      const first = yield* fork(all(3, session(silent.server, password(right))).pipe(guarded(guard)))
      yield* until(() => silent.held.length === 3)
      const { server } = yield* noting((context) => context.reject(["password"]))
      const waiting = yield* fork(failure(server, password(right)).pipe(guarded(guard)))
      yield* until(() => guard.status[0]!.waiting === 1)
      server.clients[0]!.end()
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag, "ChannelError")
      assert.include(error.message, "while this login waited for others with the same credential")
      assert.isTrue(error.isRetryable)
      assert.strictEqual(guard.status[0]!.waiting, 0)
      yield* Fiber.interrupt(first)
    })
  )

  it.live("leaves out what is barred and goes on with what is not, with a note", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const key = makeKey()
      const { attempts, server } = yield* noting((context) =>
        acceptsKey(context, [key]) ? context.accept() : context.reject(["password", "publickey"])
      )
      yield* all(3, refusal(server, password("wrong"))).pipe(guarded(guard))
      attempts.length = 0
      const { notes } = yield* login(server, [password("wrong"), privateKey(key)]).pipe(guarded(guard))
      assert.deepStrictEqual(attempts, ["none", "publickey"])
      assert.lengthOf(notes, 1)
      assert.include(notes[0]!, "the password of admin is not offered")
      const other = yield* refusal(server, [password("wrong"), privateKey(makeKey())]).pipe(guarded(guard))
      assert.match(other.detail, /^not accepted; the password of admin is not offered: /)
      assert.lengthOf(other.tried, 1)
    })
  )

  it.live("counts a refused password even where a key lets us in after it", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const key = makeKey()
      const { attempts, server } = yield* noting((context) =>
        acceptsKey(context, [key]) ? context.accept() : context.reject(["password", "publickey"])
      )
      for (let i = 0; i < 5; i++) yield* session(server, [password("wrong"), privateKey(key)]).pipe(guarded(guard))
      assert.strictEqual(passwords(attempts), 3)
    })
  )

  it.live("does not count a refused key where something else lets us in, and counts it where nothing does", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const key = makeKey()
      const { server } = yield* noting(passwordOnly)
      const keyLeft = (context: AuthContext) =>
        context.method === "password" && context.password === right
          ? context.accept()
          : context.reject(["password", "publickey"])
      const both = yield* noting(keyLeft)
      yield* all(10, session(both.server, [privateKey(key), password(right)])).pipe(guarded(guard))
      assert.deepStrictEqual(
        guard.status.map(({ refusals }) => refusals),
        [0, 0]
      )
      const shown: Array<boolean> = []
      const keys = yield* noting((context) => {
        if (context.method === "publickey") shown.push(signed(context))
        context.reject(["publickey"])
      })
      const errors = yield* all(10, refusal(keys.server, privateKey(makeKey()))).pipe(guarded(guard))
      assert.lengthOf(shown, 3)
      assert.match(
        errors.find(({ tried }) => tried.length === 0)!.detail,
        /^the key SHA256:\S+ of admin is not offered/
      )
      yield* session(server, password(right)).pipe(guarded(guard))
    })
  )

  it.live("takes a step that the server accepts for an accepted credential, whatever becomes of the next", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { attempts, server } = yield* noting((context) =>
        context.method === "password" ? context.reject(["publickey"], true) : context.reject(["password"])
      )
      const errors = yield* Effect.forEach([1, 2, 3, 4], () =>
        refusal(server, [password(right), privateKey(makeKey())]).pipe(guarded(guard))
      )
      assert.lengthOf(errors, 4)
      assert.strictEqual(passwords(attempts), 4)
      assert.strictEqual(guard.status.find(({ credential }) => credential.startsWith("the password"))?.refusals, 0)
    })
  )

  it.live("does not let logins that offer the same in another order wait for each other", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const [one, two] = [makeKey(), makeKey()]
      const { server } = yield* noting((context) => context.reject(["publickey"]))
      const errors = yield* Effect.all(
        Array.from({ length: 20 }, (_, i) =>
          refusal(server, i % 2 === 0 ? [privateKey(one), privateKey(two)] : [privateKey(two), privateKey(one)])
        ),
        { concurrency: "unbounded" }
      ).pipe(guarded(guard), Effect.timeout("20 seconds"))
      assert.lengthOf(errors, 20)
      assert.isTrue(guard.status.every(({ underWay, waiting }) => underWay === 0 && waiting === 0))
    })
  )

  it.live("counts a password the same by either method, and not where it was never asked for", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const asked: Array<string> = []
      const interactive = (prompt: string) =>
        noting((context) => {
          if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
          ;(context as KeyboardAuthContext).prompt([{ prompt, echo: prompt === "Code: " }], "", "", (answers) => {
            asked.push(...answers)
            context.reject(["keyboard-interactive"])
          })
        })
      const code = yield* interactive("Code: ")
      yield* all(5, refusal(code.server, password("wrong"))).pipe(guarded(guard))
      assert.deepStrictEqual(guard.status, [])
      const plain = yield* noting((context) => context.reject(["password"]))
      const other = yield* interactive("Password: ")
      yield* refusal(plain.server, password("wrong")).pipe(guarded(guard))
      yield* refusal(other.server, password("wrong")).pipe(guarded(guard))
      assert.strictEqual(guard.status[0]!.refusals, 2)
      yield* refusal(plain.server, password("wrong")).pipe(guarded(guard))
      assert.isTrue(guard.status[0]!.barred)
      assert.deepStrictEqual(asked, ["wrong"])
    })
  )

  it.live("offers one secret once per connect, whatever methods and however often it is given", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const seen: Array<string> = []
      const { server } = yield* noting((context) => {
        if (context.method === "password") seen.push(context.password)
        if (context.method !== "keyboard-interactive") return context.reject(["password", "keyboard-interactive"])
        ;(context as KeyboardAuthContext).prompt([{ prompt: "Password: ", echo: false }], "", "", (answers) => {
          seen.push(...answers)
          context.reject(["password", "keyboard-interactive"])
        })
      })
      yield* refusal(server, [password("wrong"), password("other"), password("wrong")]).pipe(guarded(guard))
      assert.deepStrictEqual(seen, ["wrong", "other"])
      assert.deepStrictEqual(
        guard.status.map(({ refusals }) => refusals),
        [1, 1]
      )
    })
  )

  it.live("counts nothing where a person answers prompts", () =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      let asked = 0
      const { server } = yield* noting((context) => {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
        ;(context as KeyboardAuthContext).prompt([{ prompt: "Code: ", echo: true }], "", "", () =>
          context.reject(["keyboard-interactive"])
        )
      })
      const keyboardInteractive = () => Effect.sync(() => [Redacted.make(String(asked++))])
      yield* all(6, refusal(server, { keyboardInteractive })).pipe(guarded(guard))
      assert.strictEqual(asked, 6)
      assert.deepStrictEqual(guard.status, [])
    })
  )

  it.live("has one guard for the process, which the Promise API lifts", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const { fingerprint, host, port } = yield* device.ssh()
      const secret = randomSecret()
      const connect = async () => {
        await using client = new NetconfClient({
          hostname: host,
          port,
          username: "admin",
          password: secret,
          hostKey: { fingerprint }
        })
        await client.connect()
      }
      const attempt = Effect.promise(() =>
        connect().then(
          () => new Error("connected"),
          (error: Error) => error
        )
      )
      for (let i = 0; i < 3; i++) assert.include((yield* attempt).message, "tried password")
      assert.include((yield* attempt).message, "is not offered")
      const own = Netconf.connect({
        transport: Ssh.make({
          host,
          port,
          username: "admin",
          auth: { password: Redacted.make(secret) },
          hostKey: { fingerprint }
        })
      })
      assert.include((yield* Effect.flip(Effect.scoped(own))).message, "is not offered")
      assert.include(
        (yield* Effect.flip(Effect.scoped(own)).pipe(Effect.provide(CredentialGuard.layer))).message,
        "tried password"
      )
      assert.isTrue((yield* CredentialGuard.status())[0]!.barred)
      resetCredentials()
      assert.include((yield* attempt).message, "tried password")
      resetCredentials()
    })
  )
})

/** Waits until it is so, by no timer. */
const polled = (condition: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const poll = (): void => void (condition() ? resume(Effect.void) : setImmediate(poll))
    poll()
  })

describe("CredentialGuard and the deadline of a login", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const outcome = (guard: CredentialGuard.CredentialGuard, to: TestServer, deadline?: "1 second") =>
    Effect.match(session(to, password(right), deadline).pipe(guarded(guard)), {
      onFailure: (error) => (error._tag === "AuthError" ? error.detail.split(/[,;:]/)[0]! : error.message),
      onSuccess: () => "in"
    })

  /** Three logins that hang, and one more to another server, which has a second and waits for them. */
  const waiting = (to: TestServer, hangFor?: "1 second") =>
    Effect.gen(function* () {
      const guard = new CredentialGuard.CredentialGuard()
      const { answer, held, server } = yield* holding
      const hanging = yield* fork(all(3, outcome(guard, server, hangFor)))
      yield* polled(() => held.length === 3)
      const last = yield* fork(outcome(guard, to, "1 second"))
      yield* polled(() => guard.status[0]?.waiting === 1)
      return { answer, guard, hanging, last }
    })

  const late = "not decided within 1000 ms (phase auth)"

  it.live("is delayed by logins that hang at most until theirs, and offers what they may have refused no more", () =>
    Effect.gen(function* () {
      const { attempts, server } = yield* noting(passwordOnly)
      const { guard, hanging, last } = yield* waiting(server, "1 second")
      vi.advanceTimersByTime(999)
      assert.deepStrictEqual(statusOf(guard), [{ refusals: 0, underWay: 3, waiting: 1 }])
      assert.deepStrictEqual(attempts, ["none"])
      vi.advanceTimersByTime(1)
      assert.deepStrictEqual(yield* Fiber.join(hanging), Array(3).fill(late))
      assert.strictEqual(yield* Fiber.join(last), "the password of admin is not offered")
      assert.deepStrictEqual(attempts, ["none"])
      assert.deepStrictEqual(statusOf(guard), [{ refusals: 3, underWay: 0, waiting: 0 }])
    })
  )

  it.live("lets none run while it waits", () =>
    Effect.gen(function* () {
      const { server } = yield* noting(passwordOnly)
      const { answer, guard, last } = yield* waiting(server)
      vi.advanceTimersByTime(5_000)
      assert.strictEqual(guard.status[0]!.waiting, 1)
      answer()
      assert.strictEqual(yield* Fiber.join(last), "in")
    })
  )

  it.live("runs the rest of it when the wait is over", () =>
    Effect.gen(function* () {
      const { held, server } = yield* holding
      const { guard, hanging, last } = yield* waiting(server)
      vi.advanceTimersByTime(5_000)
      yield* Fiber.interrupt(hanging)
      yield* polled(() => held.length === 1)
      vi.advanceTimersByTime(999)
      assert.strictEqual(guard.status[0]!.underWay, 1)
      vi.advanceTimersByTime(1)
      assert.strictEqual(yield* Fiber.join(last), late)
    })
  )
})

const password1 = identify("admin", { _tag: "password", password: Redacted.make("one") })!

describe("CredentialGuard", () => {
  it("tells credentials apart by user and secret, and keeps neither secret nor plain hash", () => {
    const of = (username: string, secret: string) =>
      identify(username, { _tag: "password", password: Redacted.make(secret) })!
    const agent = (path: string, only?: ReadonlyArray<string>) =>
      identify("admin", { _tag: "agent", path, only: only === undefined ? undefined : new Set(only) })!
    assert.deepStrictEqual(of("admin", "one"), password1)
    const ids = [
      password1,
      of("admin", "two"),
      of("root", "one"),
      of("ad", "minone"),
      agent("one"),
      agent("two"),
      agent("one", ["a"]),
      agent("one", ["a", "b"])
    ].map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    assert.strictEqual(agent("one", ["b", "a"]).id, ids.at(-1))
    assert.isTrue(ids.every((id) => /^[\w+/]{43}=$/.test(id)))
  })

  /** Offers it once more; the result is the verdict, once there is one. */
  const begin = (guard: CredentialGuard.CredentialGuard, decided: () => void = () => {}) => {
    const login: { verdict?: CredentialGuard.Verdict; giveUp: () => void } = { giveUp: () => {} }
    login.giveUp = guard.admit(password1, (verdict) => {
      login.verdict = verdict
      decided()
    })
    return login
  }
  const end = ({ verdict }: ReturnType<typeof begin>, outcome: CredentialGuard.Outcome) => {
    assert(verdict?._tag === "Admitted")
    verdict.pass.end(outcome, "leaf")
  }

  it("goes carefully again when what was proven is refused", () => {
    const guard = new CredentialGuard.CredentialGuard()
    end(begin(guard), "accepted")
    end(begin(guard), "refused")
    const logins = [begin(guard), begin(guard), begin(guard)]
    assert.deepStrictEqual(
      logins.map(({ verdict }) => verdict?._tag),
      ["Admitted", "Admitted", undefined]
    )
    end(logins[0]!, "refused")
    const third = () => logins[2]!.verdict?._tag
    assert.isUndefined(third())
    end(logins[1]!, "refused")
    assert.strictEqual(third(), "Barred")
  })

  it("keeps no place for a login that ends while others are told", () => {
    const guard = new CredentialGuard.CredentialGuard()
    const first = [begin(guard), begin(guard), begin(guard)]
    const next = begin(guard, () => after.giveUp())
    const after = begin(guard)
    end(first[0]!, "accepted")
    assert.deepStrictEqual([next.verdict?._tag, after.verdict], ["Admitted", undefined])
    assert.deepStrictEqual(statusOf(guard), [{ refusals: 0, underWay: 3, waiting: 0 }])
  })

  it("forgets what nobody uses: passwords that are used once", () => {
    let now = 0
    const guard = new CredentialGuard.CredentialGuard(() => now)
    for (let i = 0; i < 5_000; i++) {
      now += 100
      guard.admit({ id: String(i), name: "x" }, (verdict) => {
        assert(verdict._tag === "Admitted")
        verdict.pass.end("accepted", "leaf")
      })
    }
    assert.isAtMost(guard.status.length, 1_700)
  })

  const Step = Schema.Union([
    Schema.Struct({ _tag: Schema.tag("login") }),
    Schema.Struct({
      _tag: Schema.tag("end"),
      which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
      outcome: Schema.Literals(["accepted", "refused", "unknown"])
    }),
    Schema.Struct({ _tag: Schema.tag("free"), which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })) }),
    Schema.Struct({
      _tag: Schema.tag("give up"),
      which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
    }),
    Schema.Struct({ _tag: Schema.tag("wait"), seconds: Schema.Literals([1, 59, 60, 61]) }),
    Schema.Struct({ _tag: Schema.tag("reset") })
  ])

  it.effect.prop(
    "admits by its rule and forgets nobody, whatever happens in whatever order",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        const guard = yield* CredentialGuard.Current
        const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
        // The rule, told once more: refusals in a row, the last success, who is under way, who waits.
        const model = { refusals: 0, provenAt: -Infinity, underWay: 0, admitted: 0, barred: 0 }
        const passes: Array<{ pass: CredentialGuard.Pass; held: boolean; counted: boolean }> = []
        const waits: Array<{ giveUp: () => void; decided: boolean; gone: boolean }> = []
        const proven = () => now() - model.provenAt < provenFor
        const complaints: Array<string> = []
        const begin = () => {
          const wait = { giveUp: () => {}, decided: false, gone: false }
          wait.giveUp = guard.admit(password1, (verdict) => {
            if (wait.decided || wait.gone) complaints.push("decided twice, or after it had given up")
            wait.decided = true
            if (verdict._tag === "Barred") {
              if (model.refusals < maxRefusals) complaints.push(`barred after ${model.refusals} refusals`)
              return
            }
            if (model.refusals >= maxRefusals) complaints.push("admitted what is barred")
            if (!proven() && model.underWay >= maxRefusals - model.refusals) complaints.push("admitted too many")
            model.underWay++
            passes.push({ pass: verdict.pass, held: true, counted: false })
          })
          waits.push(wait)
        }
        const apply = (step: Exclude<typeof Step.Type, { readonly _tag: "wait" }>): void => {
          switch (step._tag) {
            case "login":
              begin()
              return
            case "end": {
              const one = passes[step.which]
              if (one === undefined || one.counted) return one?.pass.end("refused", "again")
              one.counted = true
              if (one.held) model.underWay--
              one.held = false
              if (step.outcome === "accepted") Object.assign(model, { refusals: 0, provenAt: now() })
              if (step.outcome === "refused")
                Object.assign(model, { refusals: model.refusals + 1, provenAt: -Infinity })
              return one.pass.end(step.outcome, "leaf")
            }
            case "free": {
              const one = passes[step.which]
              if (one?.held === true) model.underWay--
              if (one !== undefined) one.held = false
              return one?.pass.free()
            }
            case "give up": {
              const wait = waits[step.which]
              if (wait === undefined || wait.decided) return
              wait.gone = true
              return wait.giveUp()
            }
            case "reset":
              model.refusals = 0
              return guard.reset()
          }
        }
        for (const step of steps) {
          if (step._tag === "wait") yield* TestClock.adjust(`${step.seconds} seconds`)
          else apply(step)
          const waiting = waits.filter((wait) => !wait.decided && !wait.gone).length
          const status = guard.status[0] ?? { refusals: 0, underWay: 0, waiting: 0, barred: false }
          assert.deepStrictEqual(complaints, [])
          assert.deepInclude(status, {
            refusals: model.refusals,
            underWay: model.underWay,
            waiting,
            barred: model.refusals >= maxRefusals
          })
          const room = model.refusals >= maxRefusals || model.underWay < maxRefusals - model.refusals
          if (waiting > 0) assert.isFalse(room, "somebody waits for nothing")
        }
      }).pipe(Effect.provide(Layer.fresh(CredentialGuard.layer))),
    { arbitrary: { seed: 1, runs: 400, size: 40 } }
  )
})
