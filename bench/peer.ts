/**
 * A NETCONF server that does nothing, as cheaply as it can, so that what is measured is the client: a canned hello, the
 * message-id found by a byte scan, replies from prebuilt buffers. It plays over any pair of `push` and `write`.
 *
 * get: about 200 bytes. get-config: as many bytes of interfaces as `<size>` in the request asks for. close-session: ok,
 * and the end. create-subscription: ok, and whoever wants to is told of it. Anything else: ok.
 */
import { Buffer } from "node:buffer"

export interface PeerOptions {
  readonly write: (bytes: Buffer) => void
  readonly end: () => void
  /** Whether the hello offers base:1.1. Default: true. */
  readonly chunked?: boolean
  /** Size of the reply to a get-config that does not ask for one. Default: 1 MiB. */
  readonly size?: number
  /** Told of each subscription, once its ok is written; the hello then offers notifications. */
  readonly subscribed?: (stream: string, frame: (text: string) => Buffer) => void
}

/** Octets per framing chunk of a large reply: what servers that buffer a little use. */
export const chunkSize = 16_384

const base = "urn:ietf:params:xml:ns:netconf:base:1.0"
const endOfMessage = Buffer.from("]]>]]>")
const endOfChunks = Buffer.from("\n##\n")

const notifying = ["notification", "interleave"]
  .map((name) => `<capability>urn:ietf:params:netconf:capability:${name}:1.0</capability>`)
  .join("")

const hello = (chunked: boolean, notifies: boolean): Buffer =>
  Buffer.from(
    `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>` +
      (chunked ? "<capability>urn:ietf:params:netconf:base:1.1</capability>" : "") +
      "<capability>urn:ietf:params:netconf:capability:candidate:1.0</capability>" +
      (notifies ? notifying : "") +
      "</capabilities><session-id>4</session-id></hello>]]>]]>"
  )

const head = (id: string): string => `<rpc-reply xmlns="${base}" message-id="${id}">`
const tail = "</rpc-reply>"
const small =
  '<data><interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name>' +
  "<enabled>true</enabled></interface></interfaces></data>"

/** A `data` element of at least so many bytes of interfaces. */
export const interfaces = (size: number): Buffer => {
  const parts = ['<data><interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">']
  for (let i = 0, length = 0; length < size; i++) {
    const entry =
      `<interface><name>eth${i}</name><description>uplink of rack ${i % 97}, port ${i % 48}</description>` +
      `<type>ethernetCsmacd</type><enabled>true</enabled><mtu>9000</mtu></interface>\n`
    parts.push(entry)
    length += entry.length
  }
  return Buffer.from(`${parts.join("")}</interfaces></data>`)
}

/** Cut into framing chunks, without the end of chunks. */
export const inChunks = (bytes: Buffer, size = chunkSize): Buffer => {
  const parts: Array<Buffer> = []
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    parts.push(Buffer.from(`\n#${chunk.length}\n`), chunk)
  }
  return Buffer.concat(parts)
}

const bodies = new Map<string, Buffer>()

const largeBody = (size: number, chunked: boolean): Buffer => {
  const key = `${size} ${chunked}`
  let body = bodies.get(key)
  if (body === undefined) {
    const plain = interfaces(size)
    bodies.set(key, (body = chunked ? inChunks(plain) : plain))
  }
  return body
}

const smallBodies = new Map<number, string>()

const smallBody = (size: number): string => {
  let body = smallBodies.get(size)
  if (body === undefined) smallBodies.set(size, (body = interfaces(size).toString("latin1")))
  return body
}

const between = (text: string, before: string, after: string): string | undefined => {
  const start = text.indexOf(before)
  if (start < 0) return undefined
  return text.slice(start + before.length, text.indexOf(after, start + before.length))
}

/** Sends the hello and gives the function that takes the client's bytes. */
export const serve = (options: PeerOptions): ((bytes: Buffer) => void) => {
  const offersChunks = options.chunked ?? true
  let chunked = false
  let greeted = false
  let rest: Buffer = Buffer.alloc(0)

  const whole = (text: string): Buffer =>
    Buffer.from(chunked ? `\n#${Buffer.byteLength(text)}\n${text}\n##\n` : `${text}]]>]]>`)

  const sendLarge = (id: string, size: number) => {
    // As a device would: what is small is one write.
    if (size <= 4_096) return options.write(whole(`${head(id)}${smallBody(size)}${tail}`))
    const body = largeBody(size, chunked)
    const open = head(id)
    options.write(Buffer.from(chunked ? `\n#${open.length}\n${open}` : open))
    options.write(body)
    options.write(Buffer.from(chunked ? `\n#${tail.length}\n${tail}\n##\n` : `${tail}]]>]]>`))
  }

  const answer = (request: string) => {
    if (!greeted) {
      greeted = true
      chunked = offersChunks && request.includes("urn:ietf:params:netconf:base:1.1")
      return
    }
    const id = between(request, 'message-id="', '"') ?? "0"
    if (request.includes("<get-config")) {
      sendLarge(id, Number(between(request, "<size>", "<") ?? options.size ?? 1_048_576))
    } else if (request.includes("<close-session")) {
      options.write(whole(`${head(id)}<ok/>${tail}`))
      options.end()
    } else if (request.includes("<create-subscription") && options.subscribed !== undefined) {
      options.write(whole(`${head(id)}<ok/>${tail}`))
      options.subscribed(between(request, "<stream>", "<") ?? "NETCONF", whole)
    } else {
      options.write(whole(`${head(id)}${request.includes("<get") ? small : "<ok/>"}${tail}`))
    }
  }

  options.write(hello(offersChunks, options.subscribed !== undefined))
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    for (;;) {
      const mark = chunked ? endOfChunks : endOfMessage
      const at = rest.indexOf(mark)
      if (at < 0) return
      const request = rest.toString("latin1", 0, at)
      rest = rest.subarray(at + mark.length)
      answer(request)
    }
  }
}
