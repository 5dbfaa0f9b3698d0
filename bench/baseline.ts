/**
 * The floor: `ssh2` alone with a bare `Buffer.indexOf` for the end of a reply. No framing, no message-ids looked at, no
 * XML, no deadlines. What the library costs is measured against this.
 */
import type ssh2 from "ssh2"
import type { ClientChannel } from "ssh2"
import { dial, hello, namespace } from "./dial.ts"
import { getXml, largeFilter, main } from "./measure.ts"
import type { Client, Target } from "./measure.ts"

const endOfMessage = Buffer.from("]]>]]>")
const endOfChunks = Buffer.from("\n##\n")

const make = (target: Target): Client => {
  const chunked = target.username !== "base10"
  const mark = chunked ? endOfChunks : endOfMessage
  let ssh: ssh2.Client
  let channel: ClientChannel
  let id = 0
  let parts: Array<Buffer> = []
  let ended: () => void = () => {}

  const frame = (body: string): string => {
    const rpc = `<rpc xmlns="${namespace}" message-id="${++id}">${body}</rpc>`
    return chunked ? `\n#${Buffer.byteLength(rpc)}\n${rpc}\n##\n` : `${rpc}]]>]]>`
  }

  // the mark may be cut between two reads
  const atSeam = (bytes: Buffer): number => {
    const last = parts.at(-1)
    if (last === undefined) return 0
    const carried = Math.min(mark.length - 1, last.length)
    const at = Buffer.concat([last.subarray(-carried), bytes.subarray(0, mark.length - 1)]).indexOf(mark)
    return at < 0 ? 0 : at + mark.length - carried
  }

  const take = (bytes: Buffer) => {
    let rest = bytes
    const nextEnd = () => {
      const at = rest.indexOf(mark)
      return at < 0 ? 0 : at + mark.length
    }
    for (let end = atSeam(rest) || nextEnd(); end > 0; end = nextEnd()) {
      parts.push(rest.subarray(0, end))
      rest = rest.subarray(end)
      ended()
    }
    if (rest.length > 0) parts.push(rest)
  }

  const connect = async () => {
    ;({ ssh, channel } = await dial(target))
    await new Promise<void>((resolve) => {
      channel.on("data", (bytes: Buffer) => {
        parts.push(bytes)
        if (!bytes.includes(endOfMessage)) return
        parts = []
        channel.removeAllListeners("data")
        channel.on("data", take)
        resolve()
      })
      channel.write(hello)
    })
  }

  const sequential = (count: number) =>
    new Promise<void>((resolve) => {
      let left = count
      const request = () => channel.write(frame(getXml))
      ended = () => {
        parts = []
        if (--left === 0) resolve()
        else request()
      }
      request()
    })

  const pipelined = (count: number, window: number) =>
    new Promise<void>((resolve) => {
      let sent = Math.min(window, count)
      let left = count
      ended = () => {
        parts = []
        if (sent < count) {
          sent++
          channel.write(frame(getXml))
        }
        if (--left === 0) resolve()
      }
      for (let i = 0; i < sent; i++) channel.write(frame(getXml))
    })

  const large = (size: number) =>
    new Promise<string>((resolve) => {
      ended = () => {
        const text = Buffer.concat(parts).toString("utf8")
        parts = []
        resolve(text)
      }
      const filter = `<filter type="subtree">${largeFilter(size)}</filter>`
      channel.write(frame(`<get-config><source><running/></source>${filter}</get-config>`))
    })

  const close = () =>
    new Promise<void>((resolve) => {
      ssh.on("close", () => resolve())
      ended = () => {
        parts = []
        ssh.end()
      }
      channel.write(frame("<close-session/>"))
    })

  return { connect, sequential, pipelined, large, close }
}

await main(make)
