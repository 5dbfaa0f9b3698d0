import { assert, describe, it } from "@effect/vitest"
import * as Framing from "../../src/framing/Framing.ts"
import { everyCut, everyCutWithTrailing } from "./everyCut.ts"
import { type Recorded, record, type RecordOptions } from "./record.ts"

const decode = (bytes: string, options: RecordOptions = {}): Recorded =>
  everyCut(Buffer.from(bytes, "latin1"), (cut) => record(cut, options))

const chunked = (bytes: string): Recorded => decode(bytes, { mode: "chunked" })

const ignore: Framing.Receiver = { span: () => {}, end: () => {} }

describe("the examples of RFC 6242", () => {
  const base = "urn:ietf:params:xml:ns:netconf:base:1.0"
  const closeSession = `<rpc message-id="102"\n     xmlns="${base}">\n  <close-session/>\n</rpc>`

  it("reads the chunked message of §4.2", () => {
    const frame = Buffer.from(
      `\n#4\n<rpc\n#18\n message-id="102"\n\n#79\n     xmlns="${base}">\n  <close-session/>\n</rpc>\n##\n`
    )
    const inChunks = (cut: ReadonlyArray<Uint8Array>) => record(cut, { mode: "chunked" })
    const read = everyCutWithTrailing(frame, frame, inChunks, (_, longer) => {
      assert.deepStrictEqual(longer.messages, [closeSession, closeSession])
    })
    assert.deepStrictEqual(read, {
      messages: [closeSession],
      rest: "",
      error: undefined,
      errorOffset: undefined,
      mode: "chunked",
      inMessage: false,
      messageBytes: 0,
      tolerated: {}
    })
  })

  it("reads end-of-message frames (§4.3) that are each followed by a line feed", () => {
    const read = decode(`<?xml version="1.0"?>\n${closeSession}\n]]>]]>\n<rpc-reply/>\n]]>]]>\n`)
    assert.deepStrictEqual(read.messages, [`<?xml version="1.0"?>\n${closeSession}\n`, "<rpc-reply/>\n"])
    assert.deepStrictEqual(read.tolerated, { whitespace: 2 })
  })

  it("reads chunks that arrive in the same bytes as the hello (§4.1)", () => {
    const read = decode("<hello/>]]>]]>\n#6\n<rpc/>\n##\n", { upgradeAfter: 1 })
    assert.deepStrictEqual(read.messages, ["<hello/>", "<rpc/>"])
    assert.strictEqual(read.mode, "chunked")
    assert.deepStrictEqual(read.tolerated, {})
  })
})

describe("end-of-message framing", () => {
  it.each([
    ["<a/>]]>]]>", ["<a/>"]],
    ["<a>]]]>]]>", ["<a>]"]],
    ["]]]>]]>]]>", ["]"]],
    ["]]>]]]]>]]>", ["]]>]]"]],
    ["]]>]]>y]]>]]>", ["y"]],
    ["<a>]]>]>]]>]]>", ["<a>]]>]>"]],
    ["<a>]]>]]x]]>]]>", ["<a>]]>]]x"]],
    ["<a>]]>]]]>]]>", ["<a>]]>]"]],
    ["x]]>]]>y]]>]]>", ["x", "y"]],
    ["x]]>]]>]]>]]>", ["x"]]
  ])("finds the first whole mark in %s", (bytes, messages) => {
    assert.deepStrictEqual(decode(bytes).messages, messages)
  })

  it.each(["]", "]]", "]]>", "]]>]", "]]>]]"])("holds back %s until it is known to be data", (held) => {
    const open = decode(`<a>${held}`)
    assert.deepStrictEqual([open.rest, open.messageBytes, open.inMessage], ["<a>", 3 + held.length, true])
    assert.strictEqual(decode(`<a>${held}z`).rest, `<a>${held}z`)
    assert.deepStrictEqual(decode(`<a>${held}z]]>]]>`).messages, [`<a>${held}z`])
  })

  it("skips and counts white space, NUL, BEL and a byte order mark before a message", () => {
    const read = decode("\n\0\x07 \t\r\xef\xbb\xbf\n<a/>]]>]]>\xef\xbb\xbf<b/>]]>]]>\0")
    assert.deepStrictEqual(read.messages, ["<a/>", "<b/>"])
    assert.deepStrictEqual(read.tolerated, { whitespace: 5, nul: 2, bel: 1, bom: 2 })
    assert.isFalse(read.inMessage)
  })

  it("leaves them alone inside a message", () => {
    assert.deepStrictEqual(decode("<a>\n\0\x07\xef\xbb\xbf</a>\n]]>]]>").messages, ["<a>\n\0\x07\xef\xbb\xbf</a>\n"])
  })

  it("gives out what only began like a byte order mark", () => {
    assert.deepStrictEqual(decode("\xef\xbb<a/>]]>]]>").messages, ["\xef\xbb<a/>"])
    assert.deepStrictEqual(decode("\xef\xef\xbb\xbf<a/>]]>]]>").messages, ["\xef\xef\xbb\xbf<a/>"])
    assert.deepStrictEqual(decode("\xef]]>]]>").messages, ["\xef"])
    assert.strictEqual(decode("\xef\xbb").messageBytes, 2)
  })

  it("leaves other text before a hello in the message, for the reader of the hello", () => {
    const banner = "*** Authorised access only ***\n<!-- No zombies -->\n<hello/>\n"
    assert.deepStrictEqual(decode(`\n${banner}]]>]]>`).messages, [banner])
  })

  it("counts a frame with nothing in it and gives no end for it", () => {
    const read = decode("]]>]]>\n]]>]]><a/>]]>]]>")
    assert.deepStrictEqual(read.messages, ["<a/>"])
    assert.deepStrictEqual(read.tolerated, { whitespace: 1, "empty-frame": 2 })
  })

  it("knows how much of a message had come when the stream ends", () => {
    const read = decode("<a/>]]>]]>\n<rpc-re")
    assert.deepStrictEqual([read.inMessage, read.messageBytes, read.rest], [true, 7, "<rpc-re"])
  })
})

