import { assert, describe, it } from "@effect/vitest"
import { inspect } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Errors from "../src/errors.ts"

const where = { label: "leaf-01", peer: "192.0.2.1:830", sessionId: 7, operation: "get-config" }
const evil = "a\u001b[2Jb\u0007\u202ec\r\n"
const rpc = (item: Partial<Errors.RpcErrorItem> & { readonly tag: string }, more: object = {}) =>
  new Errors.RpcError({ ...where, errors: [{ severity: "error", ...item }], ...more })
const channel = new Errors.ChannelError({ ...where, phase: "closed", by: "peer", detail: "gone" })

const all: ReadonlyArray<Errors.NetconfError> = [
  new Errors.ConnectionError({ ...where, reason: "refused", detail: evil, attempts: [evil] }),
  new Errors.AuthError({ ...where, tried: ["password"], offered: [evil], detail: evil }),
  new Errors.HostKeyError({
    ...where,
    why: "changed",
    fingerprint: "SHA256:x",
    keyType: evil,
    howToAccept: "ssh-keyscan",
    detail: evil
  }),
  new Errors.CertificateError({ ...where, why: "expired", detail: evil }),
  new Errors.ChannelError({ ...where, phase: "write", by: "peer", detail: evil }),
  new Errors.ProtocolError({ ...where, layer: "xml", detail: evil, excerpt: evil }),
  new Errors.DeadlineError({ ...where, phase: "rpc", deadline: 1000, bytes: 0 }),
  new Errors.CapabilityError({ ...where, needed: [":candidate"], offered: [evil] }),
  new Errors.InputError({ ...where, what: "filter", where: "line 1", why: evil }),
  new Errors.AuditError({ ...where, detail: evil }),
  rpc({ tag: evil, message: evil, path: evil, info: { badElement: evil, xml: "<a/>" } }),
  new Errors.CommitUnknownError({ ...where, datastore: "running", phase: "sent", cause: channel }),
  new Errors.SubscriptionTerminatedError({ ...where, subscriptionId: 22, reason: evil }),
  new Errors.DataError({ ...where, path: evil, expected: "a number" })
]

