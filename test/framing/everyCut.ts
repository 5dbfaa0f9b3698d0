/**
 * Feeds a decoder of any kind the same bytes in every way in which a network may cut them.
 *
 * `decode` makes a fresh decoder, pushes the pieces in order, and returns something comparable; thrown errors should be
 * part of it. Pieces are views of one copy, as they are in the pool of a socket.
 */
import { assert } from "@effect/vitest"

/** Every way to cut: whole, one byte at a time, once at each position, in threes, and with empty pieces between. */
export function* cuts(bytes: Uint8Array): Generator<ReadonlyArray<Uint8Array>> {
  yield [bytes]
  yield pieces(bytes, 1)
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield pieces(bytes, 3)
  yield pieces(bytes, 2).flatMap((piece) => [new Uint8Array(0), piece])
}

export const pieces = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))

/** Asserts that every way of cutting gives what the bytes give as a whole, and returns that. */
export const everyCut = <A>(bytes: Uint8Array, decode: (pieces: ReadonlyArray<Uint8Array>) => A): A => {
  const whole = decode([Buffer.from(bytes)])
  for (const cut of cuts(Buffer.from(bytes))) {
    const sizes = cut.length > 3 ? `${cut.length} pieces` : cut.map((piece) => piece.length).join(" + ")
    assert.deepStrictEqual(decode(cut), whole, `cut as ${sizes}`)
  }
  return whole
}

/** The same, and again with bytes after the end: `withTrailing` is given what the longer input gives. */
export const everyCutWithTrailing = <A>(
  bytes: Uint8Array,
  trailing: Uint8Array,
  decode: (pieces: ReadonlyArray<Uint8Array>) => A,
  withTrailing: (whole: A, longer: A) => void
): A => {
  const whole = everyCut(bytes, decode)
  withTrailing(whole, everyCut(Buffer.concat([bytes, trailing]), decode))
  return whole
}
