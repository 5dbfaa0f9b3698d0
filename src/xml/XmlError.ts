/**
 * The one error of the xml layer: plain, thrown by the pure functions here, turned into a typed failure at the boundary
 * (`Parse.parse`, the rpc layer). It says what was seen and where, and never quotes text or attribute values;
 * `kind` quotes no names either.
 */

/** XML that is not well-formed, goes beyond a limit, or cannot be written. */
export class XmlError extends Error {
  override readonly name = "XmlError"
  /** What was seen, and what was expected. */
  readonly detail: string
  /** Counted from 1; 0 when the error has no place in a text. */
  readonly line: number
  /** Counted from 1 in characters (code points); 0 when the error has no place in a text. */
  readonly column: number

  constructor(detail: string, line = 0, column = 0) {
    super(line === 0 ? detail : `${detail} (line ${line}, column ${column})`)
    this.detail = detail
    this.line = line
    this.column = column
  }

  /** {@link kind}, and the place: what may be said of a peer's XML. */
  get placed(): string {
    return this.line === 0 ? this.kind : `${this.kind} (line ${this.line}, column ${this.column})`
  }

  /** The detail without the names that it quotes: in broken XML they may be pieces of a value. */
  get kind(): string {
    return this.detail.replace(/(?:: |, expected <\/).*$/s, "")
  }
}
