/** Random messages in random frames and random cuts, counted work, and mutated streams. */
import { assert, describe, it } from "@effect/vitest"
import * as Framing from "../../src/framing/Framing.ts"
import { pieces } from "./everyCut.ts"
import * as Random from "./random.ts"
import { record, type Recorded } from "./record.ts"

/** Text that is hard on a decoder: beginnings of marks and headers in all combinations. */
const fragments = [
  "]",
  "]]",
  "]]>",
  "]]>]",
  "]]>]]",
  ">",
  "\n",
  "\n#",
  "\n##\n",
  "#",
  "1",
  "é",
  "𝒳",
  "<a>",
  "\0",
  "\uFEFF"
]

const message = (random: Random.Random): string =>
  `<${Array.from({ length: random.below(12) }, () => random.pick(fragments)).join("")}`

const junk = (random: Random.Random, kinds: ReadonlyArray<string>): string =>
  Array.from({ length: random.below(4) }, () => random.pick(kinds)).join("")

interface Stream {
  readonly bytes: Buffer
  readonly messages: ReadonlyArray<string>
  readonly upgradeAfter: number
}

/** A session: some end-of-message frames, then some chunked ones, with junk before each. */
const stream = (random: Random.Random): Stream => {
  const first = Array.from({ length: 1 + random.below(3) }, () => message(random)).filter((text) => carries(text))
  const second = Array.from({ length: first.length === 0 ? 0 : random.below(4) }, () => message(random))
  const endOfMessage = first.map((text) => [
    Buffer.from(junk(random, [" ", "\n", "\0", "\x07", "\uFEFF", "]]>]]>"])),
    Framing.encode("end-of-message", text)
  ])
  const chunked = second.map((text) => [
    Buffer.from(junk(random, [" ", "\n", "\0", "\x07"])),
    Framing.encode("chunked", text, { chunkSize: 1 + random.below(9) })
  ])
  const latin1 = (text: string) => Buffer.from(text).toString("latin1")
  return {
    bytes: Buffer.concat([...endOfMessage, ...chunked].flat()),
    messages: [...first, ...second].map(latin1),
    upgradeAfter: second.length === 0 ? 0 : first.length
  }
}

const carries = (text: string): boolean => `${text}]]>]]>`.indexOf("]]>]]>") === text.length

describe("any cut of any session", () => {
  it("gives back the messages that were framed, and the same counters as the whole", () => {
    for (let seed = 1; seed <= 1_500; seed++) {
      const random = Random.make(seed)
      const { bytes, messages, upgradeAfter } = stream(random)
      const whole = record([bytes], { upgradeAfter })
      assert.deepStrictEqual(whole.messages, messages, `seed ${seed}`)
      assert.deepStrictEqual([whole.error, whole.rest, whole.inMessage], [undefined, "", false], `seed ${seed}`)
      assert.deepStrictEqual(record(Random.split(random, bytes), { upgradeAfter }), whole, `seed ${seed}`)
      assert.deepStrictEqual(record(pieces(bytes, 1), { upgradeAfter }), whole, `seed ${seed}, byte by byte`)
    }
  })
})

/** The framing of RFC 6242 §4.3 read off in the plainest way, from all the bytes at once. */
const plainEndOfMessage = (bytes: string): Pick<Recorded, "messages" | "rest"> => {
  // oxlint-disable-next-line no-control-regex -- NUL and BEL are what devices send
  const frames = bytes.split("]]>]]>").map((frame) => frame.replace(/^(?:[ \t\r\n\0\x07]|\xef\xbb\xbf)+/, ""))
  const rest = frames.pop()!
  const held = ["]]>]]", "]]>]", "]]>", "]]", "]", "\xef\xbb", "\xef"]
  const back = held.find((text) => rest.endsWith(text) && (text.startsWith("]") || rest === text)) ?? ""
  return { messages: frames.filter((frame) => frame !== ""), rest: rest.slice(0, rest.length - back.length) }
}

