import { assert, describe, it } from "@effect/vitest"
import { commit, discardChanges } from "../../src/api/Commit.ts"
import { editConfig } from "../../src/api/Edit.ts"
import { get } from "../../src/api/Retrieve.ts"
import { Echo } from "../../src/rpc/Echo.ts"
import * as RpcErrors from "../../src/rpc/RpcErrors.ts"
import { placeholder, standard } from "../../src/telemetry/Redaction.ts"
import { decode } from "../../src/xml/Parse.ts"
import { xml } from "../../src/xml/Template.ts"
import { capabilitiesOf } from "../api/wire.ts"
import { rpcError } from "./peer.ts"

const edit = (secret: string) =>
  editConfig({ target: "candidate", config: xml`<password xmlns="urn:p">${secret}</password>` })
const capabilities = capabilitiesOf()

describe("Echo", () => {
  it("hides what the operation carries, whatever a peer makes of it", () => {
    const echo = new Echo(standard)
    assert.strictEqual(echo.of(edit("hunter2"), capabilities).text("no hunter2!"), `no ${placeholder}!`)
    assert.strictEqual(echo.of(get(), capabilities).text("no hunter2!"), "no hunter2!")
  })

  it("remembers the last eight edits until they are committed or discarded", () => {
    const echo = new Echo(standard)
    const shown = () => echo.of(commit(), capabilities).text("hunter0 hunter1 hunter8")
    for (let n = 0; n < 9; n++) echo.sent(edit(`hunter${n}`))
    assert.strictEqual(shown(), `hunter0 ${placeholder} ${placeholder}`)
    echo.succeeded(get())
    assert.strictEqual(shown(), `hunter0 ${placeholder} ${placeholder}`)
    echo.succeeded(commit())
    assert.strictEqual(shown(), "hunter0 hunter1 hunter8")
    echo.sent(edit("hunter1"))
    echo.succeeded(discardChanges())
    assert.strictEqual(shown(), "hunter0 hunter1 hunter8")
  })

  it("knows no secrets of what cannot be encoded", () => {
    const echo = new Echo(standard)
    assert.strictEqual(echo.of(editConfig({}), capabilities).text("no hunter2!"), "no hunter2!")
  })
})

describe("RpcErrors", () => {
  const redaction = standard.hiding(new Set(["hunter2"]))
  const read = (more: string) => RpcErrors.read(decode(rpcError("x-y", more)), redaction)

  it("hides a secret that a limit would cut in two", () => {
    for (const length of [65_536, 262_144]) {
      for (let before = length - 8; before <= length; before++) {
        const { message } = read(`<error-message>${"x".repeat(before)}hunter2${"y".repeat(100)}</error-message>`)
        assert.notMatch(message!.slice(-200), /hu/)
        assert.isBelow(message!.length, 65_600)
      }
    }
  })

  it("does not trust the end of what it has read", () => {
    for (let before = 262_144 - 8; before <= 262_144; before++) {
      const password = `password=${"z".repeat(before - 10)} `
      assert.notInclude(read(`<error-message>${password}hunter2</error-message>`).message!, "hu")
    }
  })

  it("leaves a tag that decides something as it is, and hides in any other", () => {
    assert.strictEqual(RpcErrors.read(decode(rpcError("in-use")), standard.hiding(new Set(["use"]))).tag, "in-use")
    assert.strictEqual(RpcErrors.read(decode(rpcError("no hunter2")), redaction).tag, `no ${placeholder}`)
  })

  it("leaves out an error-info that is too long, and looks for no secrets in it", () => {
    const { info } = read(`<error-info><a>${"x".repeat(70_000)}</a></error-info>`)
    assert.include(info!.xml, "left out")
  })
})
