import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import type { KeyboardAuthContext, PublicKeyAuthContext } from "ssh2"
import * as Keepalive from "../../src/transport/Keepalive.ts"
import type * as Ssh from "../../src/transport/Ssh.ts"
import { until } from "./contract.ts"
import { acceptsKey, failure, inputError, login, noting, password, privateKey, refusal, signed } from "./logins.ts"
import { makeKey, randomSecret, type TestServer } from "./sshServer.ts"

class NoTerminal extends Data.TaggedError("NoTerminal")<{ readonly message: string }> {}

describe("Auth by password", () => {
  it.live("goes by the method password where the server offers it", () =>
    Effect.gen(function* () {
      const { attempts, server } = yield* noting((context) =>
        context.method === "password"
          ? context.accept()
          : context.reject(["publickey", "password", "keyboard-interactive"])
      )
      const { details } = yield* login(server, password("secret"))
      assert.strictEqual(details["auth"], "password")
      assert.deepStrictEqual(attempts, ["none", "password"])
    })
  )

  it.live("offers a wrong one once, and never by another method too", () =>
    Effect.gen(function* () {
      const secret = randomSecret()
      const { attempts, server } = yield* noting((context) => context.reject(["password", "keyboard-interactive"]))
      const error = yield* refusal(server, [password(secret), password(secret)])
      assert.deepStrictEqual(attempts, ["none", "password"])
      assert.deepStrictEqual([error.tried, error.offered], [["password"], ["password", "keyboard-interactive"]])
      assert.isFalse(error.isRetryable)
      assert.notInclude(`${error.message}${JSON.stringify(error)}${error.stack}`, secret)
    })
  )

  it.live("answers a single prompt without echo where only keyboard-interactive is offered", () =>
    Effect.gen(function* () {
      const { server } = yield* noting((context) => {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
        ;(context as KeyboardAuthContext).prompt([{ prompt: "Password: ", echo: false }], "", "", (answers) =>
          answers[0] === "secret" ? context.accept() : context.reject(["keyboard-interactive"])
        )
      })
      const { details } = yield* login(server, password("secret"))
      assert.strictEqual(details["auth"], "password (by keyboard-interactive)")
    })
  )

  it.live("says what was asked, escaped, when it is not a single prompt without echo", () =>
    Effect.gen(function* () {
      const secret = randomSecret()
      for (const prompts of [
        [{ prompt: "Token\u001b[2J: ", echo: true }],
        [
          { prompt: "Password: ", echo: false },
          { prompt: "Token\u001b[2J: ", echo: false }
        ]
      ]) {
        const answers: Array<string> = []
        const { server } = yield* noting((context) => {
          if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
          ;(context as KeyboardAuthContext).prompt(prompts, "", "", (given) => {
            answers.push(...given)
          })
        })
        const error = yield* refusal(server, password(secret))
        assert.include(error.detail, `"Token\\u{1b}[2J:"`)
        assert.include(error.detail, "no keyboardInteractive function")
        assert.deepStrictEqual(answers, [])
      }
    })
  )

  it.live("does not answer a second time in one exchange", () =>
    Effect.gen(function* () {
      let asked = 0
      const { server } = yield* noting((context) => {
        if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
        const ask = (): void => {
          asked++
          ;(context as KeyboardAuthContext).prompt([{ prompt: "Password: ", echo: false }], "", "", ask)
        }
        ask()
      })
      const error = yield* refusal(server, password("wrong"))
      assert.include(error.detail, `the server asks "Password:"`)
      assert.strictEqual(asked, 2)
    })
  )

  it.live("says that the server wants a new one", () =>
    Effect.gen(function* () {
      const { server } = yield* noting((context) => {
        if (context.method !== "password") return context.reject(["password"])
        context.requestChange("expired\u0007", () => {})
      })
      const error = yield* refusal(server, password("old"))
      assert.include(error.message, "wants a new password: expired\\u{7}")
    })
  )

  it.live("is not sent to a server that asks for none", () =>
    Effect.gen(function* () {
      const { attempts, server } = yield* noting((context) => context.accept())
      yield* login(server, password("secret"))
      assert.deepStrictEqual(attempts, ["none"])
    })
  )
})

