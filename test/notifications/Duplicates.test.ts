import { assert, describe, it } from "@effect/vitest"
import { History, leastRemembered, mostRemembered, Overlap } from "../../src/notifications/Duplicates.ts"
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
      Array.from({ length: 5 }, () => replayed.isDuplicate(parse(flap))),
      [true, true, true, false, false]
    )
    assert.isTrue(history.replayed().isDuplicate(parse(flap)))
    assert.isFalse(replayed.isDuplicate(parse(text("2026-11-22T10:00:00Z", "up"))))
    assert.isFalse(history.replayed().isDuplicate(parse(text("2026-11-22T10:00:01Z", "down"))))
  })

  it("leaves out what happened in the second in which the subscription began, before it did", () => {
    const history = new History()
    const [before, first, last, next] = ["a", "b", "c", "d"].map((name) => text("2026-11-22T10:00:00Z", name))
    for (const delivered of [first!, last!]) history.note(parse(delivered))
    assert.isFalse(history.isPartial)
    const replayed = history.replayed()
    const told = [before!, first!, last!, next!].map((message) => replayed.isDuplicate(parse(message)))
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
      assert.isTrue(history.replayed().isDuplicate(parse(form)), form)
      const other = parse(form)
      assert.isNotEmpty(other.xml)
      assert.isTrue(history.replayed().isDuplicate(other), form)
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
        if (!replayed.isDuplicate(arrives(event))) deliver(event)
      }
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
    for (let i = 0; i < 1000; i++) assert.isTrue(replayed.isDuplicate(at(1000, i)))
    assert.isFalse(replayed.isDuplicate(at(1000, 0)))
    history.note(at(1001, 0))
    assert.strictEqual(history.size, leastRemembered)
  })

  it("leaves out what a device replays from before the time that it was asked for, as long as it is older", () => {
    const history = new History()
    for (let i = 0; i < 500; i++) history.note(at(i, i))
    const replayed = history.replayed()
    for (let i = 0; i < 500; i++) assert.isTrue(replayed.isDuplicate(at(i, i)), String(i))
    // Stamped long ago, and sent after the last that is known: delayed within the device.
    assert.isFalse(replayed.isDuplicate(at(3, "delayed")))
    assert.isFalse(replayed.isDuplicate(at(500, 500)))
  })

  it("says when the clock went back to where it has forgotten, and goes by the order of the log", () => {
    const history = new History()
    for (let i = 0; i < 500; i++) history.note(at(i, i))
    assert.isFalse(history.isPartial)
    history.note(at(100, "back"))
    assert.isTrue(history.isPartial)
    const replayed = history.replayed()
    for (let i = 100; i < 500; i++) assert.isTrue(replayed.isDuplicate(at(i, i)), String(i))
    assert.isTrue(replayed.isDuplicate(at(100, "back")))
    assert.isFalse(replayed.isDuplicate(at(101, "new")))
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
    for (let i = 0; i < mostRemembered + extra; i++) if (!replayed.isDuplicate(at(7, i))) doubled++
    assert.strictEqual(doubled, 0)
    assert.isFalse(replayed.isDuplicate(at(7, "new")))
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
    assert.isTrue(replayed.isDuplicate(at(170, 170)))
    assert.isTrue(replayed.isDuplicate(at(299, 299)))
    assert.isFalse(replayed.isDuplicate(at(0, "new")))
    assert.isFalse(replayed.isDuplicate(parse(text("yesterday", "new"))))
  })
})

describe("Overlap", () => {
  /**
   * The old feed brings all up to its end. When it has brought `known` of them the new one is asked for: by a replay from
   * the last eventTime, or for what happens from then on. Both go on in any interleaving.
   */
  const moves = (seed: number, replays: boolean) => {
    const choices = new Choices(seededTape(seed, 600))
    const events = sequence(choices, 1 + choices.upTo(60))
    const history = new History()
    const delivered: Array<Event> = []
    const deliver = (event: Event) => {
      delivered.push(event)
      history.note(arrives(event))
    }
    const known = choices.upTo(events.length + 1)
    events.slice(0, known).forEach(deliver)
    const overlap = new Overlap(replays ? history : undefined)
    const end = known + choices.upTo(events.length - known + 1)
    const feeds = {
      old: events.slice(known, end),
      new: replays ? [...fromLog(events, history.last, "each")] : events.slice(known)
    }
    while (feeds.old.length > 0 || feeds.new.length > 0) {
      const name =
        feeds.old.length === 0 ? "new" : feeds.new.length === 0 ? "old" : choices.pick(["old", "new"] as const)
      const event = feeds[name].shift()!
      if (!overlap.isDuplicate(name, arrives(event))) deliver(event)
    }
    return { delivered: shown(delivered), events: shown(events) }
  }

  it("delivers each once and in order while a subscription moves to a feed that replays", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const { delivered, events } = moves(seed, true)
      assert.deepStrictEqual(delivered, events, `seed ${seed}`)
    }
  })

  it("delivers each once and in order while it moves to a feed of what happens now", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const { delivered, events } = moves(seed, false)
      assert.deepStrictEqual(delivered, events, `seed ${seed}`)
    }
  })

  const at = (second: number, content: string | number) => arrives({ index: 0, second, content: String(content) })

  it("leaves out what the new feed brings from before the time that it was asked for", () => {
    const history = new History()
    for (let i = 0; i < 500; i++) history.note(at(i, i))
    const overlap = new Overlap(history)
    for (let i = 0; i < 500; i++) assert.isTrue(overlap.isDuplicate("new", at(i, i)), String(i))
    assert.isFalse(overlap.isDuplicate("new", at(500, 500)))
    assert.isTrue(overlap.isDuplicate("old", at(500, 500)))
  })

  it("goes on with the old feed when the new one fails", () => {
    const overlap = new Overlap()
    assert.isFalse(overlap.isDuplicate("new", at(1, "a")))
    assert.isFalse(overlap.isDuplicate("new", at(1, "a")))
    assert.deepStrictEqual(
      Array.from({ length: 3 }, () => overlap.isDuplicate("old", at(1, "a"))),
      [true, true, false]
    )
  })

  it("says when one feed has fallen too far behind", () => {
    const overlap = new Overlap()
    for (let i = 0; i < 2 * mostRemembered; i++) overlap.isDuplicate("old", at(1, i))
    assert.isFalse(overlap.isTooFar)
    overlap.isDuplicate("old", at(1, "one more"))
    assert.isTrue(overlap.isTooFar)
    overlap.isDuplicate("new", at(1, 0))
    assert.isFalse(overlap.isTooFar)
  })
})
