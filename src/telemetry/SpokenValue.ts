/**
 * The secret behind a name or a command in CLI text and in prose: `password 7 0822455D0A16`, `community read cipher x`,
 * `pre-shared-key address 192.0.2.1 key x`, `password for ops is x`. Words that only announce it are skipped, and shown.
 */
import { argumentsOf, enders, forms, isAlgorithm, isProse, joints, strongForms } from "./SecretWords.ts"
import { blanks, lineEnd, type Region, value, wordEnd } from "./WrittenValue.ts"

/** Behind what a secret is looked for. */
export interface Announced {
  readonly name: string
  /** Its end. */
  readonly end: number
  /** Whether what follows is a secret, even if nothing says so. */
  readonly certain: boolean
}

/** Words that may announce one secret. */
const maxWords = 12

export const spoken = (text: string, announced: Announced): Region | undefined => new Reading(text, announced).read()

class Reading {
  readonly #text: string
  readonly #end: number
  readonly #isKey: boolean
  readonly #isKeyString: boolean
  readonly #isPassword: boolean
  #certain: boolean
  /** The digit of a type, which says how the rest of the line is written. */
  #type: string | undefined
  /** Words that announce a secret, and are one if nothing follows. */
  #words: Region | undefined
  #afterAlgorithm = false

  constructor(text: string, { certain, end, name }: Announced) {
    this.#text = text
    this.#end = end
    this.#certain = certain
    this.#isKey = /key$/i.test(name)
    this.#isKeyString = /key-?string$/i.test(name)
    this.#isPassword = /md5-?password$/i.test(name)
  }

  read(): Region | undefined {
    const text = this.#text
    let start = blanks(text, this.#end)
    for (let words = 0; words < maxWords; words++) {
      const stop = wordEnd(text, start)
      const word = text.slice(start, Math.min(stop, start + 24)).toLowerCase()
      if (stop === start || (this.#words !== undefined && enders.has(word))) return this.#nothingFollows()
      // The name of a user, of version 3.
      if (word === "version" && /[ \t]+v?3\b/y.test(text.slice(stop, stop + 12))) return undefined
      const skipped = this.#skip(word, start, stop)
      if (skipped === undefined) return this.#value(start, stop)
      start = blanks(text, skipped)
    }
    return [start, lineEnd(text, start)]
  }

  #nothingFollows(): Region | undefined {
    return this.#certain ? this.#words : undefined
  }

  /** The end of a word that only announces, and of its arguments; undefined for the secret itself. */
  #skip(word: string, start: number, stop: number): number | undefined {
    const count = argumentsOf.get(word)
    if (count !== undefined) return this.#withArguments(stop, count)
    if (joints.has(word)) return stop
    const algorithm = isAlgorithm(word)
    if (/^\d[a-z]?$/.test(word)) this.#type = word
    else if (strongForms.has(word)) this.#certain = true
    else if (!algorithm && !forms.has(word) && !this.#isNumber(word, stop)) return undefined
    this.#afterAlgorithm = algorithm
    this.#words = [this.#words?.[0] ?? start, stop]
    return stop
  }

  /** `address 192.0.2.1 255.255.255.0 key x` takes up to its `key`. */
  #withArguments(stop: number, count: number): number {
    let end = stop
    for (let n = 0; n < count; n++) {
      const start = blanks(this.#text, end)
      if (n > 0 && !/^[\d.:/]+\s/.test(this.#text.slice(start, start + 48))) break
      end = wordEnd(this.#text, start)
    }
    return end
  }

  /** The number of a key, the length of a cipher's, the peer of an LDP password. */
  #isNumber(word: string, stop: number): boolean {
    if (this.#isPassword && /^\d+\.\d+\.\d+\.\d+$/.test(word)) return true
    if (!/^\d{1,5}$/.test(word)) return false
    return this.#isKey || (this.#afterAlgorithm && /[ \t]+\S/y.test(this.#text.slice(stop, stop + 16)))
  }

  #value(start: number, stop: number): Region | undefined {
    const text = this.#text
    if (this.#type === undefined && !this.#certain) return undefined
    // Type 0 is plain text, which may be any word.
    if (!this.#type?.startsWith("0") && isProse(text, start)) return sentence(text, this.#end)
    const first = text[start]!
    if (/["'`{]/.test(first) || text.startsWith('\\"', start)) return value(text, start)
    // Behind a type, IOS takes the rest of the line; a key-string may hold blanks as well.
    return [start, this.#type !== undefined || this.#isKeyString ? lineEnd(text, start) : stop]
  }
}

const verbs = "(?:[ \\t]{1,8}(?:is|was|has|been|now|changed|set|reset|updated|to)\\b)"
const whose = "[ \\t]{1,8}(?:for|of)[ \\t]{1,8}(?:(?:the|user|login|account|username)[ \\t]{1,8}){0,2}"
const quotedWhose = /[ \t]{1,8}of[ \t]{1,8}(?=["'])/y
const told = new RegExp(
  `(?:${whose}[^\\s:]{1,64}(?::|${verbs}{1,5}|(?=[ \\t]{1,8}["']))|${verbs}{0,4}[ \\t]{1,8}to\\b)[ \\t]{1,8}`,
  "iy"
)

/** ` for ops is x`, ` was changed to x`, ` of 'x' is weak`, behind a name. */
const sentence = (text: string, end: number): Region | undefined => {
  quotedWhose.lastIndex = end
  const first = quotedWhose.test(text) ? value(text, quotedWhose.lastIndex) : undefined
  told.lastIndex = end
  if (!told.test(text) || isProse(text, told.lastIndex)) return first
  const second = value(text, told.lastIndex)
  return [first?.[0] ?? second[0], second[1]]
}
