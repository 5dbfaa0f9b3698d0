import { assert, describe, it } from "@effect/vitest"
import * as Element from "../../src/xml/Element.ts"
import * as NotificationHead from "../../src/xml/NotificationHead.ts"
import { decode, XmlError } from "../../src/xml/Parse.ts"
import { Choices, damage, seededTape } from "./Trees.ts"

const ns = "urn:ietf:params:xml:ns:netconf:notification:1.0"
const read = (text: string, options?: { readonly limit?: number }) => NotificationHead.read(Buffer.from(text), options)
const notification = (content: string) => `<notification xmlns="${ns}">${content}</notification>`
const time = "<eventTime>2026-11-22T10:00:00Z</eventTime>"
const event = `<link-down xmlns="urn:e"><name>eth0</name></link-down>`
const expected = { eventTime: "2026-11-22T10:00:00Z", name: "link-down", namespace: "urn:e" }

const refusal = (text: string, options?: { readonly limit?: number }): XmlError => {
  try {
    return assert.fail(JSON.stringify(read(text, options)))
  } catch (error) {
    assert.instanceOf(error, XmlError)
    return error
  }
}

describe("NotificationHead.read", () => {
  const forms: ReadonlyArray<readonly [string, string]> = [
    ["a plain one", notification(time + event)],
    [
      "prefixes",
      `<n:notification xmlns:n="${ns}"><n:eventTime>2026-11-22T10:00:00Z</n:eventTime><e:link-down xmlns:e="urn:e"/></n:notification>`
    ],
    ["a prefix bound at the root", `<notification xmlns="${ns}" xmlns:e="urn:e">${time}<e:link-down/></notification>`],
    ["an XML declaration", `<?xml version="1.0" encoding="UTF-8"?>\n${notification(time + event)}`],
    ["comments and processing instructions before", `<!-- <notification> --><?a <b> ?>${notification(time + event)}`],
    [
      "comments and processing instructions between",
      notification(`<!-- <x/> --><?a <b/> ?>${time}<!-- <y> --><?b ?>${event}`)
    ],
    ["white space between", notification(`\r\n  ${time}\n\t${event}\n`)],
    ["white space, NUL and BEL around", `\n\0\u0007${notification(time + event)}\n\0`],
    ["white space around the time", notification(`<eventTime>\n 2026-11-22T10:00:00Z </eventTime>${event}`)],
    ["a comment in the time", notification(`<eventTime>2026-11-22<!-- <b> -->T10:00:00Z</eventTime>${event}`)],
    ["CDATA in the time", notification(`<eventTime><![CDATA[2026-11-22T10:00:00Z]]></eventTime>${event}`)],
    ["character references in the time", notification(`<eventTime>2026&#45;11-22T10:00:00&#x5a;</eventTime>${event}`)],
    ["an element within the time", notification(`<eventTime>2026-11-22T<x>1</x>10:00:00Z</eventTime>${event}`)],
    [
      "attributes",
      `<notification a='>' xmlns='${ns}'><eventTime b="&lt;">2026-11-22T10:00:00Z</eventTime><link-down c='>' xmlns="urn:e">`
    ],
    ["a time behind the event", notification(event + time)],
    ["a second time", notification(`${time}<eventTime>1970-01-01T00:00:00Z</eventTime>${event}`)],
    ["a second event", notification(`${time}${event}<other/>`)],
    ["no end, as long as the head is there", `<notification xmlns="${ns}">${time}<link-down xmlns="urn:e">`],
    ["nothing of what follows", `<notification xmlns="${ns}">${time}<link-down xmlns="urn:e">${"<".repeat(3000)}`]
  ]
  for (const [what, text] of forms) {
    it(`reads one with ${what}`, () => assert.deepStrictEqual(read(text), expected))
  }

  it("takes an element called notification for the event that it is", () => {
    const inner = `<notification xmlns="urn:x"><eventTime>1970-01-01T00:00:00Z</eventTime></notification>`
    assert.deepStrictEqual(read(notification(time + inner)), { ...expected, name: "notification", namespace: "urn:x" })
    const deep = `<link-down xmlns="urn:e">${notification(time)}<eventTime>x</eventTime></link-down>`
    assert.deepStrictEqual(read(notification(deep + time)), expected)
  })

  it("goes by local names: no namespace, or that of base", () => {
    for (const xmlns of ["", ` xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"`]) {
      assert.deepStrictEqual(read(`<notification${xmlns}>${time}${event}</notification>`), expected)
    }
    assert.strictEqual(read(`<notification>${time}<a/></notification>`)?.namespace, "")
  })

  it("says what is missing", () => {
    assert.deepStrictEqual(read(notification(event)), { ...expected, eventTime: undefined })
    assert.deepStrictEqual(read(notification(`<eventTime/>${event}`)), { ...expected, eventTime: "" })
    assert.deepStrictEqual(read(notification(`<eventTime></eventTime>${event}`)), { ...expected, eventTime: "" })
    assert.deepStrictEqual(read(notification(time)), { ...expected, name: "", namespace: "" })
    assert.deepStrictEqual(read(notification("")), { eventTime: undefined, name: "", namespace: "" })
    assert.deepStrictEqual(read(`<notification xmlns="${ns}"/>`), { eventTime: undefined, name: "", namespace: "" })
  })

  it("is none for other messages", () => {
    assert.isUndefined(read(`<rpc-reply message-id="1">${notification(time + event)}</rpc-reply>`))
    assert.isUndefined(read(`<notifications/>`))
    assert.isUndefined(read(`<rpc-reply><broken`))
  })

  for (const text of [
    "",
    "<notification",
    notification(time).slice(0, 90),
    notification(`${time}<p:unbound/>`),
    notification(`<eventTime>&x;</eventTime>${event}`),
    notification(`<eventTime>1</time>${event}`),
    `<!DOCTYPE a>${notification(time + event)}`,
    `<notification xmlns="a" xmlns="b">${time}${event}`,
    `text${notification(time + event)}`,
    `<notification></other>`
  ]) {
    it(`refuses ${JSON.stringify(text.slice(-50))}`, () => assert.instanceOf(refusal(text), XmlError))
  }

  it("does not look for a time behind a broken or a huge event", () => {
    const known = { ...expected, eventTime: undefined }
    assert.deepStrictEqual(read(notification(`<link-down xmlns="urn:e"><a></b></link-down>${time}`)), known)
    const deep = `<link-down xmlns="urn:e">${"<a>".repeat(300)}`
    assert.deepStrictEqual(read(notification(deep)), known)
    const long = `<link-down xmlns="urn:e">${"x".repeat(70_000)}</link-down>${time}`
    assert.deepStrictEqual(read(notification(long)), known)
    assert.deepStrictEqual(read(notification(long.slice(0, 40_000) + "</link-down>" + time)), expected)
  })

  it("holds the length of the head: at and above", () => {
    const head = (length: number): string =>
      `<notification><eventTime>${" ".repeat(length - 29)}1</eventTime><e>`.slice(0)
    const size = head(50).length
    assert.strictEqual(read(`${head(50)}more`, { limit: size })?.eventTime, "1")
    assert.match(refusal(`${head(51)}more`, { limit: size }).detail, /longer than the limit/)
  })

  it("refuses a head that is not UTF-8", () => {
    const bytes = Buffer.concat([
      Buffer.from(`<notification><eventTime>`),
      Buffer.from([0xff]),
      Buffer.from(`</eventTime><a/>`)
    ])
    assert.throws(() => NotificationHead.read(bytes), XmlError)
  })
})

