/**
 * A file of JSON lines that is only ever appended to: mode 0600, one write per line, one line after the other. Nobody else
 * can have it read, changed or put another in its place.
 *
 * It is opened anew for each line, so that it may be rotated, and that a disk that was full or a right that was missing
 * counts only for as long as it lasts. What the lines say is the caller's business.
 */
import * as Effect from "effect/Effect"
import { constants, type Stats } from "node:fs"
import { type FileHandle, open as openFile, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { setTimeout } from "node:timers/promises"
import { InputError } from "../../errors.ts"
import { shown } from "../Checks.ts"

/** Reading is for the last byte; without blocking, because a pipe in the place of the file would never be opened. */
const flags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | (constants.O_NOFOLLOW ?? 0)

const othersWrite = 0o022
const othersRead = 0o044
const sticky = 0o1000

const modeOf = ({ mode }: Stats): string => (mode & 0o7777).toString(8).padStart(4, "0")

const foreign = (path: string, { uid }: Stats, user: number): string | undefined =>
  uid === user || uid === 0 ? undefined : `${path} belongs to user id ${uid}, not to ${user}`

/** Why these are no records that anyone could rely on; a mode says nothing where there are no user ids. */
const obstacle = (path: string, stats: Stats): string | undefined => {
  const user = process.getuid?.()
  if (!stats.isFile()) return `${path} is not a file`
  if (user === undefined) return undefined
  if ((stats.mode & othersWrite) !== 0) return `others can write ${path} (mode ${modeOf(stats)}): chmod 600 it`
  if ((stats.mode & othersRead) !== 0) return `others can read ${path} (mode ${modeOf(stats)}): chmod 600 it`
  if (stats.nlink > 1) return `${path} has another name, under which others may have it (${stats.nlink} hard links)`
  return foreign(path, stats, user)
}

/** Whoever can write a directory can put another file in the place of this one; in a sticky one, only of their own. */
const obstacleAround = (path: string, stats: Stats): string | undefined => {
  const user = process.getuid?.()
  if (user === undefined) return undefined
  if ((stats.mode & othersWrite) !== 0 && (stats.mode & sticky) === 0) {
    return `others can write the directory ${path} (mode ${modeOf(stats)}): chmod go-w it`
  }
  return foreign(path, stats, user)
}

const openAppending = async (path: string): Promise<FileHandle> => {
  const directory = dirname(path)
  const why = obstacleAround(directory, await stat(directory))
  if (why !== undefined) throw new Error(why)
  try {
    return await openFile(path, flags, 0o600)
  } catch (error) {
    const isLink = (error as NodeJS.ErrnoException).code === "ELOOP"
    throw isLink ? new Error(`${path} is a symbolic link: give the file itself`) : error
  }
}

const withFile = async <A>(path: string, use: (file: FileHandle, size: number) => Promise<A>): Promise<A> => {
  const file = await openAppending(path)
  try {
    const stats = await file.stat()
    const why = obstacle(path, stats)
    if (why !== undefined) throw new Error(why)
    return await use(file, stats.size)
  } finally {
    await file.close()
  }
}

const endsInside = async (file: FileHandle): Promise<boolean> => {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead === 1 && buffer[0] !== 0x0a
}

/**
 * A line that was cut short, by a full disk or a crash, stays alone on its line. Another process may just be writing one:
 * then it is whole a moment later.
 */
const isTorn = async (file: FileHandle): Promise<boolean> => {
  for (let looks = 0; looks < 4; looks++) {
    if (!(await endsInside(file))) return false
    await setTimeout(5)
  }
  return endsInside(file)
}

const append = (path: string, line: string, sync: boolean): Promise<void> =>
  withFile(path, async (file) => {
    const bytes = Buffer.from(`${(await isTorn(file)) ? "\n" : ""}${line}\n`)
    const { bytesWritten } = await file.write(bytes)
    if (bytesWritten < bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`)
    if (sync) await file.sync()
  })

/** JSON on one line, whoever shows it: the control characters that JSON lets stand are escaped too. */
const toLine = (record: object): string =>
  JSON.stringify(record).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** Makes the name of a new file as lasting as its content will be. */
const create = async (path: string): Promise<void> => {
  if (await withFile(path, async (_, size) => size > 0)) return
  const directory = await openFile(dirname(path), constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Appends a record; one that is `started` is on the disk when it succeeds. Fails with the reason in words. */
export type Append = (record: { readonly outcome: string }) => Effect.Effect<void, string>

const inWords = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** A file to append to, created where there is none. Records of one process are written one after the other. */
export const make = (path: string): Append => {
  let last: Promise<unknown> = Promise.resolve()
  return (record) =>
    Effect.tryPromise({
      try: () => {
        const line = toLine(record)
        const written = last.then(() => append(path, line, record.outcome === "started"))
        last = written.catch(() => {})
        return written
      },
      catch: inWords
    })
}

/** The same, known to be usable; fails with an `InputError` that says why it is not. */
export const open = (path: string): Effect.Effect<Append, InputError> =>
  typeof path !== "string" || path === ""
    ? new InputError({ what: "audit", why: `expected the path of a file, got ${shown(path)}` })
    : Effect.as(
        Effect.tryPromise({
          try: () => create(path),
          catch: (cause) => new InputError({ what: "audit", where: path, why: inWords(cause) })
        }),
        make(path)
      )
