import { assert, describe, it } from "@effect/vitest"
import { commit, discardChanges } from "../../src/api/operations/Commit.ts"
import { editConfig } from "../../src/api/operations/Edit.ts"
import { get } from "../../src/api/operations/Retrieve.ts"
import { Echo } from "../../src/rpc/Echo.ts"
import { placeholder, standard } from "../../src/telemetry/Redaction.ts"
import { xml } from "../../src/xml/Template.ts"
import { capabilitiesOf } from "../api/wire.ts"

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