describe("NotificationHead.recall", () => {
  const make = (eventTime: string, name = "e1", before = "") =>
    Buffer.from(
      `${before}<notification xmlns="${ns}">\n<eventTime>${eventTime}</eventTime>\n<${name} xmlns="urn:r" a=">"><x>é</x>`
    )

  it("knows what was read before, whatever the time", () => {
    assert.isUndefined(NotificationHead.recall(make("1", "unseen")))
    NotificationHead.read(make("1", "seen"))
    assert.deepStrictEqual(NotificationHead.recall(make("2026-11-22T10:00:00.123456789+01:00", "seen")), {
      eventTime: "2026-11-22T10:00:00.123456789+01:00",
      name: "seen",
      namespace: "urn:r"
    })
    assert.isUndefined(NotificationHead.recall(make("1", "seen2")))
    assert.isUndefined(NotificationHead.recall(make("1", "see")))
    assert.isUndefined(NotificationHead.recall(make("1", "seen", " ")))
  })

  for (const text of [
    "",
    " 1",
    "1&amp;2",
    "<![CDATA[1]]>",
    "<!-- -->1",
    "]]>",
    "é",
    "1".repeat(65),
    "1\r",
    "1<x/>",
    "\u007f"
  ]) {
    it(`does not know the time ${JSON.stringify(text)}`, () => {
      NotificationHead.read(make("1"))
      assert.isDefined(NotificationHead.recall(make("1")))
      assert.isUndefined(NotificationHead.recall(make(text)))
    })
  }

  it("does not know a time in pieces", () => {
    const pieces = make("1<!-- c -->2")
    assert.strictEqual(NotificationHead.read(pieces)?.eventTime, "12")
    assert.isUndefined(NotificationHead.recall(pieces))
    NotificationHead.read(make("1<!-- d -->"))
    assert.strictEqual(NotificationHead.recall(make("7<!-- d -->"))?.eventTime, "7")
  })

  it("does not know a message that is cut anywhere in its head", () => {
    const bytes = make("12")
    NotificationHead.read(bytes)
    const end = bytes.indexOf("<x>")
    for (let at = 0; at < end; at++) assert.isUndefined(NotificationHead.recall(bytes.subarray(0, at)), `${at}`)
    assert.isDefined(NotificationHead.recall(bytes.subarray(0, end)))
  })

  it("keeps what is met often, however many are met once", () => {
    for (let i = 0; i < 40; i++) {
      NotificationHead.read(make("1", "often", "<!-- often -->"))
      assert.isDefined(NotificationHead.recall(make("2", "often", "<!-- often -->")))
    }
    for (let i = 0; i < 500; i++) {
      NotificationHead.read(make("1", "once", `<!-- ${i} -->`))
      NotificationHead.read(make("1", `once${i}`, "<!-- often -->"))
    }
    assert.isDefined(NotificationHead.recall(make("2", "often", "<!-- often -->")))
  })

  const attempt = (text: string, f: (bytes: Buffer) => unknown) => {
    try {
      return f(Buffer.from(text))
    } catch (error) {
      assert.instanceOf(error, XmlError)
      return "refused"
    }
  }

  it("says what read would say, or nothing, of heads that are damaged in every way", () => {
    let recalled = 0
    for (let seed = 0; seed < 6000; seed++) {
      const choices = new Choices(seededTape(seed, 60))
      const eventTime = choices.pick(["2026-11-22T10:00:00Z", "1", "2026-11-22T10:00:00.5+01:00", "é"])
      const name = choices.pick(["a", "b", "n:c"])
      const sound = `<notification xmlns="${ns}" xmlns:n="urn:n"><eventTime>${eventTime}</eventTime><${name} b=">"/></notification>`
      const text = choices.upTo(3) === 0 ? sound : damage(sound, choices, 2)
      const known = NotificationHead.recall(Buffer.from(text))
      const right = attempt(text, (bytes) => NotificationHead.read(bytes))
      if (known !== undefined) assert.deepStrictEqual(known, right, text)
      if (known !== undefined) recalled++
    }
    assert.isAbove(recalled, 1500)
  })

  it("says what the tree says", () => {
    let compared = 0
    for (let seed = 0; seed < 3000; seed++) {
      const choices = new Choices(seededTape(seed, 60))
      const sound = notification(
        `${choices.pick(["", "<!-- a -->"])}${time}${choices.pick(["", " ", "<?b?>"])}${event}`
      )
      const text = damage(sound, choices, 1)
      const tree = attempt(text, decode) as Element.Element | "refused"
      if (tree === "refused") continue
      compared++
      const head = read(text)
      if (tree.name !== "notification") {
        assert.isUndefined(head, text)
        continue
      }
      const inside = Element.elements(tree).find((element) => element.name !== "eventTime")
      const stamp = Element.child(tree, "eventTime")
      assert.deepStrictEqual(head, {
        eventTime: stamp && Element.text(stamp).trim(),
        name: inside?.name ?? "",
        namespace: inside?.namespace ?? ""
      })
    }
    assert.isAbove(compared, 500)
  })
})