describe("end-of-message framing of any bytes", () => {
  it("agrees with the plainest reading, however it is cut", () => {
    for (let seed = 1; seed <= 3_000; seed++) {
      const random = Random.make(seed)
      const text = Array.from({ length: random.below(24) }, () =>
        random.pick(["]", "]", ">", " ", "\xef", "\xbb", "\xbf", "x"])
      )
      const bytes = Buffer.from(text.join(""), "latin1")
      const { messages, rest } = record(Random.split(random, bytes))
      assert.deepStrictEqual({ messages, rest }, plainEndOfMessage(text.join("")), `seed ${seed}`)
    }
  })
})

/** Counts every byte that is read: one by one, or in a search. */
const counting = (bytes: Buffer, count: { looks: number }): Buffer =>
  new Proxy(bytes, {
    get: (target, property) => {
      if (typeof property === "string" && /^\d+$/.test(property)) count.looks++
      if (property === "indexOf") {
        return (mark: Buffer, from: number) => {
          const found = target.indexOf(mark, from)
          count.looks += (found < 0 ? target.length : found + mark.length) - from
          return found
        }
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })

const looks = (bytes: Buffer, size: number, mode: Framing.Mode): number => {
  const decoder = Framing.makeDecoder({ mode })
  const count = { looks: 0 }
  const ignore = { span: () => {}, end: () => {} }
  for (let at = 0; at < bytes.length; at += size) decoder.push(counting(bytes.subarray(at, at + size), count), ignore)
  return count.looks
}

describe("work", () => {
  const repeated = (text: string, bytes: number) => text.repeat(Math.ceil(bytes / text.length))
  const size = 20_000

  it.each([
    ["data", repeated("<a>b</a>", size)],
    ["nothing but beginnings of marks", repeated("]]>]]", size)],
    ["brackets", repeated("]", size)],
    ["small messages", repeated("<a/>]]>]]>", size)]
  ])("looks at a byte once in end-of-message framing, save at the border of two pushes: %s", (_, text) => {
    const bytes = Buffer.from(text)
    // The first byte of a message has been looked at as one that might have been skipped.
    const messages = text.split("]]>]]>").length
    for (const piece of [bytes.length, 4_096, 100, 7, 6, 5, 2, 1]) {
      const borders = Math.ceil(bytes.length / piece) * Math.min(piece, 5) * 2
      assert.isAtMost(looks(bytes, piece, "end-of-message"), bytes.length + messages + borders, `pieces of ${piece}`)
    }
  })

  it("looks once at each byte of a header, and at no data, in chunked framing", () => {
    for (const chunkSize of [1, 2, 10, 1_986, size]) {
      const bytes = Framing.encode("chunked", repeated("<a>b</a>", size), { chunkSize })
      for (const piece of [bytes.length, 100, 3, 1]) {
        assert.strictEqual(looks(bytes, piece, "chunked"), bytes.length - size, `chunks of ${chunkSize} in ${piece}`)
      }
    }
  })
})

const mutate = (random: Random.Random, bytes: Buffer): Buffer => {
  const mutated = Buffer.from(bytes)
  const at = random.below(bytes.length + 1)
  switch (random.below(4)) {
    case 0:
      mutated[at % bytes.length] = random.below(256)
      return mutated
    case 1:
      return Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random.below(5))])
    case 2:
      return Buffer.concat([mutated.subarray(0, at), Buffer.from(random.pick(fragments)), mutated.subarray(at)])
    default:
      return Buffer.concat([mutated.subarray(0, at), mutated.subarray(random.below(at + 1))])
  }
}

describe("mutated sessions", () => {
  it("throw nothing but FramingError, and the same for every cut", () => {
    const outcomes = { error: 0, fine: 0 }
    for (let seed = 1; seed <= 4_000; seed++) {
      const random = Random.make(seed)
      const { bytes, upgradeAfter } = stream(random)
      if (bytes.length === 0) continue
      let mutated = mutate(random, bytes)
      while (random.below(3) > 0 && mutated.length > 0) mutated = mutate(random, mutated)
      const whole = record([mutated], { upgradeAfter })
      assert.deepStrictEqual(record(Random.split(random, mutated), { upgradeAfter }), whole, `seed ${seed}`)
      outcomes[whole.error === undefined ? "fine" : "error"]++
    }
    assert.isAbove(outcomes.error, 300)
    assert.isAbove(outcomes.fine, 300)
  })
})
