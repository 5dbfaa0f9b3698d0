import { assert, describe, it } from "@effect/vitest"
import { History, leastRemembered, mostRemembered, Overlap, type Replayed } from "../../src/notifications/Duplicates.ts"
import * as Notification from "../../src/notifications/Notification.ts"
import * as NotificationHead from "../../src/xml/NotificationHead.ts"
import { Choices, seededTape } from "../xml/Trees.ts"

const ns = "urn:ietf:params:xml:ns:netconf:notification:1.0"
const text = (time: string, content: string) =>
  `<notification xmlns="${ns}"><eventTime>${time}</eventTime><e xmlns="urn:e">${content}</e></notification>`
const parse = (message: string) => {
  const bytes = Buffer.from(message)
  return Notification.make({
    bytes,
    head: NotificationHead.recall(bytes) ?? NotificationHead.read(bytes)!,
    receivedAt: 0
  })
}

interface Event {
  /** Which true occurrence it is. */
  readonly index: number
  readonly second: number
  readonly content: string
}

const stamp = (second: number) => new Date(1_700_000_000_000 + second * 1000).toISOString().replace(".000", "")
/** Made anew each time: what comes again is another object. */
const arrives = ({ content, second }: Event) => parse(text(stamp(second), content))

/** Events with few times and few contents, so that many are equal. */
const sequence = (choices: Choices, length: number, back = false): ReadonlyArray<Event> => {
  let second = 100
  return Array.from({ length }, (_, index) => {
    second += choices.pick(back ? [0, 0, 0, 1, -1, 2, -5] : [0, 0, 0, 1, 2])
    return { index, second, content: choices.pick(["up", "down"]) }
  })
}

/** What a notification of {@link arrives} is of. */
const eventOf = ({ eventTime, xml }: Notification.Notification): Event => ({
  index: 0,
  second: (Date.parse(eventTime!) - 1_700_000_000_000) / 1000,
  content: />([^<>]*)<\/e>/.exec(xml)![1]!
})

/** Left out, or waiting for what tells. */
const isLeftOut = (replayed: Replayed, notification: Notification.Notification): boolean =>
  replayed.fresh(notification).length === 0

/** As text, which shows what differs. */
const shown = (events: ReadonlyArray<Event>) => events.map(({ content, second }) => `${second} ${content}`)

/** What a log brings from a time on: in its order from the first that is not before, or all that are not before. */
const fromLog = (events: ReadonlyArray<Event>, start: string | undefined, kind: "first" | "each") => {
  if (start === undefined) return events
  const isDue = ({ second }: Event) => stamp(second) >= start
  const first = events.findIndex(isDue)
  if (kind === "each") return events.filter(isDue)
  return first === -1 ? [] : events.slice(first)
}

