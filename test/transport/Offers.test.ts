import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import ssh2 from "ssh2"
import type { Credential } from "../../src/transport/Auth.ts"
import { CredentialGuard } from "../../src/transport/CredentialGuard.ts"
import { Offers } from "../../src/transport/Offers.ts"
import { makeKey } from "./sshServer.ts"

const password = (secret: string): Credential => ({ _tag: "password", password: Redacted.make(secret) })

const aKey = (): Credential => {
  const key = ssh2.utils.parseKey(makeKey().private)
  assert(!(key instanceof Error) && !Array.isArray(key))
  return { _tag: "key", key, name: "a key" }
}

/** A login, and in words what it is told to do. */
const login = (guard: CredentialGuard) => {
  const told: Array<string> = []
  const pause = () => {
    told.push("pause")
    return () => void told.push("resume")
  }
  const offers = new Offers({ guard, username: "admin", device: "leaf-01", pause })
  const offer = (credential: Credential) =>
    offers.offer(
      credential,
      () => told.push("proceed"),
      (why) => told.push(why)
    )
  return { offer, offers, told }
}

/** Logins that have shown the device a credential and heard nothing yet. */
const offering = (guard: CredentialGuard, credential: Credential, count: number) =>
  Array.from({ length: count }, () => {
    const one = login(guard)
    one.offer(credential)
    one.offers.sent()
    return one
  })

const refusals = (guard: CredentialGuard) => guard.status.map((one) => one.refusals)

describe("Offers", () => {
  it("counts a refused password at once, and no second time when the login is over", () => {
    const guard = new CredentialGuard()
    const [one] = offering(guard, password("wrong"), 1)
    one!.offers.answered(false)
    assert.deepStrictEqual(refusals(guard), [1])
    one!.offers.end("refused")
    one!.offers.end("refused")
    assert.deepStrictEqual(refusals(guard), [1])
  })

  it("counts refused keys when the login is over, and none where it succeeded", () => {
    for (const [outcome, expected] of [
      ["refused", [1, 1]],
      ["undecided", [1, 1]],
      ["accepted", []],
      ["unknown", []]
    ] as const) {
      // On a clock that goes on by a minute with each question, so that no success is remembered.
      let now = 0
      const guard = new CredentialGuard(() => (now += 60_000))
      const { offer, offers } = login(guard)
      for (const key of [aKey(), aKey()]) {
        offer(key)
        offers.sent()
        offers.answered(false)
      }
      assert.deepStrictEqual(refusals(guard), [0, 0])
      offers.end(outcome)
      assert.deepStrictEqual(refusals(guard), [...expected], outcome)
    }
  })

  it("counts a password that nothing was said to, and no key, when the login ends undecided", () => {
    const guard = new CredentialGuard()
    const [one] = offering(guard, password("maybe wrong"), 1)
    one!.offers.end("undecided")
    assert.deepStrictEqual(refusals(guard), [1])
    assert.deepStrictEqual([guard.status[0]!.undecided, guard.status[0]!.refusedBy], [1, ["leaf-01"]])
    const keys = new CredentialGuard()
    const { offer, offers } = login(keys)
    const [refused, unanswered] = [aKey(), aKey()]
    offer(refused)
    offers.sent()
    offers.answered(false)
    offer(unanswered)
    offers.sent()
    offers.end("undecided")
    assert.deepStrictEqual(
      keys.status.map((one) => [one.refusals, one.undecided]),
      [[1, 0]]
    )
  })

  it("counts nothing that the device has not seen", () => {
    const guard = new CredentialGuard()
    const { offer, offers } = login(guard)
    offer(password("wrong"))
    offers.answered(false)
    offer(password("wrong"))
    offers.end("refused")
    assert.deepStrictEqual(guard.status, [])
  })

  it("takes an accepted step for an accepted credential, whatever becomes of the login", () => {
    const guard = new CredentialGuard()
    offering(guard, password("right"), 1)[0]!.offers.answered(false)
    const [one] = offering(guard, password("right"), 1)
    one!.offers.answered(true)
    one!.offers.end("refused")
    assert.deepStrictEqual(refusals(guard), [0])
  })

  it("asks nobody about a function that answers prompts", () => {
    const guard = new CredentialGuard()
    const { offer, offers, told } = login(guard)
    offer({ _tag: "prompt", answer: () => assert.fail("asked") } as unknown as Credential)
    offers.sent()
    offers.end("refused")
    assert.deepStrictEqual([told, guard.status], [["proceed"], []])
  })

  it("stops the deadline while it waits for others, and not when it need not", () => {
    const guard = new CredentialGuard()
    const [one] = offering(guard, password("right"), 3)
    assert.deepStrictEqual(one!.told, ["proceed"])
    const { offer, offers, told } = login(guard)
    offer(password("right"))
    assert.deepStrictEqual([told, offers.waiting], [["pause"], true])
    one!.offers.end("accepted")
    assert.deepStrictEqual([told, offers.waiting], [["pause", "resume", "proceed"], false])
  })

  it("goes on without what is barred, at once or after it has waited", () => {
    const guard = new CredentialGuard()
    const trying = offering(guard, password("wrong"), 3)
    const late = login(guard)
    late.offer(password("wrong"))
    for (const { offers } of trying) offers.answered(false)
    assert.deepStrictEqual(late.told.slice(0, 2), ["pause", "resume"])
    const next = login(guard)
    next.offer(password("wrong"))
    assert.deepStrictEqual(next.told, late.told.slice(2))
    assert.match(next.told[0]!, /^the password of admin is not offered: leaf-01 refused it, 3 times/)
  })

  it("holds nothing that others wait for while it waits itself", () => {
    const guard = new CredentialGuard()
    const [first, second] = [aKey(), aKey()]
    offering(guard, second, 3)
    const [one] = offering(guard, first, 1)
    one!.offers.answered(false)
    one!.offer(second)
    assert.isTrue(one!.offers.waiting)
    const counts = () => guard.status.map(({ refusals, underWay, waiting }) => [refusals, underWay, waiting])
    assert.deepStrictEqual(counts(), [[0, 3, 1]])
    one!.offers.end("refused")
    assert.deepStrictEqual(counts(), [
      [0, 3, 0],
      [1, 0, 0]
    ])
  })

  it("waits no more when the login is over", () => {
    const guard = new CredentialGuard()
    const trying = offering(guard, password("right"), 3)
    const { offer, offers, told } = login(guard)
    offer(password("right"))
    offers.end("unknown")
    assert.strictEqual(guard.status[0]!.waiting, 0)
    for (const one of trying) one.offers.end("unknown")
    assert.deepStrictEqual([told, guard.status], [["pause"], []])
  })
})