describe("chunked framing", () => {
  it("takes what is in a chunk as data: marks, headers, XML declarations, halves of characters", () => {
    const data = '<?xml version="1.0"?>\n#5\n\n##\n]]>]]>##10.222.18.65##'
    assert.deepStrictEqual(chunked(`\n#${data.length}\n${data}\n##\n`).messages, [data])
    assert.deepStrictEqual(chunked("\n#1\n\xc3\n#1\n\xa9\n##\n").messages, ["\xc3\xa9"])
  })

  it("skips and counts white space, NUL and BEL between messages", () => {
    const read = chunked("\n#1\na\n##\n\0\x07\n\n \n#1\nb\n##\n\r\n")
    assert.deepStrictEqual(read.messages, ["a", "b"])
    assert.deepStrictEqual(read.tolerated, { whitespace: 4, nul: 1, bel: 1 })
  })

  it("forgives a missing first LF right after the upgrade, and where other bytes stood instead", () => {
    const upgraded = decode("<hello/>]]>]]>#1\na\n##\n", { upgradeAfter: 1 })
    assert.deepStrictEqual([upgraded.messages, upgraded.tolerated], [["<hello/>", "a"], { "missing-lf": 1 }])
    const junk = chunked("\n#1\na\n##\n\0#1\nb\n##\n")
    assert.deepStrictEqual([junk.messages, junk.tolerated], [["a", "b"], { nul: 1, "missing-lf": 1 }])
    assert.match(chunked("\n#1\na\n##\n#1\nb\n##\n").error!, /begin with 0a 23, saw 23/)
  })

  it.each([
    ["a zero size", "\n#0\n", "at least 1 and has no leading zero, saw 0a 23 30", 2],
    ["a leading zero", "\n#04\nabcd", "at least 1 and has no leading zero, saw 0a 23 30", 2],
    ["no size", "\n#\n", "expected a chunk size, saw 0a 23 0a", 2],
    ["a sign", "\n#+4\nabcd", "expected a chunk size, saw 0a 23 2b", 2],
    ["white space before the size", "\n# 4\nabcd", "expected a chunk size, saw 0a 23 20", 2],
    ["a size that is not a number", "\n#4x\nabcd", "expected digits and 0a as the chunk size, saw 0a 23 34 78", 3],
    ["a hexadecimal size", "\n#1f\n", "expected digits and 0a as the chunk size, saw 0a 23 31 66", 3],
    ["CR LF after the size", "\n#4\r\nabcd", "expected digits and 0a as the chunk size, saw 0a 23 34 0d", 3],
    ["one more than the greatest size", "\n#4294967296\n", "more than 4294967295", 11],
    ["eleven digits", "\n#10000000000\n", "more than 4294967295", 12],
    ["an end without a chunk", "\n##\n", "at least one chunk before its end, saw 0a 23 23", 2],
    ["data where the next header should be", "\n#4\nabcdefgh", "0a 23 after chunk 1 of 4 bytes, saw 65", 8],
    ["LF and data where the next header should be", "\n#4\nabcd\nsecret", "after chunk 1 of 4 bytes, saw 0a 73", 9],
    ["an end that does not end", "\n#1\na\n###", "expected 0a to end the message, saw 0a 23 23 23", 8],
    ["a message that is not in chunks", "\n<rpc-reply/>", /saw 3c; the peer may still use end-of-message framing/, 1],
    ["an end-of-message mark", "\n#1\na\n##\n]]>]]>", /saw 5d; the peer may still use end-of-message framing/, 9]
  ])("refuses %s", (_, bytes, detail, offset) => {
    const read = chunked(bytes)
    if (typeof detail === "string") assert.include(read.error!, detail)
    else assert.match(read.error!, detail)
    assert.strictEqual(read.errorOffset, offset)
  })

  it("takes the greatest size", () => {
    const read = chunked("\n#4294967295\nab")
    assert.deepStrictEqual([read.error, read.rest, read.inMessage, read.messageBytes], [undefined, "ab", true, 2])
  })

  it("does not repeat the content of a message in its error", () => {
    const read = chunked("\n#9\n<password>hunter2</password>")
    assert.match(read.error!, /saw 3e$/)
  })

  it.each(["\n#", "\n#1", "\n#1\n", "\n#1\na", "\n#1\na\n", "\n#1\na\n##"])("is inside a message after %j", (bytes) => {
    assert.isTrue(chunked(bytes).inMessage)
  })
})

