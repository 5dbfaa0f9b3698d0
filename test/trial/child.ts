/**
 * A process of a trial (chaos, soak), and how the parent speaks to it: a method's name and its argument go there, its
 * result comes back. The child ends with its parent.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

type Methods = Readonly<Record<string, (argument: never) => unknown>>

interface Question {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** In the child: answers until the parent goes away. */
export const serve = (methods: Methods): void => {
  process.on("message", async ({ argument, id, method }: Question) => {
    const reply = (answer: Answer) => process.send!(answer)
    try {
      reply({ id, result: await methods[method]!(argument as never) })
    } catch (error) {
      reply({ id, error: String(error instanceof Error ? error.stack : error) })
    }
  })
  process.on("disconnect", () => process.exit(0))
}

/** In the parent: a child that runs this file, named as seen from this folder. */
export class Child<M extends Methods> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  #last = 0

  constructor(file: string) {
    this.#process = fork(join(import.meta.dirname, file), { serialization: "advanced" })
    this.#process.on("message", ({ error, id, result }: Answer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result as never)
      else waiting?.reject(new Error(`${file}: ${error}`))
    })
    this.#process.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended with code ${code}`))
    })
  }

  ask<K extends keyof M & string>(method: K, argument: Parameters<M[K]>[0]): Promise<Awaited<ReturnType<M[K]>>> {
    const id = ++this.#last
    this.#process.send({ id, method, argument } satisfies Question)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, "exit")
    this.#process.disconnect()
    await gone
  }
}