describe("Auth by keyboard-interactive", () => {
  const asking = (prompts: Array<{ prompt: string; echo: boolean }>, expected: ReadonlyArray<string>) =>
    noting((context) => {
      if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
      ;(context as KeyboardAuthContext).prompt(prompts, "Two factors", "Look at your token", (answers) =>
        answers.join() === expected.join() ? context.accept() : context.reject(["keyboard-interactive"])
      )
    })
  const two = [
    { prompt: "Password: ", echo: false },
    { prompt: "Code: ", echo: true }
  ]

  it.live("hands the challenge to the user's function, and its answers to the server", () =>
    Effect.gen(function* () {
      const { server } = yield* asking(two, ["secret", "123456"])
      const challenges: Array<Ssh.Challenge> = []
      yield* login(server, {
        keyboardInteractive: (challenge) =>
          Effect.as(
            Effect.andThen(
              Effect.sync(() => challenges.push(challenge)),
              Effect.sleep(1)
            ),
            [Redacted.make("secret"), Redacted.make("123456")]
          )
      })
      assert.deepStrictEqual(challenges, [{ name: "Two factors", instructions: "Look at your token", prompts: two }])
    })
  )

  it.live("goes to the function when a password cannot answer alone", () =>
    Effect.gen(function* () {
      const { attempts, server } = yield* asking(two, ["secret", "123456"])
      yield* login(server, [
        password("secret"),
        { keyboardInteractive: () => Effect.succeed([Redacted.make("secret"), Redacted.make("123456")]) }
      ])
      assert.deepStrictEqual(attempts, ["none", "keyboard-interactive"])
    })
  )

  it.live("fails with what the function failed with", () =>
    Effect.gen(function* () {
      const { server } = yield* asking(two, [])
      const error = yield* refusal(server, {
        keyboardInteractive: () => Effect.fail(new NoTerminal({ message: "no terminal here" }))
      })
      assert.include(error.detail, "no terminal here")
      const died = yield* refusal(server, {
        keyboardInteractive: () => {
          throw new Error("a mistake")
        }
      })
      assert.include(died.detail, "a mistake")
    })
  )

  it.live("refuses answers that are too few", () =>
    Effect.gen(function* () {
      const { server } = yield* asking(two, [])
      const error = yield* refusal(server, { keyboardInteractive: () => Effect.succeed([Redacted.make("secret")]) })
      assert.include(error.detail, "gave 1 answers to 2 prompts")
    })
  )

  it.live("counts the time that the function takes towards the auth deadline, and stops the function", () =>
    Effect.gen(function* () {
      const { server } = yield* asking(two, [])
      let stopped = false
      const error = yield* failure(
        server,
        {
          keyboardInteractive: () =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.sync(() => {
                stopped = true
              })
            )
        },
        { auth: 100 }
      )
      assert(error._tag === "DeadlineError")
      assert.strictEqual(error.phase, "auth")
      yield* until(() => stopped)
    })
  )
})

