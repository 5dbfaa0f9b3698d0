/**
 * The codecs alone, without a network: `node bench/micro.ts`. MB/s of the end-of-message and chunked decoders fed in
 * pieces as SSH delivers them, of decoding and printing XML; microseconds per message head.
 */
import { makeDecoder, encode } from "../src/framing/Framing.ts"
import type { Mode, Receiver } from "../src/framing/Framing.ts"
import { decode } from "../src/xml/Parse.ts"
import { readHead } from "../src/xml/Head.ts"
import { print } from "../src/xml/Print.ts"
import { inChunks, interfaces } from "./peer.ts"

const piece = 32_768
const nothing: Receiver = { span: () => {}, end: () => {} }

/** Median seconds of one call, over at least 9 calls and half a second, the first quarter thrown away. */
const seconds = (work: () => void): number => {
  const all: Array<number> = []
  const began = performance.now()
  while (all.length < 9 || performance.now() - began < 500) {
    const at = performance.now()
    work()
    all.push((performance.now() - at) / 1000)
  }
  const warm = all.slice(all.length >> 2).toSorted((a, b) => a - b)
  return warm[warm.length >> 1]!
}

const speed = (what: string, bytes: number, work: () => void): void => {
  console.log(`${what.padEnd(48)}${(bytes / seconds(work) / 1e6).toFixed(1).padStart(10)} MB/s`)
}

const each = (what: string, work: () => void): void => {
  const calls = 1_000
  const one = seconds(() => {
    for (let i = 0; i < calls; i++) work()
  })
  console.log(`${what.padEnd(48)}${((one / calls) * 1e6).toFixed(2).padStart(10)} us`)
}

const feed = (mode: Mode, frame: Buffer, size: number) => () => {
  const decoder = makeDecoder({ mode })
  for (let at = 0; at < frame.length; at += size) decoder.push(frame.subarray(at, at + size), nothing)
}

const chunked = (message: Buffer, size: number): Buffer =>
  Buffer.concat([inChunks(message, size), Buffer.from("\n##\n")])

const message = interfaces(8 * 1024 * 1024)
const reply = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="101">${interfaces(1)}</rpc-reply>`
const replyBytes = Buffer.from(reply)

speed("decode end-of-message framing", message.length, feed("end-of-message", encode("end-of-message", message), piece))
speed("decode chunks of 16,384 octets", message.length, feed("chunked", chunked(message, 16_384), piece))
speed("decode chunks of 1,986 octets (netconfd's)", message.length, feed("chunked", chunked(message, 1_986), piece))
const part = message.subarray(0, 65_536)
speed("decode chunks of 16,384 octets, byte by byte", part.length, feed("chunked", chunked(part, 16_384), 1))
const document = Buffer.from(interfaces(1024 * 1024))
speed("XML to tree", document.length, () => void decode(document))
const tree = decode(document)
speed("tree to XML", document.length, () => void print(tree))
each(`head of a reply of ${replyBytes.length} bytes`, () => void readHead(replyBytes))
each(`reply of ${replyBytes.length} bytes to tree`, () => void decode(replyBytes))
each("rpc of 200 bytes to a chunked frame", () => void encode("chunked", reply.slice(0, 200)))
