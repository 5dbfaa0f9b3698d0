/**
 * An SSH server on 127.0.0.1 for the transport's tests: ssh2's own, with hooks for everything that a server may do
 * wrong, and a count of what it has seen. It goes, with all its connections, with the scope.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import * as Net from "node:net"
import type { AuthContext, ClientInfo, Connection, ServerChannel, ServerConfig } from "ssh2"
import ssh2 from "ssh2"
import * as KnownHosts from "../../src/transport/KnownHosts.ts"

export interface TestKey {
  readonly private: string
  /** One line: type and base64. */
  readonly public: string
  readonly blob: Buffer
  readonly fingerprint: string
}

const toTestKey = (pair: { private: string; public: string }): TestKey => {
  const line = pair.public.split(" ").slice(0, 2).join(" ")
  const blob = Buffer.from(line.split(" ")[1]!, "base64")
  return { private: pair.private, public: line, blob, fingerprint: KnownHosts.fingerprint(blob) }
}

export const makeKey = (
  type: "ed25519" | "ecdsa" | "rsa" = "ed25519",
  encrypt?: { passphrase: string; rounds: number }
): TestKey => {
  const encryption = encrypt === undefined ? {} : { ...encrypt, cipher: "aes256-ctr" }
  const pair =
    type === "ed25519"
      ? ssh2.utils.generateKeyPairSync("ed25519", encryption as object)
      : ssh2.utils.generateKeyPairSync(type as "rsa", { bits: type === "rsa" ? 2048 : 256, ...encryption } as never)
  const key = toTestKey(pair)
  // ssh2 drops a zero that an ed25519 key begins with: one in 256 of those it makes is broken.
  return type === "ed25519" && key.blob.length !== 51 ? makeKey(type, encrypt) : key
}

/** Made once per file: an RSA key takes a while. */
export const hostKey = makeKey()

export interface ServerOptions {
  readonly hostKeys?: ReadonlyArray<TestKey>
  readonly config?: Partial<ServerConfig>
  /** Default: user `admin` with password `secret`. */
  readonly authenticate?: (context: AuthContext) => void
  /** Default: the subsystem `netconf`, which echoes. */
  readonly subsystem?: (channel: ServerChannel, client: Connection) => void
  /** Answers for every subsystem request; undefined leaves it unanswered. Default: accepts `netconf`. */
  readonly accepts?: (name: string) => boolean | undefined
  /** How many channels one connection may have. Default: no limit. */
  readonly maxSessions?: number
  readonly client?: (client: Connection, info: ClientInfo) => void
}

export interface TestServer {
  readonly port: number
  /** TCP connections so far, and those open now. */
  readonly accepted: () => number
  readonly open: () => number
  readonly sockets: ReadonlyArray<Net.Socket>
  readonly channels: ReadonlyArray<ServerChannel>
  readonly clients: ReadonlyArray<Connection>
}

const passwordOnly = (context: AuthContext): void => {
  if (context.method === "password" && context.username === "admin" && context.password === "secret")
    return context.accept()
  context.reject(["password"])
}

export const serve = (options: ServerOptions = {}): Effect.Effect<TestServer, never, Scope.Scope> => {
  const channels: Array<ServerChannel> = []
  const clients: Array<Connection> = []
  const server = new ssh2.Server(
    { hostKeys: (options.hostKeys ?? [hostKey]).map((key) => key.private), ...options.config },
    (client, info) => {
      clients.push(client)
      // A client that goes away is an error to ssh2's server.
      client.on("error", () => {})
      options.client?.(client, info)
      client.on("authentication", options.authenticate ?? passwordOnly)
      let open = 0
      client.on("session", (accept, reject) => {
        if (open >= (options.maxSessions ?? Infinity)) return reject()
        open++
        accept().on("subsystem", (acceptSubsystem, rejectSubsystem, name) => {
          const answer = options.accepts === undefined ? name.name === "netconf" : options.accepts(name.name)
          if (answer === undefined) return
          if (!answer) return rejectSubsystem()
          const channel = acceptSubsystem()
          channel.on("error", () => {}).on("close", () => open--)
          channels.push(channel)
          if (options.subsystem === undefined) channel.on("data", (bytes: Buffer) => channel.write(bytes))
          else options.subsystem(channel, client)
        })
      })
    }
  )
  return Effect.map(
    listen((socket) => server.injectSocket(socket)),
    (listening) => ({ ...listening, channels, clients })
  )
}

/** A plain TCP server: what does not speak SSH, or no more. */
export const listen = (
  accept: (socket: Net.Socket) => void
): Effect.Effect<Omit<TestServer, "channels" | "clients">, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ server: Net.Server; sockets: Array<Net.Socket> }>((resume) => {
      const sockets: Array<Net.Socket> = []
      const server = Net.createServer({ noDelay: true }, (socket) => {
        sockets.push(socket)
        socket.on("error", () => {})
        accept(socket)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  ).pipe(
    Effect.map(({ server, sockets }) => ({
      port: (server.address() as Net.AddressInfo).port,
      accepted: () => sockets.length,
      open: () => sockets.filter((socket) => !socket.destroyed).length,
      sockets
    }))
  )

/** A password of the day, so that a test can look for it where it must not be. */
export const randomSecret = (): string => `s3cret-${Crypto.randomBytes(6).toString("hex")}`
