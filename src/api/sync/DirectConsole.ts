/**
 * A console that writes by itself. That of a thread hands its lines to the thread that has started it, which is blocked: a
 * warning would come after the call that it is about, or not at all where the process ends.
 */
import { Console } from "node:console"
import { writeSync } from "node:fs"
import { Writable } from "node:stream"

const directTo = (fd: number): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      try {
        writeSync(fd, chunk)
      } catch {
        // Nobody reads it, or not now.
      }
      done()
    }
  })

/** From now on, for whoever has got hold of the console already. */
export const install = (): void => {
  Object.assign(console, new Console({ stdout: directTo(1), stderr: directTo(2) }))
}
