import { assert, describe, it } from "@effect/vitest"
import * as Recover from "../../src/notifications/Recover.ts"
import * as BrokenNotifications from "../../src/testing/BrokenNotifications.ts"
import * as NotificationHead from "../../src/xml/NotificationHead.ts"
import { decode, defaultLimits, XmlError } from "../../src/xml/Parse.ts"
import { Choices, damage, seededTape, treeFrom } from "../xml/Trees.ts"
import * as Print from "../../src/xml/Print.ts"

const ns = "urn:ietf:params:xml:ns:netconf:notification:1.0"
const time = "<eventTime>2026-11-22T10:00:00Z</eventTime>"
const notification = (content: string) => `<notification xmlns="${ns}">${time}${content}</notification>`
const event = (name: string, content = "") => `<${name} xmlns="urn:e">${content}</${name}>`
const a = notification(event("a", "<x>1</x>"))
const b = notification(event("b"))
const c = notification(event("c"))
const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

/** Pieces as a test likes to read them: the text of what is whole, the size of the rest. */
const recover = (message: string | Buffer) =>
  Recover.recover(Buffer.from(message as string)).map((piece) => {
    switch (piece._tag) {
      case "Whole":
        return piece.bytes.toString()
      case "Other":
        return [piece._tag, piece.bytes.toString()]
      default:
        return [piece._tag, piece.bytes]
    }
  })

const detail = (message: string | Buffer): string => {
  const [piece] = Recover.recover(Buffer.from(message as string))
  return piece?._tag === "Malformed" ? piece.detail : assert.fail(JSON.stringify(piece))
}

const suspicious = (message: string) => Recover.looksSuspicious(Buffer.from(message))

describe("Recover.looksSuspicious", () => {
  const innocent: ReadonlyArray<readonly [string, string]> = [
    ["a plain one", a],
    ["one with a declaration", `${declaration}\n${a}`],
    ["one with junk around it", `\n\0${a}\n\u0007`],
    ["white space in its closing tag", a.replace(/>$/, " \n>")],
    ["one with a prefix", `<n:notification xmlns:n="${ns}"><n:eventTime/></n:notification>`],
    ["one whose event has a longer name", notification(`<notificationComplete xmlns="urn:n"/>`)],
    [
      "one that speaks of notifications",
      notification(event("e", "a notification, a :notification, &lt;notification>"))
    ],
    ["an element of another prefix", notification(`<e:notification xmlns:e="urn:e"/>`)]
  ]
  for (const [what, message] of innocent) {
    it(`passes ${what}`, () => {
      assert.isFalse(suspicious(message))
      assert.deepStrictEqual(recover(message), [message])
    })
  }

  const doubtful: ReadonlyArray<readonly [string, string]> = [
    ["one that is cut", a.slice(0, -1)],
    ["one that is cut behind another element", a.slice(0, a.indexOf("</x>") + 4)],
    ["two of them", a + b],
    ["an unfinished one before another", a.slice(0, 100) + b],
    ["one of another prefix behind it", `<n:notification xmlns:n="${ns}">` + a],
    ["one of another prefix before it", a + `<n:notification xmlns:n="${ns}"></n:notification>`],
    ["a declaration that is cut", `<?xml versi${declaration}${a}`],
    ["an element of its own name", notification(event("e", `<notification/>`))],
    ["bytes behind it", a + "x"],
    ["bytes in front of it", "x<y/>" + a],
    ["nothing", ""],
    ["an end without a beginning", "</notification>"],
    ["one that is empty", `<notification xmlns="${ns}"/>`]
  ]
  for (const [what, message] of doubtful) {
    it(`wants a closer look at ${what}`, () => assert.isTrue(suspicious(message)))
  }

  it("is never satisfied with anything that Recover takes apart", () => {
    for (let seed = 0; seed < 3000; seed++) {
      const choices = new Choices(seededTape(seed, 60))
      const message = damage(choices.pick([a, a + b, a + b + c, `${declaration}${a}`]), choices, 3)
      const pieces = Recover.recover(Buffer.from(message))
      const wholes = pieces.filter((piece) => piece._tag === "Whole")
      assert.isTrue(wholes.length < 2 || suspicious(message), message)
    }
  })
})

