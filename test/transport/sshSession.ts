/**
 * Opening sessions over SSH in tests, and what must be gone afterwards.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Keepalive from "../../src/transport/Keepalive.ts"
import type * as Ssh from "../../src/transport/Ssh.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { type Recorder, recorder, until } from "./contract.ts"
import { hostKey, type TestServer } from "./sshServer.ts"

export const options = (server: { readonly port: number }, more: Partial<Ssh.SshOptions> = {}): Ssh.SshOptions => ({
  host: "127.0.0.1",
  port: server.port,
  username: "admin",
  auth: { password: Redacted.make("secret") },
  hostKey: { fingerprint: hostKey.fingerprint },
  ...more
})

export const open = (transport: Transport, deadlines: Deadlines.Deadlines = {}, handler: Recorder = recorder()) =>
  Effect.map(transport.open(handler, { label: "leaf-01", deadlines: Deadlines.resolve(deadlines) }), (connection) => ({
    connection,
    handler
  }))

export const failure = (transport: Transport, deadlines?: Deadlines.Deadlines) =>
  Effect.flip(open(transport, deadlines))

/** What may not outlive a connection: the server sees no socket, and nobody is watched. */
export const nothingLeft = (server: Pick<TestServer, "open">) =>
  Effect.andThen(
    until(() => server.open() === 0),
    Effect.sync(() => assert.deepStrictEqual(Keepalive.status(), { watches: 0, running: false }))
  )

export const pingPong = Effect.fnUntraced(function* (
  connection: { write: (bytes: Uint8Array) => boolean },
  handler: Recorder,
  word: string
) {
  connection.write(Buffer.from(word))
  yield* until(() => handler.bytes().toString().endsWith(word))
})
