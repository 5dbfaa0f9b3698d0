/**
 * The network between the client and the farm of a trial, in a process of its own: one TCP proxy per device, whose connections are
 * cut, stalled, delayed, trickled and corrupted by the dice of each connection.
 */
import * as net from "node:net"
import { serve } from "./child.ts"
import { type Dice, dice } from "./dice.ts"

export interface Route {
  readonly name: string
  readonly port: number
}

export type ProxyMethods = {
  /** Gives the ports to dial instead. */
  readonly start: (options: {
    readonly routes: ReadonlyArray<Route>
    readonly seed: number
    /** What becomes of connections, by weight. Default: as in the chaos test. */
    readonly weights?: Weights
    /** Within how many milliseconds, and within how many bytes, it becomes of them. Default: 12,000. */
    readonly within?: number
  }) => Promise<ReadonlyArray<number>>
  /** Ends all mischief: what is stalled is cut, what comes is passed on. Gives how often which mischief was done. */
  readonly calm: (_: void) => Readonly<Record<string, number>>
}

/** What becomes of a connection. Times in milliseconds after it was made, places in bytes of one direction. */
type Fate =
  | { readonly kind: "calm" | "refuse" }
  | { readonly kind: "cut"; readonly at: number; readonly reset: boolean }
  | { readonly kind: "cut in a message"; readonly towards: Direction; readonly byte: number }
  | { readonly kind: "corrupt"; readonly towards: Direction; readonly byte: number }
  | { readonly kind: "stall"; readonly at: number; readonly lasting: number }
  | { readonly kind: "black hole"; readonly at: number }
  | { readonly kind: "delay"; readonly by: number }
  | { readonly kind: "trickle"; readonly pieces: number }

type Direction = "device" | "client"

export type Weights = Readonly<Record<Fate["kind"], number>>

const chaos: Weights = {
  calm: 30,
  refuse: 4,
  cut: 16,
  "cut in a message": 14,
  corrupt: 8,
  stall: 14,
  "black hole": 4,
  delay: 12,
  trickle: 4
}

const draw = (dice: Dice, weights: Weights, within: number): Fate => {
  const kind = dice.weighted(weights)
  const at = dice.between(20, within)
  const place = { towards: dice.pick(["device", "client"] as const), byte: dice.between(20, within) }
  switch (kind) {
    case "cut":
      return { kind, at, reset: dice.chance(50) }
    case "cut in a message":
    case "corrupt":
      return { kind, ...place }
    case "stall":
      return { kind, at, lasting: dice.between(200, 5_000) }
    case "black hole":
      return { kind, at }
    case "delay":
      return { kind, by: dice.between(2, 120) }
    case "trickle":
      return { kind, pieces: dice.between(1, 200) }
    default:
      return { kind }
  }
}

const links = new Set<Link>()
const met = new Map<string, number>()
let calm = false

const count = (kind: string): void => void met.set(kind, (met.get(kind) ?? 0) + 1)

/** One connection and what becomes of it. What a side has sent before it ended is passed on before its end. */
class Link {
  readonly #sides: Readonly<Record<Direction, net.Socket>>
  readonly #fate: Fate
  readonly #passed = { device: 0, client: 0 }
  readonly #timers = new Set<NodeJS.Timeout>()
  /** What waits while the connection is stalled. */
  #held: Array<() => void> | undefined

  constructor(client: net.Socket, port: number, fate: Fate) {
    const device = net.connect({ port, host: "127.0.0.1", noDelay: true })
    this.#sides = { client, device }
    this.#fate = fate
    links.add(this)
    this.#carry(client, "device")
    this.#carry(device, "client")
    if ("at" in fate) this.#after(fate.at, () => this.#strike())
  }

  #carry(from: net.Socket, towards: Direction): void {
    from.on("data", (bytes: Buffer) => this.#pass(() => this.#forward(bytes, towards)))
    from.on("error", () => this.#pass(() => this.cut()))
    from.on("close", () => this.#pass(() => this.#end(towards)))
    from.on("end", () => this.#pass(() => this.#end(towards)))
  }

  /** At once, or later, in the order in which it came. */
  #pass(action: () => void): void {
    if (this.#held !== undefined) this.#held.push(action)
    else if (this.#fate.kind === "delay" && !calm) this.#after(this.#fate.by, action)
    else action()
  }

  #forward(bytes: Buffer, towards: Direction): void {
    const before = this.#passed[towards]
    this.#passed[towards] += bytes.length
    const fate = this.#fate
    if (calm || !("byte" in fate) || fate.towards !== towards) return this.#write(bytes, towards)
    const at = fate.byte - before
    if (at < 0 || at >= bytes.length) return this.#write(bytes, towards)
    count(fate.kind)
    if (fate.kind === "corrupt") {
      bytes[at]! ^= 1 << (fate.byte % 8)
      return this.#write(bytes, towards)
    }
    this.#write(bytes.subarray(0, at), towards)
    this.cut()
  }

  #write(bytes: Buffer, towards: Direction): void {
    const to = this.#sides[towards]
    if (to.destroyed || to.writableEnded) return
    if (this.#fate.kind !== "trickle" || calm) return this.#offer(bytes, towards)
    for (let at = 0; at < bytes.length; at += this.#fate.pieces) to.write(bytes.subarray(at, at + this.#fate.pieces))
  }

  /** A side that does not read holds the other one back, as a network does. */
  #offer(bytes: Buffer, towards: Direction): void {
    const to = this.#sides[towards]
    const from = this.#sides[towards === "device" ? "client" : "device"]
    if (to.write(bytes) || from.isPaused()) return
    from.pause()
    const resume = () => {
      to.off("drain", resume).off("close", resume)
      from.resume()
    }
    to.on("drain", resume).on("close", resume)
  }

  #end(towards: Direction): void {
    this.#sides[towards].end()
    if (Object.values(this.#sides).every((socket) => socket.destroyed)) this.cut()
  }

  #strike(): void {
    if (calm) return
    const fate = this.#fate
    count(fate.kind)
    if (fate.kind === "cut") return this.cut(fate.reset)
    this.#held = []
    if (fate.kind === "stall") this.#after(fate.lasting, () => this.#resume())
  }

  #resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const action of held) action()
  }

  cut(reset = false): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of Object.values(this.#sides)) {
      if (reset) socket.resetAndDestroy()
      else socket.destroy()
    }
    this.#held = undefined
    links.delete(this)
  }

  /** The end of all mischief: a stalled connection is cut. */
  calm(): void {
    if (this.#held !== undefined) this.cut()
  }

  #after(time: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, time)
    this.#timers.add(timer)
  }
}

const listen = ({ name, port }: Route, seed: number, weights: Weights, within: number): Promise<number> =>
  new Promise((resolve) => {
    let connections = 0
    const server = net.createServer({ noDelay: true, allowHalfOpen: false }, (client) => {
      const fate: Fate = calm ? { kind: "calm" } : draw(dice(seed, "connection", name, connections++), weights, within)
      if (fate.kind === "calm" || fate.kind === "delay" || fate.kind === "trickle" || fate.kind === "refuse")
        count(fate.kind)
      client.on("error", () => client.destroy())
      if (fate.kind === "refuse") return void client.resetAndDestroy()
      void new Link(client, port, fate)
    })
    server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
  })

const methods: ProxyMethods = {
  start: ({ routes, seed, weights = chaos, within = 12_000 }) =>
    Promise.all(routes.map((route) => listen(route, seed, weights, within))),
  calm: () => {
    calm = true
    for (const link of links) link.calm()
    return Object.fromEntries(met)
  }
}

serve(methods)
