/**
 * What a thread asks the caller's loop while it logs in: whether a credential may be offered (the guard of the process
 * counts the refusals of all threads together), and what to answer to a prompt.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Answer, Challenge } from "../AuthOptions.ts"
import { CredentialGuard, type Pass, type Verdict } from "../CredentialGuard.ts"
import type { Identity } from "../CredentialIdentity.ts"
import type { Event, Login, Question, Reply } from "./Protocol.ts"

/** The caller's function has failed, in its words. */
class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

export class Questions {
  readonly #tell: (event: Event) => void
  readonly #waiting = new Map<number, (answer: Reply) => void>()
  #asked = 0

  constructor(tell: (event: Event) => void) {
    this.#tell = tell
  }

  /** `answered` is called once, or once more after `waits`. The result withdraws the question. */
  ask(login: Login, ask: Question, answered: (answer: Reply) => void): () => void {
    const question = ++this.#asked
    this.#waiting.set(question, answered)
    this.#tell({ _tag: "question", question, login, ask })
    return () => {
      if (this.#waiting.delete(question)) this.#tell({ _tag: "withdrawn", question })
    }
  }

  answer(question: number, answer: Reply): void {
    const answered = this.#waiting.get(question)
    if (answer._tag !== "waits") this.#waiting.delete(question)
    if (answered !== undefined) answered(answer)
    else if (answer._tag === "admitted") this.pass(answer.pass).end("unknown", "")
  }

  /** A permission of the caller's guard. */
  pass(pass: number): Pass {
    return {
      free: () => this.#tell({ _tag: "freed", pass }),
      end: (outcome, device) => this.#tell({ _tag: "spent", pass, outcome, device })
    }
  }

  /** The caller's function for prompts, as one of ours. */
  prompt(prompt: number): Answer {
    return (challenge) => Effect.flatMap(CurrentLogin, (login) => this.#prompt(login, prompt, challenge))
  }

  #prompt(login: Login, prompt: number, challenge: Challenge): ReturnType<Answer> {
    return Effect.callback((resume) => {
      const withdraw = this.ask(login, { _tag: "prompt", prompt, challenge }, (answer) => {
        if (answer._tag === "answers") resume(Effect.succeed(answer.answers.map((text) => Redacted.make(text))))
        else resume(Effect.fail(new Refused({ message: answer._tag === "refused" ? answer.message : "" })))
      })
      return Effect.sync(withdraw)
    })
  }
}

/** Who is being opened. */
export const CurrentLogin: Context.Reference<Login> = Context.Reference<Login>("effect-netconf/thread/CurrentLogin", {
  defaultValue: () => ({ session: 0, transport: 0 })
})

/** The caller's guard, from a thread, for the logins of one session. */
export class RemoteGuard extends CredentialGuard {
  readonly #questions: Questions
  readonly #login: Login

  constructor(questions: Questions, login: Login) {
    super()
    this.#questions = questions
    this.#login = login
  }

  override whyNone(identities: ReadonlyArray<Identity>): Effect.Effect<string | undefined> {
    if (identities.length === 0) return Effect.succeed(undefined)
    return Effect.callback((resume) => {
      const withdraw = this.#questions.ask(this.#login, { _tag: "whyNone", identities }, (answer) =>
        resume(Effect.succeed(answer._tag === "why" ? answer.why : undefined))
      )
      return Effect.sync(withdraw)
    })
  }

  override admit(identity: Identity, decide: (verdict: Verdict) => void, waits: () => void = () => {}): () => void {
    return this.#questions.ask(this.#login, { _tag: "admit", identity }, (answer) => {
      if (answer._tag === "waits") waits()
      else if (answer._tag === "barred") decide({ _tag: "Barred", why: answer.why })
      else if (answer._tag === "admitted") decide({ _tag: "Admitted", pass: this.#questions.pass(answer.pass) })
    })
  }
}
