/**
 * The same with a real device. It reads; it writes only what `--edit` names, and only after the person at the terminal
 * has typed the device's name.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { Element, InputError, Netconf, printable, type Session, Ssh, Xml } from "../../src/index.ts"
import { isEncrypted } from "../../src/transport/PrivateKey.ts"
import { ask, askSecret, isInteractive } from "./ask.ts"
import { showDifference } from "./difference.ts"
import { showHello } from "./hello.ts"
import type { DeviceOptions } from "./options.ts"
import { beginning, detail, dim, paragraph, step, whole } from "./screen.ts"
import { timed } from "./timed.ts"

/** Replies up to this size are parsed and indented for the screen. */
const smallReply = 1_000_000

const secret = (variable: string, question: string) => {
  const given = process.env[variable]
  if (given !== undefined) return Effect.succeed(Redacted.make(given))
  return isInteractive ? askSecret(question) : Effect.succeed(undefined)
}

const isGiven = (text: Redacted.Redacted<string> | undefined): text is Redacted.Redacted<string> =>
  text !== undefined && Redacted.value(text) !== ""

const authOf = Effect.fnUntraced(function* ({ host, key, username }: DeviceOptions) {
  if (key === undefined) {
    const password = yield* secret("NETCONF_PASSWORD", `${username}@${host}, password (empty: agent and key files): `)
    return isGiven(password) ? { auth: { password } } : {}
  }
  // A file that cannot be read is for the library to refuse.
  const text = yield* Effect.catch(readText("--key", key), () => Effect.succeed(""))
  const passphrase = isEncrypted(text) ? yield* secret("NETCONF_PASSPHRASE", `${key}, passphrase: `) : undefined
  return { auth: { privateKey: { path: key }, ...(isGiven(passphrase) ? { passphrase } : {}) } }
})

const hostKeyOf = ({ fingerprints, knownHosts }: DeviceOptions): Ssh.HostKeyPolicy =>
  fingerprints.length > 0 ? { fingerprint: fingerprints } : knownHosts === undefined ? "known-hosts" : { knownHosts }

const readText = (option: string, path: string): Effect.Effect<string, InputError> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => {
      const { code } = error as NodeJS.ErrnoException
      const why = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code ?? "unknown"})`
      return new InputError({ what: option, where: path, why })
    }
  })

export const visit = Effect.fnUntraced(function* (options: DeviceOptions) {
  const { edit, host, port, username } = options
  const change = edit === undefined ? undefined : yield* readChange(edit)
  if (change !== undefined && !isInteractive) {
    return yield* refuse("a change has to be confirmed by a person, and there is no terminal to ask on")
  }
  const auth = yield* authOf(options)
  const transport = Ssh.make({ host, port, username, hostKey: hostKeyOf(options), ...auth })
  const [connecting, session] = yield* timed(Netconf.connect({ transport }))
  step("connect", `${username}@${session.peer}, host key: ${session.transport["hostKeyAccepted"] ?? ""}`, connecting)
  showHello(session)
  if (change === undefined) yield* show(session)
  else yield* load(session, host, change)
})

const show = Effect.fnUntraced(function* (session: Session) {
  const [reading, reply] = yield* timed(session.getConfig())
  step("get-config", `running, whole: ${reply.bytes} bytes`, reading)
  if (reply.bytes > smallReply) return beginning(reply.xml, 15)
  const [parsing, data] = yield* timed(reply.data)
  beginning(Xml.print(data, { indent: 2 }), 15)
  detail(dim(`parsed in ${parsing.toFixed(1)} ms; nothing was changed`))
})

interface Change {
  readonly path: string
  readonly config: Element.Element
}

/** The file may hold several top-level elements, or a `<config>` around them. */
const readChange = Effect.fnUntraced(function* (path: string) {
  const text = (yield* readText("--edit", path)).replace(/^\s*<\?xml[^>]*\?>/, "")
  const root = yield* Effect.mapError(
    Xml.parse(`<config>${text}\n</config>`),
    (error) => new InputError({ what: "--edit", where: `${path}, ${error.where ?? "its end"}`, why: error.why })
  )
  const inner = Element.elements(root)
  const [only] = inner
  const config = inner.length === 1 && only!.name === "config" ? only! : root
  if (Element.elements(config).length > 0) return { path, config } satisfies Change
  return yield* new InputError({ what: "--edit", where: path, why: "it holds no configuration" })
})

const load = Effect.fnUntraced(function* (session: Session, host: string, { config, path }: Change) {
  const hasCandidate = session.capabilities.has(":candidate")
  const elements = Element.elements(config)
  step("change", `${path} into ${hasCandidate ? "the candidate" : "running"} of ${session.peer}`)
  whole(Xml.print(config, { indent: 2 }))
  paragraph(hasCandidate ? planOfCandidate : planOfRunning)
  yield* confirm(host)
  const filter = elements.map(({ name, namespace }) => Element.make(name, namespace))
  const read = Effect.flatMap(session.getConfig({ filter }), (reply) => reply.data)
  const before = yield* read
  const [editing, report] = yield* timed(session.edit(elements))
  step("edit", `made in ${report.target}; saved for the next reboot: ${report.saved}`, editing)
  for (const note of report.notes) paragraph(printable(note))
  if (showDifference(before, yield* read) === 0) detail("nothing differs in running")
})

const planOfCandidate =
  "It locks running and candidate, discards what is left in the candidate, edits, validates where the device can, commits " +
  "and unlocks. Any refusal means that nothing is committed."

const planOfRunning =
  "This device has no candidate: it locks running, edits it at once and unlocks. Where the device offers " +
  "rollback-on-error, a refusal undoes the whole change; elsewhere part of it may stay."

const refuse = (why: string) => new InputError({ what: "--edit", why })

const confirm = Effect.fnUntraced(function* (host: string) {
  const typed = yield* ask(`Type the device's name (${host}) to go on: `)
  if (typed?.trim() !== host) return yield* refuse("that is not the device's name; nothing was changed")
})
