/**
 * What the demo prints: steps with their time at the right, within 100 columns, in colour only on a terminal.
 */
import { printable } from "../../src/index.ts"

const width = 100
const indent = 12

const colours =
  process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb"

const paint =
  (code: number) =>
  (text: string): string =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text

export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)

// A reader that goes away (`npm run demo | head`) is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

export const line = (text = ""): void => console.log(text)

const pad = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - text.length))

/** One step: its name, what came of it, how long it took. */
export const step = (name: string, text: string, millis?: number): void => {
  const time = millis === undefined ? "" : `${millis.toFixed(millis < 10 ? 1 : 0)} ms`
  const [first = "", ...rest] = wrap(text, width - indent - 10)
  line((bold(pad(name, indent)) + pad(first, width - indent - time.length) + dim(time)).trimEnd())
  rest.forEach(detail)
}

/** A line that belongs to the step above it. */
export const detail = (text: string): void => line(`${" ".repeat(indent)}${text}`)

/** Longer text that belongs to the step above it, its own line breaks kept. */
export const paragraph = (text: string, style: (text: string) => string = (plain) => plain): void => {
  for (const part of text.split("\n")) wrap(part, width - indent).forEach((row) => detail(style(row)))
}

/** Breaks at spaces; what has none stays whole. */
const wrap = (text: string, columns: number): ReadonlyArray<string> => {
  const rows: Array<string> = []
  let row = ""
  for (const word of text.split(" ")) {
    const longer = row === "" ? word : `${row} ${word}`
    if (longer.length > columns && row.trim() !== "") rows.push(row)
    row = longer.length > columns && row.trim() !== "" ? word : longer
  }
  return [...rows, row]
}

const secretName = "[\\w.-]*(?:password|passphrase|secret|community|private-key|hash)[\\w.-]*"
const secretElement = new RegExp(`(<(?:[\\w.-]+:)?${secretName}(?:\\s[^<>]*)?>)[^<]+`, "gi")
const secretPath = new RegExp(`(?:^|/)${secretName}$`, "i")

/** Whether a node's name says that its value is not for a screen. */
export const isSecret = (path: string): boolean => secretPath.test(path)

const withoutSecrets = (xml: string): string => xml.replace(secretElement, "$1(hidden)")

/** All of it, nothing cut: what a person is asked to agree to. */
export const whole = (xml: string): void => {
  for (const row of withoutSecrets(xml).split("\n")) detail(dim(printable(row)))
}

/** The first lines of XML from a device: control characters escaped, values of secrets left out, cut at the edge. */
export const beginning = (xml: string, lines: number): void => {
  const rows = withoutSecrets(xml).split("\n")
  for (const row of rows.slice(0, lines)) {
    const safe = printable(row)
    detail(dim(safe.length > width - indent ? `${safe.slice(0, width - indent - 3)}...` : safe))
  }
  if (rows.length > lines) detail(dim(`... ${rows.length - lines} more lines`))
}