describe("errors", () => {
  it("say what happened, in what, where", () => {
    assert.strictEqual(
      rpc({ tag: "lock-denied", info: { sessionId: 4, xml: "" } }).message,
      "get-config on leaf-01 (session 7): lock-denied, held by session 4"
    )
    assert.include(
      rpc({ tag: "lock-denied", info: { sessionId: 0, xml: "" } }).message,
      "held by something other than a NETCONF session"
    )
    assert.include(
      rpc({ tag: "bad-element", message: " wrong ", path: "/a/b", info: { badElement: "mtu", xml: "" } }).message,
      "bad-element: wrong (mtu) at /a/b"
    )
    assert.include(rpc({ tag: "x" }, { partial: "possible" }).message, "part of the change may have been made")
    const reason = "suspension-timeout"
    assert.strictEqual(
      new Errors.SubscriptionTerminatedError({ label: "leaf-01", subscriptionId: 22, reason }).message,
      "subscription on leaf-01: the device has ended subscription 22: suspension-timeout"
    )
    assert.include(
      new Errors.ChannelError({ phase: "write", by: "peer", detail: "gone", state: "applied" }).message,
      "session: gone (not sent); applied"
    )
    assert.include(
      new Errors.DeadlineError({ phase: "hello", deadline: 30, bytes: 12 }).message,
      "hello: no answer within 30 ms (phase hello, 12 bytes received)"
    )
    assert.include(
      new Errors.AuditError({ ...where, operation: "commit", detail: "the disk is full" }).message,
      "commit on leaf-01 (session 7): the audit cannot be written: the disk is full (not sent)"
    )
    for (const error of all) assert.match(error.message, /^[a-z-]+ on leaf-01 \(session 7\): /, error._tag)
  })

  it("print nothing of a peer's text that a terminal would obey", () => {
    for (const error of all) {
      assert.notMatch(
        error.message.replaceAll("\n", ""),
        // oxlint-disable-next-line no-control-regex -- these are what must not be there; line breaks are our own
        /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/,
        error._tag
      )
    }
    assert.strictEqual(
      Errors.printable("a\u001bb\u009bc\u2028\ufeff\n\u202e"),
      "a\\u{1b}b\\u{9b}c\\u{2028}\\u{feff}\\u{a}\\u{202e}"
    )
    assert.strictEqual(Errors.printable("caf\u00e9 \u{1f600}"), "caf\u00e9 \u{1f600}")
  })

  it("know themselves from everything else", () => {
    for (const error of all) {
      assert.isTrue(Errors.isNetconfError(error), error._tag)
      assert.instanceOf(error, Error)
      assert.strictEqual(error.name, error._tag)
    }
    for (const other of [new Error("x"), { _tag: "RpcError" }, "RpcError", null, undefined])
      assert.isFalse(Errors.isNetconfError(other))
  })

  it.effect("can be failed with, and caught by tag", () =>
    Effect.gen(function* () {
      const caught = yield* Effect.catchTag(rpc({ tag: "in-use" }), "RpcError", (error) =>
        Effect.succeed(error.has("in-use"))
      )
      assert.isTrue(caught)
    })
  )

  it("survive a thread and a wire", () => {
    for (const error of all) {
      const errorClass = error.constructor as unknown as Schema.Codec<Errors.NetconfError, unknown>
      const wire = JSON.parse(JSON.stringify(Schema.encodeSync(errorClass)(error))) as unknown
      const back = Schema.decodeUnknownSync(errorClass)(wire)
      assert.strictEqual(back.constructor, error.constructor)
      assert.strictEqual(back.message, error.message, error._tag)
      assert.strictEqual(back.isRetryable, error.isRetryable)
    }
  })

  it("say whether trying again can help", () => {
    const retryable = (error: Errors.NetconfError) => error.isRetryable
    assert.isTrue(retryable(new Errors.ConnectionError({ reason: "refused", detail: "" })))
    assert.isTrue(retryable(channel))
    assert.isFalse(retryable(new Errors.ChannelError({ phase: "closed", by: "us", detail: "" })))
    for (const tag of ["in-use", "lock-denied", "resource-denied"]) assert.isTrue(retryable(rpc({ tag })), tag)
    for (const tag of ["access-denied", "operation-failed", "invalid-value"])
      assert.isFalse(retryable(rpc({ tag })), tag)
    assert.isFalse(
      retryable(
        new Errors.RpcError({
          errors: [
            { tag: "in-use", severity: "error" },
            { tag: "access-denied", severity: "error" }
          ]
        })
      )
    )
    for (const phase of ["dial", "handshake", "hello", "queue"] as const)
      assert.isTrue(retryable(new Errors.DeadlineError({ phase, deadline: 1, bytes: 0 })), phase)
    for (const phase of ["rpc", "progress", "close"] as const)
      assert.isFalse(retryable(new Errors.DeadlineError({ phase, deadline: 1, bytes: 0 })), phase)
    for (const tag of [
      "AuthError",
      "HostKeyError",
      "CertificateError",
      "ProtocolError",
      "CapabilityError",
      "InputError",
      "AuditError",
      "CommitUnknownError",
      "SubscriptionTerminatedError",
      "DataError"
    ]) {
      assert.isFalse(retryable(all.find((error) => error._tag === tag)!), tag)
    }
  })

  it("get the context that they lack, and keep what they say, their class and their stack", () => {
    const bare = new Errors.DeadlineError({ phase: "rpc", deadline: 1, bytes: 0, operation: "get" })
    const full = Errors.withContext(bare, { ...where, elapsed: 5 })
    assert.instanceOf(full, Errors.DeadlineError)
    assert.deepInclude({ ...full }, { label: "leaf-01", operation: "get", sessionId: 7, elapsed: 5, deadline: 1 })
    assert.strictEqual(full.stack, bare.stack)
    assert.isUndefined(bare.label)
    const item = rpc({ tag: "in-use" }, { label: "own" })
    assert.deepStrictEqual(Errors.withContext(item, { label: "other", state: "applied" }).errors, item.errors)
    assert.strictEqual(Errors.withContext(item, { label: "other" }).label, "own")
  })

  it("keep the reason of an unknown commit, also under inspection", () => {
    const unknown = new Errors.CommitUnknownError({ ...where, datastore: "running", phase: "sent", cause: channel })
    assert.strictEqual(unknown.cause, channel)
    assert.include(unknown.message, "whether the change of running was made is unknown")
    assert.include(unknown.message, "gone")
    assert.include(inspect(unknown), "\n[cause]: ChannelError: get-config on leaf-01 (session 7): gone\n    at ")
  })

  it("show their class and message first under inspection, then stack and fields, in whatever holds them", () => {
    for (const error of all) {
      const shown = inspect(error)
      assert.isTrue(shown.startsWith(`${error._tag}: ${error.message}\n    at `), shown)
      assert.include(shown, "sessionId: 7")
      assert.notInclude(shown, "undefined")
      // oxlint-disable-next-line no-control-regex -- these are what must not be there; line breaks are our own
      assert.notMatch(shown.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }
    const unnamed = new Errors.InputError({ label: undefined, what: "filter", why: "it is empty" })
    assert.notInclude(inspect(unnamed), "undefined")
    const denied = rpc({ tag: "lock-denied", info: { sessionId: 4, xml: "<error-info/>" } })
    assert.include(inspect(denied), "info: { sessionId: 4, xml: '<error-info/>' }")
    const held = { results: [{ device: "leaf-01", error: denied }] }
    assert.include(inspect(held), `[RpcError: ${denied.message}]`)
    assert.include(inspect([denied]), `RpcError: ${denied.message}\n`)
  })

  it("show the message that they have now under inspection, not the one that they were made with", () => {
    const bare = new Errors.AuthError({ tried: ["password"], offered: [], detail: "hunter2 is wrong" })
    const error = Errors.withContext(Errors.withFields(bare, { detail: "[redacted] is wrong" }), where)
    const shown = inspect(error, { depth: null, showHidden: true })
    assert.isTrue(shown.startsWith(`AuthError: ${error.message}\n    at `))
    assert.include(shown, "on leaf-01")
    assert.notInclude(shown, "hunter2")
  })

  it.effect("read in Effect's loggers and in a printed Cause as they do elsewhere", () =>
    Effect.gen(function* () {
      const unknown = new Errors.CommitUnknownError({ ...where, phase: "sent", cause: channel })
      const pretty = Cause.pretty(Cause.fail(unknown))
      assert.isTrue(pretty.startsWith(`CommitUnknownError: ${unknown.message}\n    at `))
      assert.include(pretty, `[cause]: ChannelError: ${channel.message}\n`)
      assert.notInclude(pretty, "sessionId:")
      const lines: Array<string> = []
      const keep = (format: Logger.Logger<unknown, string>) => Logger.map(format, (line) => void lines.push(line))
      const loggers = Logger.layer([keep(Logger.formatLogFmt), keep(Logger.formatJson), keep(Logger.formatSimple)])
      yield* Effect.provide(Effect.logError(unknown, Cause.fail(channel)), loggers)
      assert.lengthOf(lines, 3)
      assert.include(lines[0]!, unknown.message)
      assert.include(lines[1]!, `"_tag":"CommitUnknownError"`)
      assert.include(lines[2]!, unknown.message)
      for (const line of lines) assert.include(line, `ChannelError: ${channel.message}`)
    })
  )

  it("tell each of several problems on a line of its own", () => {
    const error = new Errors.InputError({
      what: "lab.yaml",
      why: "2 problems",
      problems: ["line 1: a", `line 2: ${evil}`]
    })
    assert.strictEqual(
      error.message,
      "input: lab.yaml: 2 problems\n  line 1: a\n  line 2: a\\u{1b}[2Jb\\u{7}\\u{202e}c\\u{d}\\u{a}"
    )
  })
})
