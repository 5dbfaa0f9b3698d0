/**
 * A device with notifications and nothing else, on a real SSH port of 127.0.0.1: `node bench/notifier.ts` prints its port
 * and host key as `server.ts` does, and then does what each line of standard input says to the sessions that have subscribed
 * to a stream. It answers each line when all of that is written. What it sends is made as it goes, no faster than the
 * windows of its readers let it, so a gigabyte costs it no memory.
 */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import ssh2 from "ssh2"
import type { ServerChannel } from "ssh2"
import * as Keys from "../src/testing/Keys.ts"
import * as KnownHosts from "../src/transport/KnownHosts.ts"
import { serve } from "./peer.ts"
import * as Records from "./records.ts"

export interface Order {
  /** The stream whose subscribers get it: each client of a run has one of its own. */
  readonly stream: string
  readonly send: "burst" | "paced"
  /** Records for each session. */
  readonly count: number
  /** Bytes of a record. */
  readonly size: number
  /** Of a burst: records that are written at once, as a server does that buffers. */
  readonly together?: number
  /** Of paced records: how many a second on each session; and how many sessions get any, all by default. */
  readonly perSecond?: number
  readonly sessions?: number
}

interface Subscribed {
  readonly channel: ServerChannel
  readonly frame: (text: string) => Buffer
}

const streams = new Map<string, Set<Subscribed>>()

const subscribe = (stream: string, one: Subscribed): void => {
  const all = streams.get(stream) ?? new Set()
  streams.set(stream, all.add(one))
  one.channel.once("close", () => all.delete(one))
}

/** As much as the channel takes, then the rest whenever it drains. */
const burst = ({ channel, frame }: Subscribed, { count, size, together = 1 }: Order): Promise<void> =>
  new Promise((resolve) => {
    const records = Records.burst(size, frame)
    let sent = 0
    const over = (): void => {
      channel.off("drain", go)
      channel.off("close", over)
      resolve()
    }
    const go = (): void => {
      for (let goesOn = true; goesOn; sent += together) {
        if (sent >= count) return over()
        goesOn = channel.write(records(sent + 1, Math.min(together, count - sent)))
      }
    }
    channel.on("drain", go).on("close", over)
    go()
  })

/** All sessions in turn, spread evenly over the time between two records of one. */
const paced = async (all: ReadonlyArray<Subscribed>, { count, perSecond = 10, size }: Order): Promise<void> => {
  const total = all.length * count
  const perMilli = (all.length * perSecond) / 1000
  const began = performance.now()
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.ceil((performance.now() - began) * perMilli))
    for (; sent < due; sent++) {
      const { channel, frame } = all[sent % all.length]!
      channel.write(Records.written(size, frame))
    }
    await sleep(1)
  }
}

const perform = async (order: Order): Promise<void> => {
  const all = [...(streams.get(order.stream) ?? [])].slice(0, order.sessions)
  if (order.send === "paced") await paced(all, order)
  else await Promise.all(all.map((one) => burst(one, order)))
}

const hostKey = Keys.generate()

const ssh = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, (client) => {
  let chunked = true
  client.on("error", () => client.end())
  client.on("authentication", (context) => {
    chunked = context.username !== "base10"
    if (context.method === "password") context.accept()
    else context.reject(["password"])
  })
  client.on("session", (acceptSession) => {
    acceptSession().on("subsystem", (acceptSubsystem) => {
      const channel = acceptSubsystem()
      const push = serve({
        chunked,
        write: (bytes) => channel.write(bytes),
        end: () => channel.end(),
        subscribed: (stream, frame) => subscribe(stream, { channel, frame })
      })
      channel.on("data", push)
    })
  })
})

const listener = createServer({ noDelay: true }, (socket) => ssh.injectSocket(socket))
listener.listen(0, "127.0.0.1", 1_024, () => {
  const blob = Buffer.from(hostKey.publicKey.split(" ")[1]!, "base64")
  const { port } = listener.address() as AddressInfo
  console.log(JSON.stringify({ port, fingerprint: KnownHosts.fingerprint(blob) }))
})
createInterface(process.stdin)
  .on("line", (line) => void perform(JSON.parse(line) as Order).then(() => console.log("{}")))
  .on("close", () => process.exit(0))