describe("NotificationHead.recallWhole", () => {
  const head = (time: string, name = "w1") =>
    `<notification xmlns="${ns}"><eventTime>${time}</eventTime><${name} xmlns="urn:whole">`
  const end = (name = "w1") => `</${name}></notification>`
  const whole = (text: string) => NotificationHead.recallWhole(Buffer.from(text))
  NotificationHead.read(Buffer.from(head("1") + end()))
  const found = { eventTime: "2", name: "w1", namespace: "urn:whole", isWhole: true } as const

  for (const [size, content] of [
    ["small", "<x>é</x>"],
    ["large", `<x>${"é".repeat(5000)}</x>`]
  ] as const) {
    it(`knows a ${size} one that is whole, with or without blanks behind it`, () => {
      assert.deepStrictEqual(whole(head("2") + content + end()), found)
      assert.deepStrictEqual(whole(`${head("2") + content + end()} \n\0`), found)
    })

    it(`leaves a ${size} one that may be something else to others`, () => {
      const text = head("2") + content + end()
      assert.isUndefined(whole(text + text), "two")
      assert.isUndefined(whole(head("2") + content + text), "one that breaks off before the next")
      assert.isUndefined(whole(head("2") + content), "without an end")
      assert.isUndefined(whole(`${text}x`), "text behind it")
      assert.isUndefined(whole(head("2") + content + "</w1></nc:notification>"), "the end of something else")
      assert.isUndefined(whole(`${head("2")}<notification/>${content}${end()}`), "an element of that name")
    })
  }

  it("leaves an event that is called notification to others", () => {
    const text = head("1", "notification") + end("notification")
    NotificationHead.read(Buffer.from(text))
    assert.isDefined(NotificationHead.recall(Buffer.from(text)))
    assert.isUndefined(whole(text))
  })

  it("leaves one behind anything but a declaration to others", () => {
    for (const [before, isKnown] of [
      [`<?xml version="1.0"?>\n`, true],
      ["<!-- a -->", false],
      ["<?a b?>", false],
      ["\n", true]
    ] as const) {
      const text = before + head("1") + end()
      NotificationHead.read(Buffer.from(text))
      assert.isDefined(NotificationHead.recall(Buffer.from(text)), before)
      assert.strictEqual(whole(text) !== undefined, isKnown, before)
    }
  })

  it("leaves one that names its root twice to others", () => {
    const text = `<notification xmlns="${ns}"><!-- <notification --><eventTime>1</eventTime><e xmlns="urn:e"></e></notification>`
    NotificationHead.read(Buffer.from(text))
    assert.isDefined(NotificationHead.recall(Buffer.from(text)))
    assert.isUndefined(whole(text))
  })

  it("knows a root by its whole name", () => {
    const text = (inner: string) =>
      `<a:notification xmlns:a="${ns}"><a:eventTime>1</a:eventTime><e xmlns="urn:e">${inner}</e></a:notification>`
    NotificationHead.read(Buffer.from(text("")))
    assert.isDefined(whole(text("<notification/>")))
    assert.isUndefined(whole(text("<a:notification/>")))
  })
})
