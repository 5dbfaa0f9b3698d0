/**
 * What is asked on a device's main session meanwhile: edits that are read back, and questions whose answers are known, several
 * at once. The errors of lost sessions are expected; another's answer never is.
 */
import * as Effect from "effect/Effect"
import { Filter, type OperationError, type ReconnectingSession, xml } from "../../src/index.ts"
import type { Dice } from "../trial/dice.ts"
import type { Ledger } from "./ledger.ts"
import { namespace } from "./traits.ts"

export interface Programs {
  readonly session: ReconnectingSession
  readonly device: string
  readonly dice: Dice
  readonly ledger: Ledger
  readonly isOver: () => boolean
}

const deadline = "4 seconds"

/** Asks, and looks whether the answer is one to this question. */
const asked = (
  { device, ledger }: Programs,
  answer: Effect.Effect<{ readonly xml: string }, OperationError>,
  expected: RegExp
) =>
  Effect.map(answer, (reply) => {
    if (expected.test(reply.xml)) ledger.call("right")
    else ledger.find("replies that brought another's answer", device, `not ${expected}, but ${reply.xml}`)
  })

const question = (programs: Programs, number: number) => {
  const { device, dice, session } = programs
  const nonce = `${device}/${number}`
  if (dice.chance(70)) {
    const echo = session.rpc(xml`<echo xmlns="${namespace}">${nonce}</echo>`, { read: true, deadline })
    return asked(programs, echo, new RegExp(`>${nonce}<`))
  }
  const filter = Filter.subtree(xml`<about xmlns="${namespace}"/>`)
  return asked(
    programs,
    session.getConfig({ source: "running", filter, deadline }),
    new RegExp(`<name>${device}</name>`)
  )
}

/** A device that has rebooted meanwhile has no value. */
const edit = (programs: Programs, number: number) => {
  const { session } = programs
  const slot = xml`<slots xmlns="${namespace}"><slot><name>soak</name><value>${number}</value></slot></slots>`
  const filter = Filter.subtree(xml`<slots xmlns="${namespace}"/>`)
  const read = session.getConfig({ source: "running", filter, deadline })
  return session
    .editConfig({ target: "candidate", config: slot, deadline })
    .pipe(
      Effect.andThen(session.commit({ deadline })),
      Effect.andThen(asked(programs, read, /<data(?!.*<(about|echoed))/s))
    )
}

const counted = ({ ledger }: Programs, program: Effect.Effect<void, OperationError>) =>
  Effect.catch(program, ({ _tag }) => Effect.sync(() => ledger.call(_tag)))

/** Until it is over. */
export const run = (programs: Programs): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { dice, isOver } = programs
    for (let number = 0; !isOver(); number += 10) {
      const questions = Array.from({ length: dice.between(1, 3) }, (_, i) => question(programs, number + i))
      const all = dice.chance(50) ? [...questions, edit(programs, number)] : questions
      yield* Effect.all(
        all.map((one) => counted(programs, one)),
        { concurrency: "unbounded", discard: true }
      )
      yield* Effect.sleep(dice.between(200, 3_000))
    }
  })
