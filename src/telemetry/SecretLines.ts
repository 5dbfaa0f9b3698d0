/**
 * What the lines of a text are about, which decides what a name in them means: a community of BGP is no secret, a bare
 * `key` is one below `tacacs server a`. Lines are read once, in their order.
 */
import { isRouting, isSnmp, type SecretNames } from "./SecretNames.ts"
import { isProse } from "./SecretWords.ts"
import type { Region } from "./WrittenValue.ts"

const login =
  /tacacs|radius|isakmp|ldap|\bntp\b|keyring|\bwpa|\bike|server-private|aaa-server|dynamic-author|(?:primary|secondary)[ \t]+(?:auth|acc)/i

/** Whether below this line a bare `key` is a secret. */
export const beginsLogin = (line: string): boolean => login.test(line)

export class Lines {
  readonly #text: string
  #start = 0
  #end = -1
  #snmp = false
  #routing = false
  #login: boolean
  /** The indentation of the line that began the block about logging in. */
  #block: number

  constructor(text: string, withinLogin: boolean) {
    this.#text = text
    this.#login = withinLogin
    this.#block = withinLogin ? -1 : Infinity
  }

  /** Goes on to the line of this index; whether it is another one than before. */
  to(index: number): boolean {
    if (index < this.#end) return false
    while (index >= this.#end && this.#end < this.#text.length) this.#read(this.#end + 1)
    return true
  }

  #read(start: number): void {
    this.#start = start
    const end = this.#text.indexOf("\n", start)
    this.#end = end === -1 ? this.#text.length : end
    const line = this.line
    this.#snmp = isSnmp(line)
    this.#routing = isRouting(line)
    const indentation = line.search(/\S/)
    const begins = beginsLogin(line)
    if (begins) this.#block = Math.min(this.#block, indentation)
    else if (indentation !== -1 && indentation <= this.#block) this.#block = Infinity
    this.#login = begins || indentation > this.#block
  }

  get line(): string {
    return this.#text.slice(this.#start, this.#end)
  }

  /** Whether a community here is BGP's. */
  get isRouting(): boolean {
    return this.#routing && !this.#snmp
  }

  get isSnmp(): boolean {
    return this.#snmp
  }

  /** Whether a bare `key` here is a secret. */
  get isLogin(): boolean {
    return this.#login
  }

  /** The values that this line complains about: `"x" is not a valid value for leaf password`. */
  refused(names: SecretNames): ReadonlyArray<Region> {
    const { line } = this
    if (!/valid|value|allow|accept|illegal/i.test(line)) return []
    return complaints.flatMap((complaint) =>
      Array.from(line.matchAll(complaint), ({ indices }): Region => {
        const [start, end] = indices![1] ?? indices![2] ?? indices![3]!
        return [this.#start + start, this.#start + end]
      }).filter((region) => this.#isValue(region, names))
    )
  }

  #isValue([start, end]: Region, names: SecretNames): boolean {
    const name = this.#text.slice(start, end).replace(/^\W{1,8}|\W{1,8}$/g, "")
    return !isProse(this.#text, start) && names.kindOf(name) === undefined
  }
}

const word = String.raw`(?:"([^"\n]{1,512})"|'([^'\n]{1,512})'|(?<![^\s(])([^\s"':]{1,128})(?!\S))`

/** `x is not a valid password`, `invalid value x for element password`. */
const complaints = [
  new RegExp(String.raw`${word}[ \t]{1,8}is (?:not (?:an? )?(?:valid|allowed|acceptable)|invalid|illegal)`, "dgi"),
  new RegExp(String.raw`\bvalue:?[ \t]{1,8}${word}`, "dgi")
]
