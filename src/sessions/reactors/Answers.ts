/**
 * Answers what a thread asks while it logs in, from where the caller is: the credential guard that counts there, and the
 * functions that answer prompts. What a thread that is gone has asked or holds, is given up.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as CredentialGuard from "../../transport/CredentialGuard.ts"
import type { Crossing } from "../../transport/Placement.ts"
import type { Command, Question, Reply } from "../../transport/thread/Protocol.ts"

/** Whoever opens a session, as far as its questions are concerned. */
export interface Caller {
  readonly crossing: Crossing
  readonly services: Context.Context<never>
}

export class Answers {
  readonly #post: (command: Command) => void
  readonly #passes = new Map<number, CredentialGuard.Pass>()
  readonly #withdraw = new Map<number, () => void>()
  #given = 0

  constructor(post: (command: Command) => void) {
    this.#post = post
  }

  ask(question: number, ask: Question, caller: Caller): void {
    const answer = (given: Reply) => {
      if (given._tag !== "waits") this.#withdraw.delete(question)
      this.#post({ _tag: "answer", question, answer: given })
    }
    const guard = Context.get(caller.services, CredentialGuard.Current)
    switch (ask._tag) {
      case "whyNone":
        return answer({ _tag: "why", why: Effect.runSync(guard.whyNone(ask.identities)) })
      case "admit":
        return this.#admit(guard, question, ask, answer)
      case "prompt":
        return this.#prompt(question, ask, caller, answer)
    }
  }

  #admit(
    guard: CredentialGuard.CredentialGuard,
    question: number,
    { identity }: Extract<Question, { readonly _tag: "admit" }>,
    answer: (given: Reply) => void
  ): void {
    let decided = false
    const decide = (verdict: CredentialGuard.Verdict): void => {
      decided = true
      if (verdict._tag === "Barred") return answer({ _tag: "barred", why: verdict.why })
      this.#passes.set(++this.#given, verdict.pass)
      answer({ _tag: "admitted", pass: this.#given })
    }
    const giveUp = guard.admit(identity, decide, () => answer({ _tag: "waits" }))
    if (!decided) this.#withdraw.set(question, giveUp)
  }

  #prompt(
    question: number,
    { challenge, prompt }: Extract<Question, { readonly _tag: "prompt" }>,
    { crossing, services }: Caller,
    answer: (given: Reply) => void
  ): void {
    const asked = Effect.suspend(() => crossing.answers[prompt]!(challenge))
    const fiber = Effect.runForkWith(services)(
      Effect.matchCause(asked, {
        onFailure: (cause) => {
          const error = Cause.squash(cause)
          answer({ _tag: "refused", message: error instanceof Error ? error.message : "" })
        },
        onSuccess: (answers) => answer({ _tag: "answers", answers: answers.map(Redacted.value) })
      })
    )
    if (fiber.pollUnsafe() === undefined) this.#withdraw.set(question, () => fiber.interruptUnsafe())
  }

  /** Nobody waits for the answer any more. */
  withdraw(question: number): void {
    const withdraw = this.#withdraw.get(question)
    this.#withdraw.delete(question)
    withdraw?.()
  }

  freed(pass: number): void {
    this.#passes.get(pass)?.free()
  }

  spent(pass: number, outcome: CredentialGuard.Outcome, device: string): void {
    const held = this.#passes.get(pass)
    this.#passes.delete(pass)
    held?.end(outcome, device)
  }

  /** The thread is gone. That is no device's word on any credential. */
  clear(): void {
    for (const question of this.#withdraw.keys()) this.withdraw(question)
    for (const pass of this.#passes.keys()) this.spent(pass, "unknown", "")
  }
}
