import { assert, describe, it } from "@effect/vitest"
import { operations } from "../../src/api/operations/Operations.ts"
import { type Call, Calls } from "../../src/rpc/Calls.ts"
import { Outbox } from "../../src/rpc/Outbox.ts"

const make = () => {
  const wire: Array<string> = []
  const written: Array<string> = []
  let room = true
  const outbox = new Outbox((call) => written.push(call.id))
  const write = (frame: Uint8Array) => {
    wire.push(Buffer.from(frame).toString())
    return room
  }
  const connection = { write, pause: () => {}, resume: () => {}, details: {}, notes: [] }
  return {
    outbox,
    wire,
    written,
    open: () => outbox.open(connection, Buffer.from("hello")),
    full: (isFull: boolean) => {
      room = !isFull
    }
  }
}

const calls = new Calls()

const call = (id: string): Call => ({
  ...calls.make({
    operation: operations.get(),
    warnings: undefined,
    deadline: 1,
    total: Infinity,
    resume: () => {},
    since: 0
  }),
  id,
  frame: Buffer.from(id)
})

describe("Outbox", () => {
  it("writes the hello first and frames in order, one write each, and counts their bytes", () => {
    const { open, outbox, wire, written } = make()
    open()
    const calls = ["a", "b"].map(call)
    calls.forEach((one) => outbox.send(one))
    assert.deepStrictEqual(wire, ["hello", "a", "b"])
    assert.deepStrictEqual(written, ["a", "b"])
    assert.strictEqual(outbox.bytes, 7)
    assert.isTrue(calls.every((one) => one.frame === undefined))
  })

  it("holds back while the transport is full, in order, and lets through what fits", () => {
    const { full, open, outbox, wire } = make()
    open()
    full(true)
    const calls = ["a", "b", "c", "d"].map(call)
    calls.forEach((one) => outbox.send(one))
    assert.deepStrictEqual(wire, ["hello", "a"])
    assert.deepStrictEqual(
      calls.map((one) => one.frame === undefined),
      [true, false, false, false]
    )
    outbox.drain(0)
    assert.deepStrictEqual(wire, ["hello", "a", "b"])
    full(false)
    outbox.drain(0)
    assert.deepStrictEqual(wire, ["hello", "a", "b", "c", "d"])
  })

  it("does not let a later call overtake one that waits", () => {
    const { full, open, outbox, wire } = make()
    full(true)
    open()
    outbox.send(call("a"))
    full(false)
    outbox.send(call("b"))
    assert.deepStrictEqual(wire, ["hello"])
    outbox.drain(0)
    assert.deepStrictEqual(wire, ["hello", "a", "b"])
  })

  it("keeps the order when something is sent while it drains", () => {
    const wire: Array<string> = []
    let room = false
    const outbox: Outbox = new Outbox((written) => {
      if (written.id === "b") outbox.send(call("d"))
    })
    const write = (frame: Uint8Array) => {
      wire.push(Buffer.from(frame).toString())
      return room
    }
    outbox.open({ write, pause: () => {}, resume: () => {}, details: {}, notes: [] }, Buffer.from("hello"))
    for (const id of ["a", "b", "c"]) outbox.send(call(id))
    room = true
    outbox.drain(0)
    assert.deepStrictEqual(wire, ["hello", "a", "b", "c", "d"])
  })

  it("never writes what was taken back", () => {
    const { full, open, outbox, wire, written } = make()
    full(true)
    open()
    const calls = ["a", "b", "c"].map(call)
    calls.forEach((one) => outbox.send(one))
    outbox.remove(calls[1]!)
    full(false)
    outbox.drain(0)
    assert.deepStrictEqual(wire, ["hello", "a", "c"])
    assert.deepStrictEqual(written, ["a", "c"])
  })

  it("does not write what is too late by now, and lets through what stands behind it", () => {
    const { full, open, outbox, wire, written } = make()
    full(true)
    open()
    const calls = ["a", "b", "c"].map(call)
    outbox.send(calls[0]!)
    outbox.send({ ...calls[1]!, sendBefore: 1000 })
    outbox.send({ ...calls[2]!, sendBefore: 1001 })
    full(false)
    outbox.drain(1000)
    assert.deepStrictEqual(wire, ["hello", "a", "c"])
    outbox.send(call("d"))
    assert.deepStrictEqual(written, ["a", "c", "d"])
  })

  it("writes nothing after the end", () => {
    const { full, open, outbox, wire } = make()
    full(true)
    open()
    outbox.send(call("a"))
    outbox.clear()
    full(false)
    outbox.drain(0)
    outbox.send(call("b"))
    assert.deepStrictEqual(wire, ["hello"])
  })
})
