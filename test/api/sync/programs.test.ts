import { assert, describe, it } from "@effect/vitest"
import * as api from "../../../src/sync.ts"
import { ask, asked, connected, device, location, nothing, thrownBy, withDevice } from "./harness.ts"

withDevice()

describe("a program of a blocking client", { timeout: 30_000 }, () => {
  describe("locked", () => {
    it("runs a program under its locks and returns what that returns, as it is", async () => {
      const session = connected()
      const result = { not: () => "cloned" }
      const operations = await asked(() => {
        const returned = session.locked(["running", "candidate"], (inside) => {
          inside.editConfig({ target: "candidate", config: location("inside") })
          inside.commit()
          return result
        })
        assert.strictEqual(returned, result)
      })
      assert.strictEqual(operations, "lock lock discard-changes edit-config commit unlock unlock")
    })

    it("discards and unlocks when the program throws, and throws the very same", async () => {
      const session = connected()
      const own = new RangeError("mine")
      const operations = await asked(() => {
        const thrown = thrownBy(() =>
          session.locked(["candidate"], (inside) => {
            inside.editConfig({ target: "candidate", config: location("never") })
            throw own
          })
        )
        assert.strictEqual(thrown, own)
      })
      assert.strictEqual(operations, "lock discard-changes edit-config discard-changes unlock")
    })

    it("unlocks whatever the program throws, and throws the very same", async () => {
      const session = connected()
      const strange = Object.assign(new Error("x"), { message: () => 1, stack: Symbol("stack") })
      const own = Object.create(api.InputError.prototype) as unknown
      for (const thrown of [Object.create(null), strange, own, Symbol("s"), undefined]) {
        const operations = await asked(() => {
          assert.isTrue(
            thrown ===
              thrownBy(() =>
                session.locked(["candidate"], () => {
                  throw thrown
                })
              )
          )
        })
        assert.strictEqual(operations, "lock discard-changes unlock")
      }
      session.discardChanges()
    })

    it("throws the very error of a call inside of it", async () => {
      const session = connected()
      let inner: unknown
      await device.ask("fault", { fault: "refuse", on: "edit-config" })
      const outer = thrownBy(() =>
        session.locked(["candidate"], (inside) => {
          inner = thrownBy(() => inside.editConfig({ target: "candidate", config: location("no") }))
          throw inner
        })
      )
      assert.instanceOf(inner, api.RpcError)
      assert.strictEqual(outer, inner)
    })

    it("does nothing after a lock that is refused", async () => {
      const session = connected()
      await device.ask("fault", { fault: "refuse", on: "lock" })
      const operations = await asked(() => {
        const error = thrownBy(() => session.locked(["running"], () => assert.fail("it ran")))
        assert.instanceOf(error, api.RpcError)
      })
      assert.strictEqual(operations, "lock")
    })

    it("waits for a lock that is held, as it is told", async () => {
      const session = connected()
      await device.ask("fault", { fault: "refuse", on: "lock" })
      const wait = { every: "10 millis", upTo: "10 seconds" } as const
      const operations = await asked(() => session.locked(["running"], () => {}, { wait }))
      assert.strictEqual(operations, "lock lock unlock")
    })

    it("refuses a program that returns a promise, and discards what it edited", async () => {
      const session = connected()
      const operations = await asked(() => {
        const program = async (inside: api.NetconfSessionClientSync) => {
          inside.editConfig({ target: "candidate", config: location("later") })
          throw new Error("nobody hears of it")
        }
        const error = thrownBy(() => session.locked(["candidate"], program)) as api.InputError
        assert.strictEqual(error.what, "program")
      })
      assert.match(operations, /edit-config discard-changes unlock$/)
    })

    it("refuses a change by the outer client, which would wait for ever", () => {
      const session = connected()
      session.locked(["candidate"], () => {
        const error = thrownBy(() => session.commit()) as api.InputError
        assert.include(error.why, "use the client that the program is given")
        assert.isTrue(session.get({ filter: nothing }).ok)
      })
    })

    it("lends a client for as long as the program lasts", () => {
      const session = connected()
      let kept: api.NetconfSessionClientSync | undefined
      session.locked(["candidate"], (inside) => void (kept = inside))
      assert.include(
        (thrownBy(() => kept!.commit()) as api.InputError).why,
        "it is closed: its client is disconnected, or the program"
      )
    })

    it("fails with the session that is lost under it, and its program's calls with it", async () => {
      const session = connected()
      await device.ask("fault", { fault: "close", on: "get" })
      let inside: unknown
      const error = thrownBy(() =>
        session.locked(["running"], (lent) => {
          inside = thrownBy(() => lent.get({ filter: nothing }))
        })
      ) as api.ChannelError
      assert.instanceOf(inside, api.ChannelError)
      assert.instanceOf(error, api.ChannelError)
      assert.include(error.message, "the locks of the program are lost with the session")
      assert.deepStrictEqual((await ask("state")).locks, [])
    })

    it("runs inside of another one", async () => {
      const session = connected()
      const operations = await asked(() =>
        session.locked(["running"], (outer) =>
          outer.locked(["candidate"], (inner) => inner.get({ filter: nothing }).ok)
        )
      )
      assert.strictEqual(operations, "lock lock discard-changes get unlock unlock")
    })
  })

  describe("confirmedCommit", () => {
    it("confirms when the check returns, on a session of its own, its id recorded before", async () => {
      const session = connected()
      const ids: Array<string> = []
      const operations = await asked(() => {
        const options = {
          timeout: "10 seconds",
          config: location("checked"),
          record: (id: string) => void ids.push(id)
        } as const
        const checkedBy = session.confirmedCommit(options, (other) => {
          assert.include(other.getConfig().xml, "checked")
          return other.sessionId
        })
        assert.isNumber(checkedBy)
        assert.notStrictEqual(checkedBy, session.sessionId)
      })
      assert.strictEqual(operations.match(/\bcommit\b/g)?.length, 2)
      assert.strictEqual(ids.length, 1)
      assert.include(session.getConfig().xml, "checked")
    })

    it("cancels when the check throws or returns false, and throws its very error", async () => {
      const session = connected()
      const own = new RangeError("mine")
      const options = { timeout: "10 seconds", config: location("taken back") } as const
      const operations = await asked(() => {
        const failing = () => {
          throw own
        }
        assert.strictEqual(
          thrownBy(() => session.confirmedCommit(options, failing)),
          own
        )
        const error = thrownBy(() => session.confirmedCommit(options, () => false)) as api.InputError
        assert.strictEqual(error.what, "verify")
      })
      assert.strictEqual(operations.match(/cancel-commit/g)?.length, 2)
      assert.notInclude(session.getConfig().xml, "taken back")
    })

    it("commits nothing when its id cannot be recorded", async () => {
      const session = connected()
      const own = new Error("disk full")
      const record = () => {
        throw own
      }
      const operations = await asked(() => {
        const options = { timeout: "10 seconds", config: location("unrecorded"), record } as const
        assert.strictEqual(
          thrownBy(() => session.confirmedCommit(options, () => true)),
          own
        )
      })
      assert.notInclude(operations, "commit")
    })

    it("cancels in time while a check goes on, whose calls throw from then on", async () => {
      const session = connected()
      const options = { timeout: "2 seconds", margin: "1700 millis", config: location("too slow") } as const
      let late: unknown
      const operations = await asked(() => {
        const error = thrownBy(() =>
          session.confirmedCommit(options, (other) => {
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900)
            late = thrownBy(() => other.editConfig({ config: location("late") }))
          })
        ) as api.DeadlineError
        assert.instanceOf(error, api.DeadlineError)
        assert.strictEqual(error.phase, "verify")
      })
      assert.isTrue(late instanceof Error)
      assert.include(operations, "cancel-commit")
      assert.notInclude(session.getConfig().xml, "too slow")
    })
  })
})
