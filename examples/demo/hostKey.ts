/**
 * The host key of the simulated devices: kept in a file of the user's own that nobody else can read, so that they are the
 * same devices when they are started again.
 */
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { InputError } from "../../src/index.ts"
import { Keys } from "../../src/testing.ts"

const stateDirectory = (): string => {
  const given = process.env["XDG_STATE_HOME"] ?? ""
  return join(given === "" ? join(homedir(), ".local", "state") : given, "effect-netconf")
}

const refuse = (where: string, why: string) => new InputError({ what: "the host key", where, why })

const read = async (path: string): Promise<string> => {
  // Without O_NONBLOCK a pipe in its place would be waited for.
  const file = await Fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const status = await file.stat()
    if (!status.isFile()) throw refuse(path, "it is not a file")
    const isOwn = process.platform === "win32" || (status.uid === process.getuid?.() && (status.mode & 0o077) === 0)
    if (!isOwn) throw refuse(path, `others can read it, or it is another user's: chmod 600 ${path}`)
    const text = await file.readFile("utf8")
    if (!text.startsWith("-----BEGIN ")) throw refuse(path, "it is not a private key")
    return text
  } finally {
    await file.close()
  }
}

const make = async (path: string): Promise<string> => {
  const { privateKey } = Keys.generate()
  await Fs.mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // Whoever is faster has made it: it is not written over.
  await Fs.writeFile(path, privateKey, { flag: "wx", mode: 0o600 })
  return privateKey
}

const isCode = (error: unknown, code: string): boolean => (error as { readonly code?: string }).code === code

/** Reads the key, or makes it. */
export const keptHostKey = (path = join(stateDirectory(), "demo-host-key")): Effect.Effect<string, InputError> =>
  Effect.tryPromise({
    try: () => read(path).catch((error: unknown) => (isCode(error, "ENOENT") ? make(path) : Promise.reject(error))),
    catch: (error) => {
      if (error instanceof InputError) return error
      return refuse(path, `it can be neither read nor made (${(error as NodeJS.ErrnoException).code ?? "unknown"})`)
    }
  })
