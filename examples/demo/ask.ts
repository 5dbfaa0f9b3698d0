/**
 * Questions to the person at the terminal, one of them without echo. Without a terminal nothing is asked.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createInterface } from "node:readline"
import { Writable } from "node:stream"

export const isInteractive = process.stdin.isTTY === true && process.stderr.isTTY === true

const prompt = (question: string, echo: boolean): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    // readline echoes what is typed to its output; without one it still edits the line.
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    const input = createInterface({ input: process.stdin, output: echo ? process.stderr : silent, terminal: true })
    let answer: string | undefined
    if (!echo) process.stderr.write(question)
    input.question(echo ? question : "", (text) => {
      answer = text
      input.close()
    })
    input.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
    input.on("close", () => {
      if (!echo) process.stderr.write("\n")
      resume(Effect.succeed(answer))
    })
    return Effect.sync(() => input.close())
  })

/** What was typed; undefined when the input ended. */
export const ask = (question: string): Effect.Effect<string | undefined> => prompt(question, true)

/** The same without echo. */
export const askSecret = (question: string): Effect.Effect<Redacted.Redacted<string> | undefined> =>
  Effect.map(prompt(question, false), (text) => (text === undefined ? undefined : Redacted.make(text)))
