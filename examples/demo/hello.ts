/** The peer's hello, short enough for a screen. */
import { printable, type Session } from "../../src/index.ts"
import { dim, paragraph, step } from "./screen.ts"

const prefix = /^urn:ietf:params:(?:netconf:|xml:ns:netconf:)(?:capability:)?/

/** `validate 1.0 1.1, candidate, ...`: the protocol's own capabilities, each once with its versions. */
const protocol = (uris: ReadonlyArray<string>): string => {
  const versions = new Map<string, Array<string>>()
  for (const uri of uris.filter((text) => prefix.test(text))) {
    const [name = "", version = ""] = uri.replace(prefix, "").replace(/\?.*$/, "").split(":")
    versions.set(name, [...(versions.get(name) ?? []), version])
  }
  return [...versions].map(([name, found]) => (found.join() === "1.0" ? name : `${name} ${found.join(" ")}`)).join(", ")
}

export const showHello = ({ capabilities, framing, notes, profile, sessionId, transport }: Session): void => {
  const session = sessionId === undefined ? "no session-id" : `session ${sessionId}`
  const { modules, uris } = capabilities
  step("hello", `${session}, ${framing} framing, profile ${profile.name}, ${transport["cipher"] ?? "no cipher"}`)
  paragraph(printable(`${protocol(uris)}; ${uris.length} capabilities in all, ${modules.length} YANG modules`), dim)
  for (const note of notes) paragraph(printable(`note: ${note}`))
}
