/**
 * What the library says about itself, without secrets. For now: excerpts of a peer's bytes for error messages.
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

/** A name that is safe to show; others are legal but rare, and hidden. */
const name = "[A-Za-z_][\\w.-]{0,63}(?::[A-Za-z_][\\w.-]{0,63})?"
const startTag = new RegExp(`<(${name})((?:\\s+${name}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, "y")
const endTag = new RegExp(`</(${name})\\s*>`, "y")
const attributeOf = new RegExp(`\\s+(${name})\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, "g")

/** What is shown whole as `<!--[n]-->` and the like: how it begins, how it ends. */
const hidden = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"]
] as const

class Masking {
  private out = ""
  private at = 0
  /** Open elements: name, and where their tag begins in the text and in the output. */
  private readonly open: Array<{ readonly name: string; readonly at: number; readonly shownAt: number }> = []
  private readonly text: string
  private readonly isCut: boolean

  constructor(text: string, isCut: boolean) {
    this.text = text
    this.isCut = isCut
  }

  read(max: number): string {
    while (this.at < this.text.length && this.out.length <= max) {
      if (!(this.text[this.at] === "<" ? this.markup() : this.run())) {
        this.out += this.length(this.text.length - this.at)
        break
      }
    }
    return this.out
  }

  /** Text up to the next `<`. */
  private run(): boolean {
    const next = this.text.indexOf("<", this.at)
    if (next === -1) return false
    this.out += this.length(next - this.at, false)
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
    this.out += begin + this.length(end - this.at - begin.length, false) + finish
    this.at = end + finish.length
    return true
  }

  private start(): boolean {
    startTag.lastIndex = this.at
    const match = startTag.exec(this.text)
    if (match === null) return false
    const [tag, elementName = "", attributes = "", slash = ""] = match
    if (slash === "") this.open.push({ name: elementName, at: this.at, shownAt: this.out.length })
    this.out += `<${elementName}${maskAttributes(attributes)}${slash}>`
    this.at += tag.length
    return true
  }

  /**
   * An end tag that does not fit shows that what looked like a tag may have been a `<` within a value: the tag goes too.
   */
  private end(): boolean {
    endTag.lastIndex = this.at
    const match = endTag.exec(this.text)
    const top = this.open.pop()
    if (match !== null && match[1] === top?.name) {
      this.out += `</${top?.name}>`
      this.at += match[0].length
      return true
    }
    if (match !== null && top !== undefined) {
      this.at = top.at
      this.out = this.out.slice(0, top.shownAt)
    }
    return false
  }

  private length(count: number, toTheEnd = true): string {
    if (count === 0 && !(toTheEnd && this.isCut)) return ""
    return `[${count}${toTheEnd && this.isCut ? "+" : ""}]`
  }
}

const maskAttributes = (attributes: string): string => {
  let masked = ""
  for (const [, attributeName, double, single] of attributes.matchAll(attributeOf)) {
    masked += ` ${attributeName}="[${(double ?? single ?? "").length}]"`
  }
  return masked
}