describe("History", () => {
  it("knows the last eventTime that is one", () => {
    const history = new History()
    assert.isUndefined(history.last)
    for (const time of ["2026-11-22T10:00:00Z", "2026-11-22T09:00:00.5+02:00", "yesterday"]) {
      history.note(parse(text(time, "")))
    }
    history.note(parse(`<notification xmlns="${ns}"><e/></notification>`))
    assert.strictEqual(history.last, "2026-11-22T09:00:00.5+02:00")
  })

  it("leaves out as many as were delivered, and no more", () => {
    const history = new History()
    const flap = text("2026-11-22T10:00:00Z", "down")
    for (let i = 0; i < 3; i++) history.note(parse(flap))
    const replayed = history.replayed()
    assert.deepStrictEqual(
      Array.from({ length: 5 }, () => isLeftOut(replayed, parse(flap))),
      [true, true, true, false, false]
    )
    assert.isTrue(isLeftOut(history.replayed(), parse(flap)))
    assert.isFalse(isLeftOut(replayed, parse(text("2026-11-22T10:00:00Z", "up"))))
    assert.isFalse(isLeftOut(history.replayed(), parse(text("2026-11-22T10:00:01Z", "down"))))
  })

  it("leaves out what happened in the second in which the subscription began, before it did", () => {
    const history = new History()
    const [before, first, last, next] = ["a", "b", "c", "d"].map((name) => text("2026-11-22T10:00:00Z", name))
    for (const delivered of [first!, last!]) history.note(parse(delivered))
    assert.isFalse(history.isPartial)
    const replayed = history.replayed()
    const told = [before!, first!, last!, next!].map((message) => isLeftOut(replayed, parse(message)))
    assert.deepStrictEqual(told, [true, true, true, false])
  })

  it("compares messages and not their frames, whether or not somebody has read them", () => {
    const history = new History()
    const read = parse(text("2026-11-22T10:00:00Z", "é"))
    assert.include(read.xml, "é")
    history.note(read)
    for (const form of [
      text("2026-11-22T10:00:00Z", "é"),
      `\n${text("2026-11-22T10:00:00Z", "é")}\n\0`,
      `<?xml version="1.0"?>\n${text("2026-11-22T10:00:00Z", "é")}`
    ]) {
      assert.isTrue(isLeftOut(history.replayed(), parse(form)), form)
      const other = parse(form)
      assert.isNotEmpty(other.xml)
      assert.isTrue(isLeftOut(history.replayed(), other), form)
    }
  })

  const resumes = (seed: number, kind: "first" | "each", back: boolean) => {
    const choices = new Choices(seededTape(seed, 400))
    const all = sequence(choices, 1 + choices.upTo(60), back)
    // The subscription begins in the middle of a second, perhaps.
    const begin = back ? 0 : choices.upTo(all.length)
    const events = all.map((event, i) => (i < begin ? { ...event, content: "early" } : event))
    const history = new History()
    const delivered: Array<Event> = []
    const deliver = (event: Event) => {
      delivered.push(event)
      history.note(arrives(event))
    }
    let happened = begin + 1 + choices.upTo(events.length - begin)
    events.slice(begin, happened).forEach(deliver)
    // Lost and resumed, several times, also in the middle of a replay.
    for (let round = choices.upTo(4); round >= 0; round--) {
      const log = events.slice(0, (happened += choices.upTo(events.length - happened + 1)))
      const replay = fromLog(log, history.last, kind)
      const isLast = round === 0
      const replayed = history.replayed()
      const whole = isLast || choices.upTo(2) === 0
      for (const event of replay.slice(0, whole ? replay.length : choices.upTo(replay.length + 1))) {
        for (const fresh of replayed.fresh(arrives(event))) deliver(eventOf(fresh))
      }
      if (whole) for (const fresh of replayed.rest()) deliver(eventOf(fresh))
      if (isLast) events.slice(happened).forEach(deliver)
    }
    return { delivered: shown(delivered), events: shown(events.slice(begin)) }
  }

  it("loses and doubles nothing, in order, when a feed is resumed any number of times", () => {
    for (let seed = 0; seed < 1500; seed++) {
      const { delivered, events } = resumes(seed, "each", false)
      assert.deepStrictEqual(delivered, events, `seed ${seed}`)
    }
  })

  it("loses and doubles nothing when the device's clock goes back and its log keeps its order", () => {
    for (let seed = 0; seed < 1500; seed++) {
      const { delivered, events } = resumes(seed, "first", true)
      assert.deepStrictEqual(delivered, events, `seed ${seed}`)
    }
  })

  const at = (second: number, content: string | number) => arrives({ index: 0, second, content: String(content) })

  it("remembers the last ones, and all that are not before the last", () => {
    const history = new History()
    for (let i = 0; i < 1000; i++) history.note(at(i, i))
    assert.strictEqual(history.size, leastRemembered)
    for (let i = 0; i < 1000; i++) history.note(at(1000, i))
    assert.strictEqual(history.size, 1000)
    assert.isFalse(history.isPartial)
    const replayed = history.replayed()
    for (let i = 0; i < 1000; i++) assert.isTrue(isLeftOut(replayed, at(1000, i)))
    assert.isFalse(isLeftOut(replayed, at(1000, 0)))
    history.note(at(1001, 0))
    assert.strictEqual(history.size, leastRemembered)
  })

  it("leaves out what a device replays from before the time that it was asked for, as far as it is remembered", () => {
    const history = new History()
    for (let i = 0; i < 500; i++) history.note(at(i, i))
    const replayed = history.replayed()
    const forgotten = 500 - leastRemembered
    for (let i = 0; i < 500; i++) assert.strictEqual(isLeftOut(replayed, at(i, i)), i >= forgotten, String(i))
    assert.isTrue(replayed.hasLast)
    assert.strictEqual(replayed.leftOut, leastRemembered)
    // By count, and before anything that was asked for: the same again is new.
    assert.isFalse(isLeftOut(replayed, at(498, 498)))
    // Stamped long ago, and sent after the last that is known: delayed within the device.
    assert.isFalse(isLeftOut(replayed, at(3, "delayed")))
    assert.isFalse(isLeftOut(replayed, at(500, 500)))
  })

  it("says when the clock went back to where it has forgotten, and delivers that again", () => {
    const history = new History()
    for (let i = 0; i < 500; i++) history.note(at(i, i))
    assert.isFalse(history.isPartial)
    history.note(at(100, "back"))
    assert.isTrue(history.isPartial)
    const replayed = history.replayed()
    for (let i = 101; i < 500; i++) {
      assert.strictEqual(isLeftOut(replayed, at(i, i)), i >= 500 - leastRemembered, String(i))
    }
    assert.isTrue(isLeftOut(replayed, at(100, "back")))
    assert.isFalse(isLeftOut(replayed, at(101, "new")))
    for (let i = 102; i < 600; i++) history.note(at(i, "again"))
    assert.isFalse(history.isPartial)
  })

  it("forgets the oldest of more equal stamps than it can hold, says so, and goes by the order of the log", () => {
    const history = new History()
    const extra = 100
    for (let i = 0; i < mostRemembered; i++) history.note(at(7, i))
    assert.isFalse(history.isPartial)
    for (let i = 0; i < extra; i++) history.note(at(7, mostRemembered + i))
    assert.strictEqual(history.size, mostRemembered)
    assert.isTrue(history.isPartial)
    const replayed = history.replayed()
    let doubled = 0
    for (let i = 0; i < mostRemembered + extra; i++) if (!isLeftOut(replayed, at(7, i))) doubled++
    assert.strictEqual(doubled, 0)
    assert.isFalse(isLeftOut(replayed, at(7, "new")))
  })

  it("takes for new what was never delivered, whatever its time says", () => {
    const history = new History()
    history.note(at(3600, "first"))
    history.note(at(1, "clock set back"))
    for (const n of [1, 2, 3]) {
      const replayed = history.replayed()
      const fresh = [at(n, "a"), at(n + 1, "b")].flatMap((each) => replayed.fresh(each))
      assert.deepStrictEqual(shown([...fresh, ...replayed.rest()].map(eventOf)), [`${n} a`, `${n + 1} b`])
      assert.isFalse(replayed.hasLast)
    }
  })

  it("delivers what waited when nothing comes that was delivered: it did not happen before", () => {
    const first = new History()
    first.note(at(5, "first"))
    const replayed = first.replayed()
    assert.isEmpty(replayed.fresh(at(5, "a")))
    assert.isEmpty(replayed.fresh(at(5, "b")))
    assert.deepStrictEqual(shown(replayed.fresh(at(6, "c")).map(eventOf)), ["5 a", "5 b", "6 c"])
    assert.isEmpty(replayed.fresh(at(5, "d")))
    assert.deepStrictEqual(shown(replayed.rest().map(eventOf)), ["5 d"])
    assert.isEmpty(replayed.rest())
    assert.strictEqual(replayed.leftOut, 0)
  })

  it("lets nothing wait that is not of the first eventTime, or that is more than can be kept", () => {
    const history = new History()
    for (const second of [5, 6]) history.note(at(second, "x"))
    assert.isFalse(isLeftOut(history.replayed(), at(6, "late")))
    const begun = new History()
    begun.note(at(5, "first"))
    const many = begun.replayed()
    for (let i = 0; i < 4096; i++) assert.isEmpty(many.fresh(at(5, i)))
    assert.lengthOf(many.fresh(at(5, "one more")), 4097)
    const large = begun.replayed()
    for (let i = 0; i < 4; i++) assert.isEmpty(large.fresh(at(5, "x".repeat(1_000_000))))
    assert.lengthOf(large.fresh(at(5, "y".repeat(1_000_000))), 5)
  })

  it("is not led astray by times that are none", () => {
    const history = new History()
    for (let i = 0; i < 300; i++) history.note(parse(text("yesterday", String(i))))
    assert.strictEqual(history.size, 300)
    assert.isUndefined(history.last)
    for (let i = 0; i < 300; i++) history.note(i === 171 ? parse(text("today", "")) : at(i, i))
    assert.strictEqual(history.size, leastRemembered)
    const replayed = history.replayed()
    assert.isFalse(history.isPartial)
    assert.isTrue(isLeftOut(replayed, at(180, 180)))
    assert.isTrue(isLeftOut(replayed, at(299, 299)))
    assert.isFalse(isLeftOut(replayed, at(0, "new")))
    assert.isFalse(isLeftOut(replayed, parse(text("yesterday", "new"))))
  })
})

