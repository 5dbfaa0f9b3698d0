/**
 * Real sessions' bytes, damaged: through the decoder, the message reader, and a whole session over memory. What may come
 * of it is a value or a typed error; a defect, a hang or a thrown exception is a finding, reported with its seed.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import * as Errors from "../../src/errors.ts"
import * as Framing from "../../src/framing/Framing.ts"
import * as Message from "../../src/rpc/Message.ts"
import * as Reply from "../../src/rpc/Reply.ts"
import { Dialects, SampleModel, SimulatedDevice } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import * as Random from "../framing/random.ts"

/** What a device sent in one session, packet by packet: the hello and one reply per rpc. */
export interface Recording {
  readonly name: string
  readonly packets: ReadonlyArray<Buffer>
}

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`

/** The calls of every recorded and every damaged session, so that the message-ids agree. */
const calls = (session: Session): ReadonlyArray<Effect.Effect<unknown, unknown>> => [
  Effect.flatMap(session.get(), (reply) => reply.data),
  Effect.flatMap(session.getConfig({ source: "candidate" }), (reply) => reply.tree),
  session.locked(
    ["running", "candidate"],
    Effect.andThen(session.editConfig({ target: "candidate", config: hostname("r1") }), session.commit())
  ),
  session.editConfig({ target: "running", config: hostname("-wrong name-"), capabilityCheck: false }),
  session.edit(hostname("r2"), { save: true }),
  session.rpc(`<nonsense xmlns="urn:x"/>`),
  session.unlock(),
  Effect.flatMap(session.getConfig(), (reply) => reply.data)
]

const tapped = (transport: Transport, packets: Array<Buffer>): Transport => ({
  ...transport,
  open: (handler, context) =>
    transport.open(
      {
        ...handler,
        data: (bytes) => {
          packets.push(Buffer.from(bytes))
          handler.data(bytes)
        }
      },
      context
    )
})

const recordOne = (name: string, dialect: Partial<Dialects.Dialect>): Effect.Effect<Recording> =>
  Effect.scoped(
    Effect.gen(function* () {
      const packets: Array<Buffer> = []
      const device = yield* SimulatedDevice.make({ dialect })
      yield* Effect.scoped(
        Effect.flatMap(Netconf.connect({ transport: tapped(device.transport, packets) }), (session) =>
          Effect.forEach(calls(session), Effect.exit, { discard: true })
        )
      )
      return { name, packets }
    })
  ).pipe(Effect.orDie)

export const record: Effect.Effect<ReadonlyArray<Recording>> = Effect.all([
  recordOne("chunked", {}),
  recordOne("end-of-message", { framing: "end-of-message" }),
  recordOne("small chunks", { chunkSize: 7 }),
  recordOne("junos", Dialects.junos),
  recordOne("no message-id", Dialects.iosXe171501)
])

const debris = [
  "\n#0\n",
  "\n#1\n",
  "\n##\n",
  "\n#4294967295\n",
  "\n#999\n",
  "]]>]]>",
  "]]>",
  "<",
  ">",
  "&",
  "&#0;",
  "&x;",
  '"',
  "'",
  "\0",
  "\u0007",
  "\ufeff",
  "\xff",
  "\xc3",
  "<rpc-error/>",
  "<ok/>",
  "</rpc-reply>",
  "<rpc-reply>",
  '<rpc-reply message-id="1"/>',
  "<!DOCTYPE a>",
  "<![CDATA[",
  "<!--",
  "-->",
  "<?x",
  "<notification/>",
  "<hello/>",
  ' message-id="3"',
  ' xmlns=""',
  "<a>".repeat(300),
  "x".repeat(5000)
].map((text) => Buffer.from(text, "latin1"))

const damageOnce = (random: Random.Random, bytes: Buffer): Buffer => {
  const at = random.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + random.below(random.pick([2, 8, 60, 400])))
  switch (random.below(7)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 1:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.pick(debris), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), random.pick(debris), bytes.subarray(end)])
    case 4:
      return bytes.subarray(0, at)
    default: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = copy[at]! ^ (1 << random.below(8))
      return copy
    }
  }
}

const damage = (random: Random.Random, bytes: Buffer): Buffer => {
  let damaged = bytes
  for (let times = random.below(4); times > 0; times--) damaged = damageOnce(random, damaged)
  return damaged
}

/** Some packets damaged, left out, repeated or exchanged. */
const damageSession = (random: Random.Random, packets: ReadonlyArray<Buffer>): Array<Buffer> => {
  const damaged = packets.map((packet) => (random.below(4) === 0 ? damage(random, packet) : packet))
  const one = random.below(damaged.length)
  const other = random.below(damaged.length)
  switch (random.below(6)) {
    case 0:
      damaged.splice(one, 1)
      break
    case 1:
      damaged.splice(one, 0, damaged[other]!)
      break
    case 2:
      ;[damaged[one], damaged[other]] = [damaged[other]!, damaged[one]!]
      break
  }
  return damaged
}

const through = (random: Random.Random, bytes: Buffer): void => {
  const decoder = Framing.makeDecoder()
  const collect = new Message.Collect(random.pick([200, 5000, 1_000_000]))
  let first = true
  const receiver = {
    span: (span: Buffer) => collect.add(span),
    end: () => {
      readMessage(random, collect.take())
      if (first && bytes.includes("\n##\n")) decoder.upgrade()
      first = false
    }
  }
  try {
    for (const piece of Random.split(random, bytes)) decoder.push(piece, receiver)
  } catch (error) {
    if (!(error instanceof Framing.FramingError)) throw error
  }
}

const readMessage = (random: Random.Random, bytes: Buffer): void => {
  Message.replyIdOf(bytes)
  try {
    const message = Message.read(bytes, random.pick(["refuse", "replace"] as const))
    const judgement = Reply.judge(message, random.pick(["ok", "data", "output"] as const), {})
    if (judgement._tag !== "Success") return
    const reply = Reply.make({ message, judgement, context: {}, limits: {}, elapsed: 0, receivedAt: 0 })
    typed(Effect.runSyncExit(reply.data))
  } catch (error) {
    if (!(error instanceof Message.MessageError)) throw error
  }
}

/** Success or the library's own errors; anything else is a finding. */
const typed = (exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit)) return
  for (const reason of exit.cause.reasons) {
    if (Cause.isFailReason(reason) && Errors.isNetconfError(reason.error)) {
      void reason.error.message
      continue
    }
    throw new Error(`not a typed error: ${Cause.pretty(exit.cause)}`)
  }
}

/** A far side that sends the next packet for each message that it gets, and closes when it has none left. */
const replaying = (random: Random.Random, packets: Array<Buffer>): Transport =>
  Memory.make((endpoint) => {
    const next = (): void => {
      const packet = packets.shift()
      if (packet === undefined)
        return endpoint.close({ by: random.pick(["peer", "network"] as const), detail: "the recording is over" })
      for (const piece of Random.split(random, packet)) connection.write(piece)
    }
    // What was cut off may be what the client waits for: after a while it gets the next packet all the same.
    let idle = 0
    let ended = false
    const impatient = (): void => {
      if (++idle > 10) next()
      if (!ended) setImmediate(impatient)
    }
    setImmediate(impatient)
    const connection = endpoint.connect({
      data: () => {
        idle = 0
        next()
      },
      drain: () => {},
      end: () => {
        ended = true
      }
    })
  })

const session = async (random: Random.Random, packets: ReadonlyArray<Buffer>): Promise<void> => {
  const options = {
    transport: replaying(random, damageSession(random, packets)),
    deadlines: { hello: "2 seconds", rpc: "2 seconds", progress: "1 second", close: "100 millis" },
    invalidUtf8: random.pick(["refuse", "replace"] as const),
    maxOutstanding: random.pick([1, 4]),
    limits: { bytes: random.pick([2000, 1_000_000]) }
  } as const
  const program = Effect.scoped(
    Effect.flatMap(Netconf.connect(options), (open) =>
      Effect.forEach(calls(open), Effect.exit, { concurrency: random.pick([1, 8]) })
    )
  )
  const hang = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("it hangs")), 15_000).unref()
  })
  const exit = await Promise.race([Effect.runPromiseExit(program), hang])
  typed(exit)
  if (Exit.isSuccess(exit)) exit.value.forEach(typed)
}

export interface Outcome {
  readonly rounds: number
  /** Each with the seed that repeats it. */
  readonly findings: ReadonlyArray<{ readonly seed: number; readonly recording: string; readonly error: unknown }>
}

/** Damages recordings from a seed on, for so many seconds; stops at the third finding. */
export const run = async ({ seconds, seed }: { readonly seconds: number; readonly seed: number }): Promise<Outcome> => {
  const recordings = await Effect.runPromise(record)
  const findings: Array<Outcome["findings"][number]> = []
  const loud: Array<Error> = []
  const listen = (error: Error) => loud.push(error)
  process.on("warning", listen)
  process.on("unhandledRejection", listen)
  const until = performance.now() + seconds * 1000
  let rounds = 0
  for (; performance.now() < until && findings.length < 3; rounds++) {
    const random = Random.make(seed + rounds)
    const { name, packets } = random.pick(recordings)
    try {
      for (let times = 0; times < 10; times++)
        through(random, damage(random, Buffer.concat(damageSession(random, packets))))
      await session(random, packets)
      await new Promise((resolve) => setImmediate(resolve))
      if (loud.length > 0) throw loud.splice(0)[0]
    } catch (error) {
      findings.push({ seed: seed + rounds, recording: name, error })
    }
  }
  process.off("warning", listen)
  process.off("unhandledRejection", listen)
  return { rounds, findings }
}
