/**
 * What every Transport has to keep, as tests that run against any of them.
 *
 * A transport's test file calls `transportContract(name, make)`; `make` gives a fresh transport, what can be seen of it
 * from the far side, and releases both with its scope. Nothing here depends on how fast the machine is: a wait is for
 * a condition, and what must not happen is looked for after things have settled.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import type { EndReason, Handler, OpenContext, Transport } from "../../src/transport/Transport.ts"

/** The other end of one connection. */
export interface FarSide {
  readonly write: (bytes: Uint8Array) => void
  /** All that has arrived so far. */
  readonly received: () => Buffer
  /** Stops taking bytes, so that the near side feels back-pressure; `release` goes on. */
  readonly hold: () => void
  /** Whether some of what it wrote has not left it, because the near side does not take it; where that can be seen. */
  readonly waiting?: () => boolean
  readonly release: () => void
  /** Closes in order: what was written before is still delivered. */
  readonly close: () => void
  /** Whether it has noticed that the connection is over. */
  readonly closed: () => boolean
}

/** A transport and the far sides of its connections, in the order in which they were made. */
export interface Subject {
  readonly transport: Transport
  readonly farSides: () => ReadonlyArray<FarSide>
}

export interface ContractOptions {
  /** More than the transport and the network between can hold, in bytes. Default: 16 MiB. */
  readonly plenty?: number
}

export const context: OpenContext = { label: "test", deadlines: Deadlines.defaults }
const impatient: OpenContext = { label: "test", deadlines: { ...Deadlines.defaults, close: 50 } }

/** A handler that writes down all that it is told. */
export interface Recorder extends Handler {
  readonly pieces: Array<Uint8Array>
  readonly ends: Array<EndReason>
  readonly drains: () => number
  /** Calls that came after the end. There must be none. */
  readonly late: () => number
  readonly size: () => number
  readonly bytes: () => Buffer
}

export const recorder = (onData: (bytes: Uint8Array) => void = () => {}): Recorder => {
  const pieces: Array<Uint8Array> = []
  const ends: Array<EndReason> = []
  let [drains, late, size] = [0, 0, 0]
  return {
    pieces,
    ends,
    drains: () => drains,
    late: () => late,
    size: () => size,
    bytes: () => Buffer.concat(pieces),
    data: (bytes) => {
      if (ends.length > 0) late++
      pieces.push(bytes)
      size += bytes.length
      onData(bytes)
    },
    drain: () => {
      if (ends.length > 0) late++
      drains++
    },
    end: (reason) => {
      ends.push(reason)
    }
  }
}

/** Waits until it is so; the test's own timeout is the only limit. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep(1), until(condition))))

/** Waits until the number has stood still for a while; a slow machine can only make an assertion weaker. */
export const settled = (count: () => number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let before = -1; before !== count();) {
      before = count()
      yield* Effect.sleep(30)
    }
  })

/** Bytes in which a loss or an exchange of places shows. */
export const pattern = (length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 0xff
  return bytes
}

const same = (actual: Buffer, expected: Buffer): void =>
  assert.isTrue(actual.equals(expected), "bytes lost or reordered")

const opened = (subject: Subject, handler: Handler, openContext: OpenContext = context) =>
  Effect.gen(function* () {
    const connection = yield* subject.transport.open(handler, openContext)
    yield* until(() => subject.farSides().length > 0)
    return { connection, far: subject.farSides().at(-1)! }
  })

/** Writes in pieces of growing size: 1, 2, 3 ... bytes. */
const growing = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const frames: Array<Buffer> = []
  for (let at = 0; at < bytes.length; at += frames.length) frames.push(bytes.subarray(at, at + frames.length + 1))
  return frames
}

