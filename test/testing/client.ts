/** A client of raw messages for the tests of this folder: it shows what the device sends, and hides nothing. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Framing from "../../src/framing/Framing.ts"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import type { EndReason, Transport } from "../../src/transport/Transport.ts"

export const base = "urn:ietf:params:xml:ns:netconf:base:1.0"

export const helloText = (versions: ReadonlyArray<string> = ["1.0", "1.1"]): string =>
  `<hello xmlns="${base}"><capabilities>${versions
    .map((version) => `<capability>urn:ietf:params:netconf:base:${version}</capability>`)
    .join("")}</capabilities></hello>`

export interface Client {
  /** The device's hello, with whatever stood around it. */
  readonly hello: string
  readonly sessionId: number
  readonly received: () => string
  /** The next message. */
  readonly next: Effect.Effect<string>
  readonly ended: Effect.Effect<EndReason>
  readonly send: (message: string) => void
  readonly sendBytes: (bytes: string | Uint8Array) => void
  /** Sends `<rpc>` around a body and takes the next message. */
  readonly rpc: (body: string, attributes?: string) => Effect.Effect<string>
}

const rpcText = (body: string, attributes: string) => `<rpc xmlns="${base}" ${attributes}>${body}</rpc>`

/** Opens the transport; with `versions` empty it says no hello and reads none. */
export const open = (
  transport: Transport,
  versions: ReadonlyArray<string> = ["1.0", "1.1"]
): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.gen(function* () {
    const messages = yield* Queue.unbounded<string>()
    const ends = yield* Queue.unbounded<EndReason>()
    const decoder = Framing.makeDecoder()
    let spans: Array<Buffer> = []
    let all = ""
    let hello: string | undefined
    const receive = (text: string) => {
      if (hello === undefined) {
        hello = text
        if (text.includes("base:1.1") && versions.includes("1.1")) decoder.upgrade()
      }
      Queue.offerUnsafe(messages, text)
    }
    const connection = yield* Effect.orDie(
      transport.open(
        {
          data: (bytes) => {
            all += Buffer.from(bytes).toString("latin1")
            decoder.push(bytes, {
              span: (span) => spans.push(span),
              end: () => {
                const text = Buffer.concat(spans).toString()
                spans = []
                receive(text)
              }
            })
          },
          drain: () => {},
          end: (reason) => Queue.offerUnsafe(ends, reason)
        },
        { label: "test", deadlines: Deadlines.defaults }
      )
    )
    const client = {
      received: () => all,
      next: Queue.take(messages),
      ended: Queue.take(ends),
      send: (message: string) => void connection.write(Framing.encode(decoder.mode, message)),
      sendBytes: (bytes: string | Uint8Array) => void connection.write(Buffer.from(bytes as string)),
      rpc: (body: string, attributes = `message-id="101"`) => {
        return Effect.suspend(() => {
          connection.write(Framing.encode(decoder.mode, rpcText(body, attributes)))
          return Queue.take(messages)
        })
      }
    }
    if (versions.length === 0) return { ...client, hello: "", sessionId: 0 }
    connection.write(Framing.encode("end-of-message", helloText(versions)))
    const text = yield* Queue.take(messages)
    return { ...client, hello: text, sessionId: Number(/session-id>(\d+)</.exec(text)?.[1] ?? 0) }
  })

/** Lets everything that waits for nothing but its turn have it; afterwards only clocks and sockets are waited for. */
export const settle: Effect.Effect<void> = Effect.promise(async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
})
