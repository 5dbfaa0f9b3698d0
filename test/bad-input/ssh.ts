/** A session over real SSH against a server of bytes, and what is left of it on both sides afterwards. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ServerChannel } from "ssh2"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import type { ConnectError } from "../../src/errors.ts"
import * as Framing from "../../src/framing/Framing.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { everything, helloOf, replyOf } from "../rpc/peer.ts"
import { hostKey, serve, type TestServer } from "../transport/sshServer.ts"

/** The device's side of one session: what it does when the channel opens, and for each rpc, by its number. */
export interface Script {
  readonly hello?: (channel: ServerChannel) => void
  readonly rpc?: (channel: ServerChannel, id: string, index: number) => void
}

export const sayHello = (channel: ServerChannel): void =>
  void channel.write(Framing.encode("end-of-message", helloOf(everything)))
export const answer = (channel: ServerChannel, message: string | Uint8Array): void =>
  void channel.write(Framing.encode("chunked", message))
export const data = (id: string): string => replyOf(id, "<data/>")

const play = (
  { hello = sayHello, rpc = (channel, id) => answer(channel, data(id)) }: Script,
  channel: ServerChannel
): void => {
  let text = ""
  let index = 0
  channel.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1")
    for (
      let found = /message-id="([^"]*)"[^]*?\n##\n/.exec(text);
      found !== null;
      found = /message-id="([^"]*)"[^]*?\n##\n/.exec(text)
    ) {
      text = text.slice(found.index + found[0].length)
      if (found[0].includes("<close-session")) answer(channel, replyOf(found[1]!))
      else rpc(channel, found[1]!, index++)
    }
  })
  hello(channel)
}

/** The first session plays the script, later ones behave. */
export const server = (script: Script): Effect.Effect<TestServer, never, Scope.Scope> => {
  let sessions = 0
  return serve({ subsystem: (channel) => play(sessions++ === 0 ? script : {}, channel) })
}

export const session = (
  port: number,
  options: Partial<Netconf.ConnectOptions> = {}
): Effect.Effect<Session, ConnectError, Scope.Scope> =>
  Netconf.connect({
    label: "leaf",
    transport: Ssh.make({
      host: "127.0.0.1",
      port,
      username: "admin",
      auth: { password: Redacted.make("secret") },
      hostKey: { fingerprint: hostKey.fingerprint }
    }),
    ...options,
    deadlines: { close: "50 millis", ...options.deadlines }
  })

const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length

/** Waits for what must come; the test's own timeout says when it does not. */
export const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    while (!holds()) yield* Effect.sleep(2)
  })

/** Runs a test against the script, and then: no socket is left, and the next session is fine. */
export const against = <A, E>(script: Script, use: (port: number) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const before = sockets()
    const { open, port } = yield* server(script)
    const result = yield* Effect.scoped(use(port))
    yield* eventually(() => open() === 0 && sockets() === before)
    yield* Effect.scoped(
      Effect.flatMap(session(port), (next) => Effect.map(next.get(), (reply) => assert.include(reply.xml, "<data/>")))
    )
    yield* eventually(() => open() === 0 && sockets() === before)
    return result
  }).pipe(Effect.scoped)
