/**
 * An SSH server on loopback for a simulated device (RFC 6242 §3): password, public key and keyboard-interactive
 * authentication, the `netconf` subsystem, any number of channels per connection. No shell, no exec, no forwarding.
 *
 * It hands each channel on as an endpoint, the same thing that the memory transport gives; everything it opened is
 * closed with its scope.
 */
import * as crypto from "node:crypto"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import ssh2 from "ssh2"
import type { AuthContext, AuthenticationType, Connection as SshConnection, ServerChannel } from "ssh2"
import { ConnectionError } from "../errors.ts"
import type { Endpoint } from "../transport/Memory.ts"
import * as KnownHosts from "../transport/KnownHosts.ts"
import type { Connection, EndReason, Handler } from "../transport/Transport.ts"
import type { Peer } from "./Core.ts"
import * as Keys from "./Keys.ts"

/** How one user may log in. */
export interface User {
  readonly password?: string
  /** Lines as in authorized_keys: `ssh-ed25519 AAAA... comment`. */
  readonly publicKeys?: ReadonlyArray<string>
}

export interface SshOptions {
  /** Default: `admin` with the password `admin`. */
  readonly users?: Readonly<Record<string, User>>
  /** Private keys in PEM or OpenSSH form. Default: an ed25519 key made for this server. */
  readonly hostKeys?: ReadonlyArray<string>
  /** Default: 0, any free port. */
  readonly port?: number
  /** Default: `127.0.0.1`; a simulated device is not for the network. */
  readonly host?: string
  /** Which methods are offered. Default: publickey and password. */
  readonly methods?: ReadonlyArray<"password" | "publickey" | "keyboard-interactive">
  /** Demands every one of the methods, one after the other, as sshd's AuthenticationMethods does. Default: false. */
  readonly requireAll?: boolean
  /** Default: `netconf`. `none` refuses every subsystem. */
  readonly subsystem?: string
  /** Channels per connection; more are refused. Default: no limit. */
  readonly maxChannels?: number
  /** Text shown before authentication. */
  readonly banner?: string
}

/** Where a device listens, and how to log in. */
export interface SshListener {
  readonly host: string
  readonly port: number
  /** `SHA256:...` of the first host key. */
  readonly fingerprint: string
  /** The first host key as in known_hosts, without host: `ssh-ed25519 AAAA...`. */
  readonly hostKey: string
  /** The first user. */
  readonly username: string
  /** The first user's password; empty without one. */
  readonly password: Redacted.Redacted<string>
  /** SSH connections that are open. */
  readonly connections: () => number
}

type Accept = (endpoint: Endpoint, peer: Peer) => void

const parseKey = (key: string) => {
  const parsed = ssh2.utils.parseKey(key)
  if (parsed instanceof Error) throw parsed
  return Array.isArray(parsed) ? parsed[0]! : parsed
}

const same = (one: Buffer | string, other: Buffer | string): boolean => {
  const [a, b] = [Buffer.from(one as string), Buffer.from(other as string)]
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}

const hasKey = (user: User, context: Extract<AuthContext, { method: "publickey" }>): boolean => {
  const key = (user.publicKeys ?? []).map(parseKey).find((known) => same(known.getPublicSSH(), context.key.data))
  if (key === undefined) return false
  // Without a signature the client only asks whether the key would do.
  return context.signature === undefined || key.verify(context.blob!, context.signature, context.hashAlgo) === true
}

/** Authentication of one connection; with `requireAll` it remembers what has succeeded. */
const authenticate = (options: SshOptions, users: Readonly<Record<string, User>>) => {
  const methods: ReadonlyArray<AuthenticationType> = options.methods ?? ["publickey", "password"]
  const passed = new Set<AuthenticationType>()
  const left = () => methods.filter((method) => !passed.has(method))
  const succeed = (context: AuthContext) => {
    passed.add(context.method)
    if (options.requireAll !== true || left().length === 0) context.accept()
    else context.reject([...left()], true)
  }
  return (context: AuthContext): void => {
    const user = Object.hasOwn(users, context.username) ? users[context.username]! : {}
    const decide = (good: boolean) => (good ? succeed(context) : context.reject([...left()]))
    const knows = (secret: string | undefined) => user.password !== undefined && same(user.password, secret ?? "")
    if (!left().includes(context.method)) return decide(false)
    switch (context.method) {
      case "password":
        return decide(knows(context.password))
      case "publickey":
        if (!hasKey(user, context)) return decide(false)
        return context.signature === undefined ? context.accept() : decide(true)
      case "keyboard-interactive":
        return context.prompt([{ prompt: "Password: ", echo: false }], (answers) => decide(knows(answers[0])))
      default:
        return decide(false)
    }
  }
}

/** A channel as an endpoint. The end of its connection is told by `lost`, because a paused channel does not say so. */
class ChannelEndpoint implements Endpoint {
  readonly #channel: ServerChannel
  readonly #socket: net.Socket
  #handler: Handler | undefined
  #ended = false