describe("the decoder", () => {
  it("gives out views of what was pushed, and copies nothing", () => {
    const bytes = new Uint8Array(Buffer.from("<hello/>]]>]]>\n#6\n<rpc/>\n##\n"))
    const decoder = Framing.makeDecoder()
    const spans: Array<Buffer> = []
    decoder.push(bytes, { span: (span) => spans.push(span), end: () => decoder.upgrade() })
    assert.deepStrictEqual(spans.map(String), ["<hello/>", "<rpc/>"])
    for (const span of spans) assert.strictEqual(span.buffer, bytes.buffer)
  })

  it("refuses further bytes with the error that it failed with", () => {
    const decoder = Framing.makeDecoder({ mode: "chunked" })
    const caught = (work: () => void): unknown => {
      try {
        work()
      } catch (error) {
        return error
      }
    }
    const first = caught(() => decoder.push(Buffer.from("\n#0\n"), ignore))
    assert.instanceOf(first, Framing.FramingError)
    assert.strictEqual(
      caught(() => decoder.push(Buffer.from("\n#1\na\n##\n"), ignore)),
      first
    )
  })

  it("counts the offset of an error from the first byte of the session", () => {
    const read = decode("<hello/>]]>]]>\n#1\na\n##\n\n#0", { upgradeAfter: 1 })
    assert.strictEqual(read.errorOffset, 25)
  })

  it("refuses to upgrade in the middle of a message", () => {
    const decoder = Framing.makeDecoder()
    decoder.push(Buffer.from("<hel"), ignore)
    assert.throws(() => decoder.upgrade(), Framing.FramingError, "in the middle of a message")
    decoder.push(Buffer.from("lo/>]]>]]>\n"), ignore)
    decoder.upgrade()
    assert.strictEqual(decoder.mode, "chunked")
  })

  it("refuses a push from inside its receiver", () => {
    const decoder = Framing.makeDecoder()
    const again = { span: () => {}, end: () => decoder.push(Buffer.from("x"), ignore) }
    assert.throws(() => decoder.push(Buffer.from("<a/>]]>]]>"), again), Error, "from inside its own receiver")
  })

  it("is of no use after its receiver threw, and says so", () => {
    const decoder = Framing.makeDecoder()
    const broken = () => {
      throw new TypeError("broken")
    }
    assert.throws(() => decoder.push(Buffer.from("<a/>"), { span: broken, end: broken }), TypeError)
    assert.throws(() => decoder.push(Buffer.from("<a/>"), ignore), Framing.FramingError, "the receiver threw")
  })
})

describe("encode", () => {
  it("writes sizes in octets, and nothing after the end", () => {
    assert.strictEqual(String(Framing.encode("chunked", "<a>é</a>")), "\n#9\n<a>é</a>\n##\n")
    assert.strictEqual(String(Framing.encode("end-of-message", "<a>é</a>")), "<a>é</a>]]>]]>")
    assert.strictEqual(String(Framing.encode("chunked", Buffer.from("<a/>"))), "\n#4\n<a/>\n##\n")
    assert.strictEqual(String(Framing.encode("end-of-message", Buffer.from("<a/>"))), "<a/>]]>]]>")
  })

  it("splits a message into chunks of the size asked for, through characters if need be", () => {
    const frame = Framing.encode("chunked", "<é/>", { chunkSize: 2 })
    assert.strictEqual(frame.toString("latin1"), "\n#2\n<\xc3\n#2\n\xa9/\n#1\n>\n##\n")
    assert.throws(() => Framing.encode("chunked", "<a/>", { chunkSize: 0 }), Framing.FramingError, "at least 1")
  })

  it.each(["<a>]]>]]></a>", "<a/>]]>", "]]>]]>"])("refuses %s in end-of-message framing, not in chunks", (message) => {
    assert.throws(() => Framing.encode("end-of-message", message), Framing.FramingError, "]]>]]>")
    assert.deepStrictEqual(chunked(Framing.encode("chunked", message).toString("latin1")).messages, [message])
  })

  it("allows what only looks like the mark", () => {
    assert.deepStrictEqual(decode(Framing.encode("end-of-message", "<a>]]>]]</a>]]").toString()).messages, [
      "<a>]]>]]</a>]]"
    ])
  })

  it("refuses an empty message", () => {
    assert.throws(() => Framing.encode("chunked", ""), Framing.FramingError, "empty")
    assert.throws(() => Framing.encode("end-of-message", new Uint8Array(0)), Framing.FramingError, "empty")
  })
})
