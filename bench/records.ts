/**
 * Event records as a device sends them: a link that changes, padded to a size, of which only the eventTime and a counter
 * differ. A burst counts from 1 in the fraction of its eventTime, so whoever reads that knows whether one is missing; paced
 * ones say when they were written.
 */

/** Where the text of a record holds what changes; nine digits each. */
const day = "2026-11-22T20:00:00."
const digits = 9
const zeros = "0".repeat(digits)

const before = '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>'
const between =
  '</eventTime><link-change xmlns="urn:effect-netconf:bench"><interface><name>GigabitEthernet0/0/7</name>' +
  "<if-index>1007</if-index><admin-state>up</admin-state><oper-state>down</oper-state></interface>" +
  "<reason>loss-of-signal</reason><sequence>"
const after = "</sequence><description>"
const end = "</description></link-change></notification>"

/** The text of a record, of so many bytes, with this moment in it and this number. */
const textOf = (size: number, moment: string, sequence: string): string => {
  const head = `${before}${moment}${between}${sequence}${after}`
  return head + "uplink ".repeat(size).slice(0, size - head.length - end.length) + end
}

/** Between `performance.now` of this process and the clock that all processes of this machine share. */
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** The eventTime of a record that is written now, by the shared clock: its moment counts from the machine's start. */
const now = (): string => {
  const micros = Math.round((performance.now() + offset) * 1000)
  const seconds = Math.floor(micros / 1_000_000)
  return `${new Date(seconds * 1000).toISOString().slice(0, 20)}${String(micros % 1_000_000).padStart(6, "0")}Z`
}

/** Milliseconds since a record with this eventTime was written. */
export const ageOf = (eventTime: string): number =>
  performance.now() + offset - Date.parse(`${eventTime.slice(0, 19)}Z`) - Number(eventTime.slice(20, 26)) / 1000

/** The number of a record of a burst, by its eventTime. */
export const sequenceOf = (eventTime: string): number => Number(eventTime.slice(day.length, day.length + digits))

/** A framed record that says when it was written. */
export const written = (size: number, frame: (text: string) => Buffer): Buffer => frame(textOf(size, now(), zeros))

/** Frames of a burst: so many records from this number on, one after the other in one buffer. */
export const burst = (size: number, frame: (text: string) => Buffer): ((from: number, count: number) => Buffer) => {
  const one = frame(textOf(size, `${day}${zeros}Z`, zeros))
  const places = [one.indexOf(day) + day.length, one.indexOf(`<sequence>${zeros}`) + "<sequence>".length]
  return (from, count) => {
    const bytes = Buffer.allocUnsafeSlow(one.length * count)
    for (let i = 0; i < count; i++) {
      const at = i * one.length
      bytes.set(one, at)
      const number = String(from + i).padStart(digits, "0")
      for (const place of places) bytes.write(number, at + place, "latin1")
    }
    return bytes
  }
}
