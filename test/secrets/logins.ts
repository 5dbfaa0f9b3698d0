/** Logins that fail, banners, and servers that repeat what they were given; over real SSH on loopback. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { AuthContext, KeyboardAuthContext, ServerChannel } from "ssh2"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import * as CredentialGuard from "../../src/transport/CredentialGuard.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { answer, type Script, server as scripted } from "../bad-input/ssh.ts"
import { everything, helloOf, replyOf, rpcError } from "../rpc/peer.ts"
import { hostKey, listen, makeKey, serve, type ServerOptions } from "../transport/sshServer.ts"
import { planted, type Tools } from "./planted.ts"
import { complaints, config, type Program, type Row } from "./requests.ts"

/** Each row has refusals of its own: they must not bar the next one's password. */
const login = (port: number, { wireLog }: Tools, options: Partial<Ssh.SshOptions> = {}) =>
  Netconf.connect({
    label: "leaf",
    wireLog,
    deadlines: { auth: "2 seconds", close: "50 millis" },
    transport: Ssh.make({
      host: "127.0.0.1",
      port,
      username: "admin",
      auth: { password: Redacted.make(planted.password) },
      hostKey: { fingerprint: hostKey.fingerprint },
      ...options
    })
  }).pipe(Effect.provideService(CredentialGuard.Current, new CredentialGuard.CredentialGuard()))

const against =
  (options: ServerOptions, ssh: Partial<Ssh.SshOptions> = {}): Program =>
  (tools) =>
    Effect.flatMap(serve(options), ({ port }) =>
      Effect.tap(login(port, tools, ssh), (session) => Effect.sync(() => tools.emit("transport", session.transport)))
    )

const overSsh =
  (script: Script, use: (session: Session, tools: Tools) => Effect.Effect<unknown, unknown, Scope.Scope>): Program =>
  (tools) =>
    Effect.gen(function* () {
      const { port } = yield* scripted(script)
      const session = yield* login(port, tools, { auth: { password: Redacted.make("secret") } })
      tools.emit("transport", session.transport)
      return yield* use(session, tools)
    })

const rejects = (context: AuthContext) => context.reject(["password"])
const locked = makeKey("ed25519", { passphrase: planted.password, rounds: 4 })
const asking = (context: AuthContext) => {
  if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"])
  ;(context as KeyboardAuthContext).prompt(
    [
      { prompt: "Password: ", echo: false },
      { prompt: `${planted.password}?`, echo: true }
    ],
    "",
    "",
    () => context.reject()
  )
}

export const logins: ReadonlyArray<Row> = [
  ["a password is refused", "AuthError", against({ authenticate: rejects })],
  [
    "the server repeats the password as it goes",
    "AuthError",
    against({
      authenticate: (context) =>
        context.method === "password"
          ? client?.disconnect(11, `bad password ${planted.password}; I said ${planted.password}`)
          : rejects(context),
      client: (connection) => {
        client = connection as unknown as typeof client
      }
    })
  ],
  [
    "the server wants another password",
    "AuthError",
    against({
      authenticate: (context) =>
        context.method === "password"
          ? context.requestChange(`${planted.password} is too old`, () => {})
          : rejects(context)
    })
  ],
  ["the server asks with the password", "AuthError", against({ authenticate: asking })],
  [
    "a keyboardInteractive function fails with a secret in its error",
    "AuthError",
    against(
      { authenticate: asking },
      { auth: { keyboardInteractive: () => Effect.fail({ why: `password: ${planted.password}` }) } }
    )
  ],
  [
    "answers are refused",
    "AuthError",
    against(
      { authenticate: asking },
      {
        auth: {
          keyboardInteractive: () => Effect.succeed([Redacted.make(planted.password), Redacted.make("PLANTED-code")])
        }
      }
    )
  ],
  [
    "a key is refused",
    "AuthError",
    against({ authenticate: rejects }, { auth: { privateKey: Redacted.make(makeKey().private) } })
  ],
  [
    "a passphrase is wrong",
    "InputError",
    against({}, { auth: { privateKey: Redacted.make(locked.private), passphrase: Redacted.make("PLANTED-wrong") } })
  ],
  ["a passphrase is missing", "InputError", against({}, { auth: { privateKey: Redacted.make(locked.private) } })],
  ["a key is no key", "InputError", against({}, { auth: { privateKey: Redacted.make(planted.pem) } })],
  ["a password is not wrapped", "InputError", against({}, { auth: { password: planted.password as never } })],
  [
    "a host is a URL with a password",
    "InputError",
    ({ wireLog }) =>
      Netconf.connect({
        wireLog,
        transport: Ssh.make({
          host: "ssh://ops:PLANTED@192.0.2.1",
          username: "ops",
          hostKey: "accept-any",
          auth: { password: Redacted.make("x") }
        })
      })
  ],
  ["the host key is another one", "HostKeyError", against({ hostKeys: [makeKey()] })],
  [
    "it is no SSH server",
    "ChannelError",
    (tools) =>
      Effect.flatMap(
        listen((socket) => void socket.end(`password ${planted.password}\r\n`)),
        ({ port }) => login(port, tools)
      )
  ],
  [
    "the banner has a password",
    "success",
    against({
      config: { banner: `your password: ${planted.password}\n` },
      authenticate: (context) => context.accept(),
      subsystem: (channel) => void channel.write(`${helloOf(everything)}]]>]]>`)
    })
  ],
  [
    "the subsystem says something as it goes",
    "ChannelError",
    overSsh(
      {
        rpc: (channel: ServerChannel) => {
          channel.stderr.write(`cannot open ${planted.url}: password ${planted.password}`)
          channel.exit(1)
          channel.end()
        }
      },
      (session, { emit }) =>
        Effect.tapError(session.get(), () =>
          Effect.tap(session.closed, (reason) => Effect.sync(() => emit("closed", reason)))
        )
    )
  ],
  [
    "an edit is refused over SSH",
    "RpcError",
    overSsh({ rpc: (channel, id) => answer(channel, replyOf(id, rpcError("invalid-value", complaints))) }, (session) =>
      session.editConfig({ config })
    )
  ]
]
let client: { readonly disconnect: (reason: number, text: string) => void } | undefined