  constructor(channel: ServerChannel, socket: net.Socket) {
    this.#channel = channel
    this.#socket = socket
  }

  connect(handler: Handler): Connection {
    this.#handler = handler
    const channel = this.#channel
    channel.on("data", (bytes: Buffer) => this.#ended || handler.data(bytes))
    channel.on("drain", () => this.#ended || handler.drain())
    channel.on("error", () => this.#end({ by: "network", detail: "the channel failed" }))
    channel.on("end", () => {
      this.#end({ by: "peer", detail: "the client ended the channel" })
      channel.end()
    })
    channel.on("close", () => this.#end({ by: "peer", detail: "the client closed the channel" }))
    return {
      write: (frame) => !this.#ended && channel.write(frame),
      pause: () => void channel.pause(),
      resume: () => void channel.resume(),
      details: {},
      notes: []
    }
  }

  close({ by, detail }: EndReason = { by: "peer", detail: "the device closed the channel" }): void {
    if (by === "network") this.#socket.destroy()
    else if (!this.#ended) {
      this.#channel.exit(0)
      this.#channel.end()
    }
    this.#end({ by: by === "network" ? "network" : "us", detail })
  }

  /** The connection is gone. */
  lost(): void {
    this.#end({ by: "network", detail: "the connection was lost" })
  }

  #end(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.#handler?.end(reason)
  }
}

const serveConnection = (
  client: SshConnection,
  socket: net.Socket,
  options: SshOptions,
  users: Readonly<Record<string, User>>,
  accept: Accept
): void => {
  const endpoints = new Set<ChannelEndpoint>()
  let username = ""
  let channels = 0
  const check = authenticate(options, users)
  client.on("authentication", (context) => {
    username = context.username
    check(context)
  })
  client.on("error", () => socket.destroy())
  client.on("close", () => {
    for (const endpoint of endpoints) endpoint.lost()
  })
  client.on("session", (acceptSession, rejectSession) => {
    if (channels >= (options.maxChannels ?? Infinity)) return rejectSession()
    channels++
    const session = acceptSession()
    session.on("close", () => channels--)
    session.on("subsystem", (acceptSubsystem, rejectSubsystem, info) => {
      if (info.name !== (options.subsystem ?? "netconf")) return rejectSubsystem()
      const endpoint = new ChannelEndpoint(acceptSubsystem(), socket)
      endpoints.add(endpoint)
      accept(endpoint, { username, sourceHost: socket.remoteAddress ?? "unknown", transport: "netconf-ssh" })
    })
  })
}

const listen = (server: net.Server, options: SshOptions) =>
  Effect.callback<net.AddressInfo, ConnectionError>((resume) => {
    const { host = "127.0.0.1", port = 0 } = options
    server.once("error", (error) =>
      resume(Effect.fail(new ConnectionError({ peer: `${host}:${port}`, reason: "refused", detail: error.message })))
    )
    server.listen(port, host, () => resume(Effect.succeed(server.address() as net.AddressInfo)))
  })

const shut = (server: net.Server, sockets: Map<number, net.Socket>) =>
  Effect.callback<void>((resume) => {
    for (const socket of sockets.values()) socket.destroy()
    sockets.clear()
    server.close(() => resume(Effect.void))
  })

/** Listens until the scope closes; each NETCONF channel is given to `accept`. */
export const make = (options: SshOptions, accept: Accept): Effect.Effect<SshListener, ConnectionError, Scope.Scope> =>
  Effect.gen(function* () {
    const users = options.users ?? { admin: { password: "admin" } }
    const hostKeys = options.hostKeys ?? [Keys.generate().privateKey]
    const config = { hostKeys: [...hostKeys], ...(options.banner === undefined ? {} : { banner: options.banner }) }
    const sockets = new Map<number, net.Socket>()
    // The connection is announced when the client has introduced itself; which socket it is, its port says.
    const ssh = new ssh2.Server(config, (client, { port }) =>
      serveConnection(client, sockets.get(port)!, options, users, accept)
    )
    const server = net.createServer({ noDelay: true }, (socket) => {
      const port = socket.remotePort!
      sockets.set(port, socket)
      socket.on("close", () => sockets.delete(port))
      ssh.injectSocket(socket)
    })
    yield* Effect.addFinalizer(() => shut(server, sockets))
    const address = yield* listen(server, options)
    const [username = "", user] = Object.entries(users)[0] ?? []
    const publicKey = parseKey(hostKeys[0]!)
    const bytes = publicKey.getPublicSSH()
    return {
      host: address.address,
      port: address.port,
      fingerprint: KnownHosts.fingerprint(bytes),
      hostKey: `${publicKey.type} ${bytes.toString("base64")}`,
      username,
      password: Redacted.make(user?.password ?? ""),
      connections: () => sockets.size
    }
  })