describe("Recover.recover", () => {
  const wire = (framing: "chunked" | "end-of-message") => ({ framing, notification })
  /** What is inside of the one frame of a broken notification. */
  const unframed = (broken: BrokenNotifications.Broken) =>
    broken(wire("end-of-message")).toString("latin1").slice(0, -6)
  const whole = (text: string) => notification(text)

  it("parts two notifications whose mark between is missing", () => {
    assert.deepStrictEqual(recover(unframed(BrokenNotifications.missingEndMark(event("a"), event("b")))), [
      whole(event("a")),
      whole(event("b"))
    ])
    assert.deepStrictEqual(recover(`${declaration}\n${a}\n${declaration}\n${b}\n<!-- end -->\0${c}\n`), [a, b, c])
  })

  it("reports an unfinished notification and reads the next one, wherever it broke off", () => {
    const first = `${declaration}${notification(event("a", `<x y='1&lt;' z="é">t&amp;<![CDATA[c]]><!-- d --></x>`))}`
    const bytes = Buffer.from(first)
    for (let cut = 1; cut < bytes.length; cut++) {
      const found = recover(Buffer.concat([bytes.subarray(0, cut), Buffer.from(b)]))
      // Cut behind the declaration, it is that of the next one.
      if (cut === declaration.length) assert.deepStrictEqual(found, [declaration + b])
      else assert.deepStrictEqual(found, [[cut < 2 ? "Orphan" : "Incomplete", cut], b])
    }
  })

  it("reads all that follow an unfinished one", () => {
    assert.deepStrictEqual(recover(a.slice(0, -5) + declaration + b + "\n" + c), [["Incomplete", a.length - 5], b, c])
  })

  it("says what is wrong with a notification that does not parse, and reads those around it", () => {
    const broken = a.replace("</x>", "")
    assert.deepStrictEqual(recover(broken), [["Malformed", broken.length]])
    assert.strictEqual(detail(broken), "unexpected close tag (line 1, column 138)")
    assert.deepStrictEqual(recover(b + broken + c), [b, ["Malformed", broken.length], c])
    assert.deepStrictEqual(recover(unframed(BrokenNotifications.malformed)).length, 1)
  })

  it("says of a notification whose end is missing that it ends too early", () => {
    const cut = a.slice(0, -20)
    assert.deepStrictEqual(recover(cut), [["Malformed", cut.length]])
    assert.match(detail(cut), /^the message ends inside of its root element/)
    assert.deepStrictEqual(recover(b + cut), [b, ["Malformed", cut.length]])
  })

  it("reports bytes of nobody, in front and behind", () => {
    assert.deepStrictEqual(recover(unframed(BrokenNotifications.orphanBytes("\0\u0007 orphan " + a + "123456"))), [
      ["Orphan", 7],
      a
    ])
    assert.deepStrictEqual(recover(`t></e></notification>${a}`), [["Orphan", 21], a])
    assert.deepStrictEqual(recover(`${a} x ${b}`), [a, ["Orphan", 2], b])
    assert.deepStrictEqual(recover(`${a}x`), [a, ["Orphan", 1]])
    assert.deepStrictEqual(recover("no xml"), [["Orphan", 6]])
  })

  it("reports a message that holds nothing", () => {
    assert.deepStrictEqual(recover(unframed(BrokenNotifications.emptyFrame)), [["Orphan", 0]])
    assert.deepStrictEqual(recover(unframed(BrokenNotifications.blankFrame)), [["Orphan", 1]])
    assert.deepStrictEqual(recover(`\n<!-- nothing -->\0`), [["Orphan", 18]])
  })

  it("takes for whole what is well-formed, without an eventTime or an event, and however the time is written", () => {
    for (const broken of [
      BrokenNotifications.noEventTime,
      BrokenNotifications.badEventTime,
      BrokenNotifications.noEvent
    ]) {
      const message = unframed(broken)
      assert.deepStrictEqual(recover(message), [message])
    }
    assert.deepStrictEqual(recover(`<notification xmlns="${ns}"/>`), [`<notification xmlns="${ns}"/>`])
  })

  it("reads heads as NotificationHead does, and keeps a message that is alone as it came", () => {
    const message = Buffer.from(`${declaration}${a}\n`)
    assert.deepStrictEqual(Recover.recover(message), [
      { _tag: "Whole", bytes: message, head: NotificationHead.read(message)! }
    ])
    const [, second] = Recover.recover(Buffer.from(a + b))
    assert.deepStrictEqual(second, {
      _tag: "Whole",
      bytes: Buffer.from(b),
      head: NotificationHead.read(Buffer.from(b))!
    })
  })

  describe("an element that is called notification", () => {
    const inner = `<notification xmlns="${ns}">${time}<x/></notification>`
    const holds: ReadonlyArray<readonly [string, string]> = [
      ["inside of an event", event("log", inner)],
      ["as the event", inner],
      ["several times", event("log", inner + inner + `<notification/>`)],
      ["inside of itself", event("log", inner.replace("<x/>", inner))],
      ["in CDATA", event("log", `<![CDATA[${inner}${inner}]]>`)],
      ["in CDATA that ends the event", event("log", `<![CDATA[${inner}]]>`)],
      ["in a comment", event("log", `<!-- ${inner} -->`)],
      ["in an attribute", event("log").replace(">", ` a='${inner.replaceAll("<", "&lt;")}'>`)],
      ["in a processing instruction", event("log", `<?p ${inner}?>`)]
    ]
    for (const [where, content] of holds) {
      it(`splits nothing ${where}`, () => {
        const message = notification(content)
        assert.deepStrictEqual(recover(message), [message])
        assert.deepStrictEqual(recover(message + a), [message, a])
        assert.deepStrictEqual(recover(a + message), [a, message])
      })

      it(`splits nothing ${where} of a message that is malformed, or that does not end`, () => {
        const broken = notification(`${event("wrong", "</y>")}${content}${event("more")}`)
        assert.deepStrictEqual(recover(broken), [["Malformed", broken.length]])
        const cut = broken.replace("</y>", "").slice(0, -"</notification>".length)
        assert.deepStrictEqual(recover(cut), [["Malformed", cut.length]])
        assert.deepStrictEqual(recover(cut + a), [["Incomplete", cut.length], a])
        assert.deepStrictEqual(recover(broken + a), [["Malformed", broken.length], a])
        const tail = broken.slice(80)
        assert.deepStrictEqual(recover(tail), [["Orphan", tail.length]])
      })
    }

    it("is no message of its own when it is another vendor's, or has no eventTime", () => {
      const cut = a.slice(0, 100)
      const other = b.replace(ns, "urn:other")
      assert.deepStrictEqual(recover(cut + other), [["Malformed", cut.length + other.length]])
      const timeless = b.replace(time, "")
      assert.deepStrictEqual(recover(cut + timeless), [["Malformed", cut.length + timeless.length]])
    })
  })

  it("hands over a message of another kind behind a notification, and a reply behind something broken too", () => {
    const reply = `<rpc-reply message-id="1" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>`
    assert.deepStrictEqual(recover(a + reply + b), [a, ["Other", reply], b])
    const cut = a.slice(0, 100)
    assert.deepStrictEqual(recover(cut + reply), [
      ["Incomplete", cut.length],
      ["Other", reply]
    ])
    const other = `<other xmlns="urn:o"/>`
    assert.deepStrictEqual(recover(cut + other), [["Malformed", cut.length + other.length]])
  })

  it("refuses a DOCTYPE wherever it stands, and what follows it", () => {
    const doctype = `<!DOCTYPE notification [<!ENTITY e "x">]>`
    const size = (doctype + a).length
    assert.strictEqual(detail(doctype + a), "a DOCTYPE is refused")
    assert.deepStrictEqual(recover(doctype + a), [["Malformed", size]])
    assert.deepStrictEqual(recover(b + doctype + a), [b, ["Malformed", size]])
    assert.deepStrictEqual(recover(b.slice(0, 100) + doctype + a), [["Malformed", size + 100]])
  })

  it("keeps to the limits of Parse", () => {
    const deep = (depth: number) => notification("<d>".repeat(depth - 1) + "</d>".repeat(depth - 1))
    assert.deepStrictEqual(recover(deep(256)), [deep(256)])
    assert.match(detail(deep(257)), /^nested deeper than the limit of 256 elements/)
    assert.deepStrictEqual(recover(deep(257) + a), [["Malformed", deep(257).length], a])
    const wide = (count: number) =>
      notification(`<w ${Array.from({ length: count }, (_, i) => `a${i}=""`).join(" ")}/>`)
    assert.deepStrictEqual(recover(wide(1024)), [wide(1024)])
    assert.match(detail(wide(1025)), /^more attributes on one element than the limit of 1024/)
    const few = { ...defaultLimits, depth: 2 }
    assert.strictEqual(Recover.recover(Buffer.from(a), few)[0]?._tag, "Malformed")
  })

  it("counts bytes, and finds what is not UTF-8 without losing what is", () => {
    const umlaut = a.replace("<x>1", "<x>äöü€\u{1f600}")
    assert.deepStrictEqual(recover(umlaut + b + umlaut.slice(0, -3) + b), [
      umlaut,
      b,
      ["Incomplete", Buffer.byteLength(umlaut) - 3],
      b
    ])
    const wrong = BrokenNotifications.notUtf8(wire("end-of-message")).subarray(0, -6)
    assert.match(detail(wrong), /^not UTF-8 at byte \d+ /)
    const found = recover(Buffer.concat([Buffer.from(umlaut), wrong, Buffer.from(umlaut)]))
    assert.deepStrictEqual(found, [umlaut, ["Malformed", wrong.length], umlaut])
  })

  it("accounts for every byte that is not blank, and says of a whole message what Parse says", () => {
    for (let seed = 0; seed < 4000; seed++) {
      const choices = new Choices(seededTape(seed, 120))
      const inside = Print.print(treeFrom(choices)).replace(/^<\?xml[^>]*\?>/, "")
      const one = notification(inside)
      const message = choices.upTo(4) === 0 ? one : damage(choices.pick([one, one + b, a + one]), choices, 3)
      const bytes = Buffer.from(message.toWellFormed())
      const pieces = Recover.recover(bytes)
      const sizes = pieces.map((piece) => (typeof piece.bytes === "number" ? piece.bytes : piece.bytes.length))
      assert.isAtMost(
        sizes.reduce((sum, size) => sum + size, 0),
        bytes.length
      )
      for (const piece of pieces) if (piece._tag === "Whole") assert.strictEqual(parsed(piece.bytes), "notification")
      const isWhole = pieces.length === 1 && pieces[0]!._tag === "Whole"
      assert.strictEqual(isWhole, parsed(bytes) === "notification", bytes.toString())
    }
  })

  const parsed = (bytes: Buffer): string | undefined => {
    try {
      return decode(bytes).name
    } catch (error) {
      assert.instanceOf(error, XmlError)
      return undefined
    }
  }

  it("spends no more time on a hostile message than on reading it a few times", () => {
    const million = (piece: string, around = (text: string) => text) =>
      around(piece.repeat(Math.ceil(1_000_000 / piece.length)))
    const open = `<notification xmlns="${ns}">`
    const hostile = [
      million("<notification>"),
      million("<notification><eventTime/>"),
      million(open + time),
      million("<notification"),
      million("<a:notification "),
      million("<notification/>", (text) => `${open}${text}`),
      million(b, (text) => `${open}<log>${text}</log>`),
      million("<!--", (text) => a + text),
      million("<?xml ", (text) => open + text),
      million("<?xml ?>", (text) => open + text),
      million("<notification a='", (text) => open + text),
      million("<![CDATA[<notification>", (text) => open + text),
      million("a", (text) => `${open}<${text}`),
      million(" ", (text) => `${a}${text}x`),
      million("<x/>", (text) => `${open}<notification>${text}`)
    ]
    for (const message of hostile) {
      const before = process.cpuUsage().user
      recover(message)
      suspicious(message)
      const spent = (process.cpuUsage().user - before) / 1000
      assert.isBelow(spent, 1500, message.slice(0, 200))
    }
  })

  it("gives up what lies behind too many false starts", () => {
    const tail = (starts: number) => `${a.slice(0, 100)}${`<notification a="`.repeat(starts)}${b}`
    assert.deepStrictEqual(recover(tail(Recover.mostStarts - 1)).at(-1), b)
    const [only] = recover(tail(Recover.mostStarts))
    assert.deepStrictEqual(only, ["Malformed", tail(Recover.mostStarts).length])
  })

  it("gives up when looking has cost three times the message", () => {
    const cut = notification(event("e", "x".repeat(1000))).slice(0, -20)
    assert.deepStrictEqual(recover(cut.repeat(3) + b).at(-1), b)
    assert.deepStrictEqual(recover(cut.repeat(20) + b), [["Malformed", cut.length * 20 + b.length]])
  })

  it("passes over many elements called notification to the message behind", () => {
    const cut = notification(event("log", b.repeat(100))).slice(0, -5)
    assert.deepStrictEqual(recover(cut + a), [["Incomplete", cut.length], a])
  })

  it("takes no names for whole that are none", () => {
    const message = notification(event("e", `<p:1 xmlns:p="urn:p"/>`))
    assert.match(detail(message), /^malformed name/)
  })
})