describe("Auth by private key", () => {
  it.live.each(["ed25519", "ecdsa", "rsa"] as const)("logs in with a key of type %s", (type) =>
    Effect.gen(function* () {
      const key = makeKey(type)
      const algorithms: Array<string> = []
      const { server } = yield* noting((context) => {
        if (context.method === "publickey") algorithms.push((context as PublicKeyAuthContext).hashAlgo ?? "its own")
        if (acceptsKey(context, [key])) context.accept()
        else context.reject(["publickey"])
      })
      const { details } = yield* login(server, privateKey(key))
      assert.include(details["auth"], key.fingerprint)
      assert.deepStrictEqual([...new Set(algorithms)], [type === "rsa" ? "sha256" : "its own"])
    })
  )

  it.live("logs in with a Buffer and with an encrypted key", () =>
    Effect.gen(function* () {
      const key = makeKey("ed25519", { passphrase: "correct horse", rounds: 4 })
      const { server } = yield* noting((context) =>
        acceptsKey(context, [key]) ? context.accept() : context.reject(["publickey"])
      )
      yield* login(server, privateKey(key, "correct horse"))
      const text = Redacted.make(Buffer.from(key.private))
      yield* login(server, { privateKey: text, passphrase: Redacted.make("correct horse") })
    })
  )

  it.live("goes on to the next credential, in the order given", () =>
    Effect.gen(function* () {
      const [wrong, right] = [makeKey(), makeKey()]
      const { attempts, server } = yield* noting((context) =>
        acceptsKey(context, [right]) ? context.accept() : context.reject(["publickey", "password"])
      )
      yield* login(server, [privateKey(wrong), password("wrong"), privateKey(right)])
      assert.deepStrictEqual(attempts, ["none", "password", "publickey"])
      const error = yield* refusal(server, [password("wrong"), privateKey(wrong)])
      assert.deepStrictEqual(error.tried, ["password", `publickey ssh-ed25519 ${wrong.fingerprint}`])
    })
  )

  it.live("takes several steps where the server wants them", () =>
    Effect.gen(function* () {
      const key = makeKey()
      const steps = new Set<string>()
      const { server } = yield* noting((context) => {
        if (acceptsKey(context, [key])) {
          if (!signed(context)) return context.accept()
          steps.add("publickey")
          return context.reject(["password"], true)
        }
        if (context.method === "password" && context.password === "secret" && steps.has("publickey"))
          return context.accept()
        context.reject(["publickey"])
      })
      // In either order of the list: what does not fit yet is kept for later.
      yield* login(server, [password("secret"), privateKey(key)])
      steps.clear()
      const { details } = yield* login(server, [privateKey(key), password("secret")])
      assert.strictEqual(details["auth"], `publickey ssh-ed25519 ${key.fingerprint}, then password`)
      const error = yield* refusal(server, [privateKey(key)])
      assert.include(error.detail, "the server wants a further step")
      assert.deepStrictEqual(error.offered, ["password"])
      assert.lengthOf(error.tried, 1)
    })
  )

  const files = (content: string, mode: number) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const path = Path.join(await Fs.mkdtemp(Path.join(Os.tmpdir(), "keys-")), "id_test")
        await Fs.writeFile(path, content)
        await Fs.chmod(path, mode)
        return path
      }),
      (path) => Effect.promise(() => Fs.rm(Path.dirname(path), { recursive: true }))
    )

  it.live("reads a key from a file, again at each connect", () =>
    Effect.gen(function* () {
      const [first, second] = [makeKey(), makeKey()]
      const path = yield* files(first.private, 0o600)
      const auth = { privateKey: { path } }
      let good = first
      const { server } = yield* noting((context) =>
        acceptsKey(context, [good]) ? context.accept() : context.reject(["publickey"])
      )
      const { details } = yield* login(server, auth)
      assert.strictEqual(details["auth"], `publickey ${path}`)
      good = second
      yield* Effect.promise(() => Fs.writeFile(path, second.private))
      yield* login(server, auth)
    })
  )

  it.live.each([0o640, 0o604, 0o666])(
    "refuses a file that others can read (mode %o), and says how to mend it",
    (mode) =>
      Effect.gen(function* () {
        const path = yield* files(makeKey().private, mode)
        const error = yield* inputError({ privateKey: { path } })
        assert.deepStrictEqual([error.what, error.where], ["privateKey", path])
        assert.include(error.why, `chmod 600 ${path}`)
      })
  )

  it.live("says before dialling what is wrong with a key, and nothing that is in it", () =>
    Effect.gen(function* () {
      const secret = randomSecret()
      const encrypted = makeKey("ed25519", { passphrase: secret, rounds: 1 })
      const missing = yield* inputError({ privateKey: { path: "~/no/such/file" } })
      assert.deepStrictEqual([missing.where, missing.why], ["~/no/such/file", "there is no such file"])
      const errors = yield* Effect.all([
        inputError(privateKey(encrypted)),
        inputError(privateKey(encrypted, `not ${secret}`)),
        inputError({ privateKey: Redacted.make(secret) }),
        inputError({ privateKey: Redacted.make(makeKey().public) })
      ])
      assert.deepStrictEqual(
        errors.map((error) => error.why.split(/[;,(]/)[0]!.trim()),
        ["it is encrypted", "the passphrase does not open it", "it is not a private key", "it is a public key"]
      )
      for (const error of errors) assert.notInclude(`${error.message}${JSON.stringify(error)}`, secret)
    })
  )

  it.live("refuses an entry that says nothing", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* inputError({} as unknown as Ssh.Auth)).what, "auth")
    })
  )

  it.live("refuses secrets that are not wrapped, from callers without types", () =>
    Effect.gen(function* () {
      const secret = randomSecret()
      const wrong = [{ password: secret }, { privateKey: secret }, { privateKey: { path: "x" }, passphrase: secret }]
      for (const auth of wrong) {
        const error = yield* inputError(auth as unknown as Ssh.Auth)
        assert.notInclude(`${error.message}${JSON.stringify(error)}`, secret)
        assert.include(error.why, "Redacted.make")
      }
    })
  )
})