export const transportContract = (
  name: string,
  make: Effect.Effect<Subject, unknown, Scope.Scope>,
  options: ContractOptions = {}
): void => {
  const plenty = options.plenty ?? 16 * 1024 * 1024

  describe(`${name} as a transport`, () => {
    it.live("carries bytes both ways, none lost, none out of order, however they are cut", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const { connection, far } = yield* opened(yield* make, handler)
        const bytes = pattern(200_000)
        for (const frame of growing(bytes)) connection.write(frame)
        for (const frame of growing(bytes)) far.write(frame)
        yield* until(() => far.received().length >= bytes.length && handler.size() >= bytes.length)
        same(far.received(), bytes)
        same(handler.bytes(), bytes)
        assert.deepStrictEqual(handler.ends, [])
      }).pipe(Effect.scoped)
    )

    it.live("says when its buffer is full, and calls drain when there is room again", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const { connection, far } = yield* opened(yield* make, handler)
        far.hold()
        const frame = pattern(65_536)
        let frames = 1
        while (connection.write(frame) && frames * frame.length < plenty) {
          frames++
          yield* Effect.sleep(0)
        }
        assert.isBelow(frames * frame.length, plenty, "write never returned false")
        assert.strictEqual(handler.drains(), 0)
        far.release()
        yield* until(() => handler.drains() > 0 && far.received().length >= frames * frame.length)
        assert.strictEqual(handler.drains(), 1)
        same(far.received(), Buffer.concat(Array.from({ length: frames }, () => frame)))
      }).pipe(Effect.scoped)
    )

    it.live("holds the peer back while paused, and loses nothing by it", () =>
      Effect.gen(function* () {
        const handler = recorder(() => connection?.pause())
        const { connection, far } = yield* opened(yield* make, handler)
        connection.pause()
        const bytes = pattern(plenty)
        far.write(bytes)
        yield* settled(handler.size)
        assert.isBelow(handler.size(), plenty)
        if (far.waiting !== undefined) assert.isTrue(far.waiting(), "the peer could write without end")
        // Paused again at each piece, it has to be resumed until all is there.
        yield* until(() => {
          connection.resume()
          return handler.size() >= plenty
        })
        same(handler.bytes(), bytes)
      }).pipe(Effect.scoped)
    )

    it.live("ends once, after the bytes before the end, when the peer closes", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const { connection, far } = yield* opened(yield* make, handler)
        const bytes = pattern(50_000)
        far.write(bytes)
        far.close()
        yield* until(() => handler.ends.length > 0)
        same(handler.bytes(), bytes)
        assert.isFalse(connection.write(pattern(10)))
        connection.pause()
        connection.resume()
        yield* settled(() => handler.ends.length + handler.late())
        assert.deepStrictEqual(
          handler.ends.map((reason) => reason.by),
          ["peer"]
        )
        assert.strictEqual(handler.late(), 0)
      }).pipe(Effect.scoped)
    )

    it.live("ends while paused as well", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const { connection, far } = yield* opened(yield* make, handler)
        connection.pause()
        const bytes = pattern(1_000)
        far.write(bytes)
        far.close()
        yield* until(() => handler.ends.length > 0)
        same(handler.bytes(), bytes.subarray(0, handler.size()))
        assert.notStrictEqual(handler.ends[0]!.by, "us")
        connection.resume()
        yield* settled(() => handler.ends.length + handler.late())
        assert.deepStrictEqual([handler.ends.length, handler.late()], [1, 0])
      }).pipe(Effect.scoped)
    )

    it.live("takes a write after the end without effect", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const { connection, far } = yield* opened(yield* make, handler)
        far.close()
        yield* until(() => handler.ends.length > 0)
        const before = far.received().length
        for (let time = 0; time < 3; time++) assert.isFalse(connection.write(pattern(100_000)))
        yield* settled(() => far.received().length + handler.late())
        assert.deepStrictEqual([far.received().length, handler.drains(), handler.late()], [before, 0, 0])
      }).pipe(Effect.scoped)
    )

    it.live.each([false, true])("ends both sides when its scope closes (paused: %s)", (paused) =>
      Effect.gen(function* () {
        const handler = recorder()
        const scope = yield* Scope.make()
        const { connection, far } = yield* opened(yield* make, handler).pipe(Scope.provide(scope))
        connection.write(pattern(1_000))
        yield* until(() => far.received().length === 1_000)
        if (paused) connection.pause()
        yield* Scope.close(scope, Exit.void)
        yield* until(far.closed)
        assert.isFalse(connection.write(pattern(10)))
        yield* settled(() => handler.ends.length + handler.late())
        assert.deepStrictEqual(
          handler.ends.map((reason) => reason.by),
          ["us"]
        )
        assert.strictEqual(handler.late(), 0)
      }).pipe(Effect.scoped)
    )

    it.live("closes within its deadline although the peer takes nothing", () =>
      Effect.gen(function* () {
        const handler = recorder()
        const scope = yield* Scope.make()
        const { connection, far } = yield* opened(yield* make, handler, impatient).pipe(Scope.provide(scope))
        far.hold()
        for (let frames = 0; connection.write(pattern(65_536)) && frames < 1_000; frames++) yield* Effect.sleep(0)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(
          handler.ends.map((reason) => reason.by),
          ["us"]
        )
        far.release()
        yield* until(far.closed)
        assert.strictEqual(handler.late(), 0)
      }).pipe(Effect.scoped)
    )

    const moments = {
      ...Object.fromEntries(
        [0, 1, 2, 5, 20].map((turns) => [`${turns} turns`, Effect.repeat(Effect.yieldNow, { times: turns })])
      ),
      ...Object.fromEntries([1, 5, 20].map((millis) => [`${millis} ms`, Effect.sleep(millis)]))
    }
    it.live.each(Object.entries(moments))("leaves nothing when opening is interrupted after %s", ([, moment]) =>
      Effect.gen(function* () {
        const subject = yield* make
        const handler = recorder()
        // This scope stays open: what was begun must go with the interruption, not with the scope.
        const scope = yield* Scope.make()
        const opening = yield* Effect.forkChild(Scope.provide(subject.transport.open(handler, context), scope))
        yield* moment
        yield* Fiber.interrupt(opening)
        const exit = yield* Fiber.await(opening)
        if (Exit.isSuccess(exit)) yield* Scope.close(scope, Exit.void)
        yield* settled(() => subject.farSides().length)
        yield* until(() => subject.farSides().every((far) => far.closed()))
        assert.strictEqual(handler.late(), 0)
        assert.isAtMost(handler.ends.length, 1)
      }).pipe(Effect.scoped)
    )
  })
}
