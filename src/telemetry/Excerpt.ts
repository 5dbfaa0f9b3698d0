/**
 * What the library says about a peer, without secrets: excerpts of its bytes for error messages.
 *
 * An excerpt shows markup and hides content, for bytes that may not parse at all. It reads strictly: as soon as something
 * is not plainly markup, it and all that follows is hidden. It imports nothing of ours, so any layer may use it.
 */

/** Characters that are read for an excerpt, however long the input is. */
const window = 65_536

/**
 * The markup of XML that may be broken, with every text and attribute value, comment and instruction replaced by its
 * length: `<a b="[3]">[12]</a>`. At most `max` characters; what is cut off ends in `...`.
 */
export const excerpt = (bytes: Uint8Array | string, max = 200): string => {
  const whole = typeof bytes === "string" ? bytes : beginning(bytes)
  const isCut = whole.length > window || bytes.length > window * 3
  const shown = new Masking(whole.slice(0, window), isCut).read(max)
  return shown.length <= max ? shown : `${shown.slice(0, Math.max(0, max - 3))}...`
}

/** A character has at most three bytes for each unit of its text. */
const beginning = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, window * 3)).toString("utf8")

/** A name that is safe to show; others are legal but rare, and hidden. One in `-` may be the end of a comment. */
const name = "[A-Za-z_](?:[\\w.-]{0,62}\\w)?(?::[A-Za-z_](?:[\\w.-]{0,62}\\w)?)?"
const startTag = new RegExp(`<(${name})((?:\\s+${name}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, "y")
const endTag = new RegExp(`</(${name})\\s*>`, "y")
const anyEndTag = new RegExp(`</(${name})\\s*>`)
const attributeOf = new RegExp(`\\s+(${name})\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, "g")

/** What is shown as `<!--[n]-->` and the like: how it begins, how it ends. */
const hidden = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"]
] as const

interface Open {
  readonly name: string
  /** Where its tag begins, in the text and in the output. */
  readonly at: number
  readonly shownAt: number
  /** Text other than white space stands directly inside. */
  hasText: boolean
}

class Masking {
  private out = ""
  private at = 0
  private readonly open: Array<Open> = []
  private readonly text: string
  private readonly isCut: boolean

  constructor(text: string, isCut: boolean) {
    this.text = text
    this.isCut = isCut
  }

  read(max: number): string {
    while (this.at < this.text.length && this.out.length <= max) {
      if (this.text[this.at] === "<" ? this.markup() : this.run()) continue
      this.retract()
      this.out += `[${this.text.length - this.at}${this.isCut ? "+" : ""}]`
      break
    }
    return this.out
  }

  /** Text up to the next `<`. */
  private run(): boolean {
    const next = this.text.indexOf("<", this.at)
    if (next === -1) return false
    const top = this.open.at(-1)
    if (top !== undefined && /\S/.test(this.text.slice(this.at, next))) top.hasText = true
    this.out += `[${next - this.at}]`
    this.at = next
    return true
  }

  private markup(): boolean {
    return this.section() ?? (this.text[this.at + 1] === "/" ? this.end() : this.start())
  }

  /** Comment, CDATA, instruction; undefined when it is none of them. */
  private section(): boolean | undefined {
    const found = hidden.find(([begin]) => this.text.startsWith(begin, this.at))
    if (found === undefined) return undefined
    const [begin, finish] = found
    const end = this.text.indexOf(finish, this.at + begin.length)
    if (end === -1) return false
    this.out += `${begin}[${end - this.at - begin.length}]${finish}`
    this.at = end + finish.length
    return true
  }

  /** YANG data has no mixed content: a tag behind text is rather a `<` that was not escaped. */
  private start(): boolean {
    startTag.lastIndex = this.at
    const match = startTag.exec(this.text)
    if (match === null || this.open.at(-1)?.hasText === true) return false
    const [tag, elementName = "", attributes = "", slash = ""] = match
    if (slash === "") this.open.push({ name: elementName, at: this.at, shownAt: this.out.length, hasText: false })
    this.out += `<${elementName}${maskAttributes(attributes)}${slash}>`
    this.at += tag.length
    return true
  }

  private end(): boolean {
    endTag.lastIndex = this.at
    const match = endTag.exec(this.text)
    if (match === null || match[1] !== this.open.at(-1)?.name) return false
    this.open.pop()
    this.out += `</${match[1]}>`
    this.at += match[0].length
    return true
  }

  /** Tags that the next end tag skips may have been part of a value, so they are hidden too. */
  private retract(): void {
    const next = anyEndTag.exec(this.text.slice(this.at))
    if (next === null) return
    const owner = this.open.findLastIndex((element) => element.name === next[1])
    const suspect = this.open[owner === -1 ? this.open.length - 1 : owner + 1]
    if (suspect === undefined) return
    this.at = suspect.at
    this.out = this.out.slice(0, suspect.shownAt)
  }
}

const maskAttributes = (attributes: string): string => {
  let masked = ""
  for (const [, attributeName, double, single] of attributes.matchAll(attributeOf)) {
    masked += ` ${attributeName}="[${(double ?? single ?? "").length}]"`
  }
  return masked
}