describe("Overlap", () => {
  /** The old feed brings all up to its end; the new one, read when that has come, all from somewhere before it on. */
  const moves = (seed: number) => {
    const choices = new Choices(seededTape(seed, 600))
    const events = sequence(choices, 1 + choices.upTo(60))
    const known = choices.upTo(events.length + 1)
    const end = known + choices.upTo(events.length - known + 1)
    const delivered = events.slice(0, end)
    const overlap = new Overlap()
    for (const event of events.slice(known, end)) overlap.brought(arrives(event))
    for (const event of events.slice(known)) if (!overlap.isDuplicate(arrives(event))) delivered.push(event)
    assert.isTrue(overlap.isLevel)
    return { delivered: shown(delivered), events: shown(events) }
  }

  it("delivers each once and in order", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const { delivered, events } = moves(seed)
      assert.deepStrictEqual(delivered, events, `seed ${seed}`)
    }
  })

  const at = (second: number, content: string | number) => arrives({ index: 0, second, content: String(content) })

  it("leaves nothing out that has no moment as its time", () => {
    const overlap = new Overlap()
    for (const heartbeat of [`<notification xmlns="${ns}"><e/></notification>`, text("yesterday", "")]) {
      overlap.brought(parse(heartbeat))
      assert.isTrue(overlap.isLevel)
      overlap.brought(at(1, "a"))
      assert.isFalse(overlap.isDuplicate(parse(heartbeat)))
      assert.isTrue(overlap.isDuplicate(at(1, "a")))
    }
  })

  it("says when the old feed has brought more than it remembers, and leaves out nothing then", () => {
    const overlap = new Overlap()
    for (let i = 0; i < 2 * mostRemembered; i++) overlap.brought(at(1, i))
    assert.isFalse(overlap.isTooFar)
    overlap.brought(at(1, "one more"))
    overlap.brought(at(1, "and another"))
    assert.isTrue(overlap.isTooFar)
    assert.isTrue(overlap.isLevel)
    assert.isFalse(overlap.isDuplicate(at(1, 0)))
  })
})