describe("Auth when the connection ends", () => {
  const dropping = (drop: (server: TestServer) => void, after: string) =>
    Effect.gen(function* () {
      const { server }: { server: TestServer } = yield* noting((context) =>
        context.method === after ? drop(server) : context.reject(["password"])
      )
      const error = yield* failure(server, password(randomSecret()))
      yield* until(() => server.open() === 0)
      assert.deepStrictEqual(Keepalive.status(), { watches: 0, running: false })
      return error
    })
  const close = (server: TestServer) => server.sockets[0]!.end()
  const reset = (server: TestServer) => server.sockets[0]!.resetAndDestroy()

  it.live("is not a failed login before anything was offered", () =>
    Effect.gen(function* () {
      const closed = yield* dropping((server) => close(server), "none")
      assert(closed._tag === "ChannelError")
      assert.include(closed.detail, "during authentication")
      const cut = yield* dropping((server) => reset(server), "none")
      assert(cut._tag === "ConnectionError")
      assert.strictEqual(cut.reason, "reset")
    })
  )

  it.live("is a failed login when the peer closes upon a password, and when the network fails", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* dropping((server) => close(server), "password"))._tag, "AuthError")
      const cut = yield* dropping((server) => reset(server), "password")
      assert(cut._tag === "AuthError", cut.message)
      assert.isFalse(cut.isRetryable)
      assert.match(cut.detail, /^the peer reset the connection .*, after the password had been sent; /)
      assert.include(cut.detail, "whether it was refused is not known, and it counts as refused")
    })
  )

  it.live("fails within the auth deadline when nothing is answered, for good once a password was sent", () =>
    Effect.gen(function* () {
      const mute = yield* noting(() => undefined)
      const error = yield* failure(mute.server, password(randomSecret()), { auth: 500 })
      assert(error._tag === "DeadlineError", error.message)
      assert.deepStrictEqual([error.phase, error.deadline], ["auth", 500])
      assert.isAbove(error.bytes, 0)
      const { server } = yield* noting((context) =>
        context.method === "none" ? context.reject(["password"]) : undefined
      )
      const undecided = yield* refusal(server, password(randomSecret()), { auth: 500 })
      assert.strictEqual(
        undecided.detail,
        "not decided within 500 ms (phase auth), after the password had been sent; " +
          "whether it was refused is not known, and it counts as refused"
      )
      assert.isFalse(undecided.isRetryable)
      assert.deepStrictEqual(undecided.tried, ["password"])
    })
  )

  /** Refuses passwords that it is told to, and drops the connection upon a signature. */
  const droppingSigned = (partial: boolean) =>
    Effect.gen(function* () {
      const { server }: { server: TestServer } = yield* noting((context) => {
        if (context.method === "publickey" && signed(context)) return reset(server)
        if (context.method === "publickey") return context.accept()
        context.reject(["password", "publickey"], partial && context.method === "password")
      })
      return server
    })

  it.live("stays the network's when a key's signature was on its way, or nothing secret yet", () =>
    Effect.gen(function* () {
      const server = yield* droppingSigned(false)
      const key = yield* failure(server, privateKey(makeKey()))
      assert.strictEqual(key._tag, "ConnectionError", key.message)
      assert.isTrue(key.isRetryable)
      const unanswered: { server: TestServer } = yield* noting((context) =>
        context.method === "keyboard-interactive" ? reset(unanswered.server) : context.reject(["keyboard-interactive"])
      )
      assert.strictEqual((yield* failure(unanswered.server, password(randomSecret())))._tag, "ConnectionError")
    })
  )

  it.live("is a failed login behind a refused password, and none behind an accepted one", () =>
    Effect.gen(function* () {
      const auth = [password(randomSecret()), privateKey(makeKey())]
      const refused = yield* failure(yield* droppingSigned(false), auth)
      assert(refused._tag === "AuthError", refused.message)
      assert.match(refused.detail, /^the peer reset the connection .*, after a refusal$/)
      const { server } = yield* noting((context) =>
        context.method === "publickey" ? undefined : context.reject(["password", "publickey"])
      )
      const late = yield* refusal(server, auth, { auth: 500 })
      assert.strictEqual(late.detail, "not decided within 500 ms (phase auth), after a refusal")
      assert.strictEqual((yield* failure(yield* droppingSigned(true), auth))._tag, "ConnectionError")
    })
  )

  it.live("is a failed login when answers had been sent, by a function or as a password", () =>
    Effect.gen(function* () {
      const asking = (drop: (server: TestServer) => void) =>
        Effect.gen(function* () {
          const { server }: { server: TestServer } = yield* noting((context) => {
            if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
            ;(context as KeyboardAuthContext).prompt([{ prompt: "Password: ", echo: false }], "", "", () =>
              drop(server)
            )
          })
          return server
        })
      const keyboardInteractive = () => Effect.succeed([Redacted.make("an answer")])
      const cut = yield* refusal(yield* asking(reset), { keyboardInteractive })
      assert.include(cut.detail, "after the answers had been sent; whether it was refused is not known")
      const late = yield* refusal(yield* asking(() => {}), { keyboardInteractive }, { auth: 500 })
      assert.include(late.detail, "not decided within 500 ms (phase auth), after the answers had been sent")
      const plain = yield* refusal(yield* asking(reset), password(randomSecret()))
      assert.include(plain.detail, "after the password had been sent")
    })
  )
})
