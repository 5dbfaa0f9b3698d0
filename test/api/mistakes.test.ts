/** What callers without types get wrong: each is refused before anything is sent, in words that help. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Audit from "../../src/api/Audit.ts"
import * as Filter from "../../src/api/operations/Filter.ts"
import { Fleet } from "../../src/api/Fleet.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import * as Push from "../../src/api/Push.ts"
import type { OperationError } from "../../src/errors.ts"
import { SimulatedDevice } from "../../src/testing.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { print } from "../../src/xml/Print.ts"
import { xml } from "../../src/xml/Template.ts"
import { connect, obliging } from "../rpc/peer.ts"

type Anything = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, OperationError>

const minute = { timeout: "1 minute", config: "<a/>" }
const verify = () => Effect.void

const calls: ReadonlyArray<readonly [method: string, args: ReadonlyArray<unknown>, message: RegExp]> = [
  ["lock", ["candidate"], /lock: expected options in an object \(\{ target, .*got a string/],
  ["lock", [{ datastore: "candidate" }], /lock\.datastore: no such option; there are target/],
  [
    "getConfig",
    [{ fliter: "<a/>" }],
    /getConfig\.fliter: no such option, did you mean filter\? There are source, filter/
  ],
  ["getConfig", [{ timeout: "5 seconds" }], /getConfig\.timeout: no such option/],
  ["getConfig", [{ source: "runing" }], /datastore: expected running, candidate, startup or \{ url \}, got runing/],
  ["lock", [{ target: `running/><x` }], /expected running, candidate, startup/],
  ["get", [{ filter: "/interfaces" }], /an XPath goes into Filter\.xpath/],
  ["commit", [{ confirmed: true, confirmTimeout: 120 }], /write "120 seconds"/],
  ["commit", [{ confirmed: true, confirmTimeout: "soon" }], /confirmTimeout: "soon" is not a duration/],
  ["get", [{ deadline: "5 parsecs" }], /deadline: "5 parsecs" is not a duration/],
  ["get", [{ filter: 5 }], /filter: expected XML text or elements, got 5/],
  ["get", [{ filter: null }], /filter: expected XML text or elements, got null/],
  ["getConfig", [{ filter: {} }], /filter: expected XML text or elements, got an object/],
  ["getConfig", [{ filter: [{ _tag: "Elemnt" }] }], /filter: expected XML text or elements, got an object/],
  ["openSubscription", [{ filter: 5 }], /filter: expected XML text or elements, got 5/],
  ["openSubscription", [{ filter: { named: "mine" } }], /filter: expected XML text or elements, got an object/],
  ["openSubscription", ["NETCONF"], /expected options in an object, got text; write \{ stream: "NETCONF" \}/],
  ["openSubscription", [5], /expected options in an object .*got a number/],
  ["openSubscription", [() => 1], /expected options in an object .*got a function/],
  ["openSubscription", [null], /expected options in an object .*got null/],
  ["openSubscription", [{ queueSize: 10 }], /queueSize: no such option, did you mean capacity\?/],
  ["openSubscription", [{ notif_queue_size: 10 }], /notif_queue_size: no such option, did you mean capacity\?/],
  ["openSubscription", [{ policy: "unbounded", capacity: 10 }], /capacity: the policy unbounded has no limit/],
  ["openSubscription", [{ policy: "unbounded", maxBytes: -4 }], /maxBytes: expected a whole number from 1, got -4/],
  [
    "openSubscription",
    [{ session: "shared", capacity: 10 }],
    /capacity: the policy unbounded, the default with session: "shared", has no limit; choose another policy/
  ],
  ["openSubscription", [{ capacity: "10" }], /capacity: expected a whole number from 1, got "10"/],
  ["openSubscription", [{ resume: null }], /resume: expected true, false or a Schedule/],
  [
    "openSubscription",
    [{ startTime: "2026-01-31T12:00:00Z", stopTime: "2026-01-31T11:00:00Z" }],
    /stopTime: it is before startTime/
  ],
  ["openSubscription", [{ startTime: new Date(Number.NaN) }], /startTime: .*got a Date that is invalid/],
  ["openSubscription", [{ startTime: 1769860800000 }], /startTime: .*; write new Date\(1769860800000\)/],
  ["establishSubscription", ["NETCONF"], /expected options in an object \(\{ stream, .*session, policy.*got a string/],
  ["establishSubscription", [{ strem: "x" }], /strem: no such option, did you mean stream\? There are .*capacity/],
  [
    "establishSubscription",
    [{ datastore: "running", onChange: {}, startTime: "2026-01-31T12:00:00Z" }],
    /startTime: it is of a subscription to a stream, and this one is to a datastore/
  ],
  ["establishSubscription", [{ periodic: { period: 30 } }], /periodic: it needs datastore/],
  [
    "establishSubscription",
    [{ datastore: "running", periodic: { period: 30 } }],
    /periodic.period: 30 would be milliseconds; write "30 seconds", or "30 millis"/
  ],
  [
    "establishSubscription",
    [{ datastore: "running", onChange: { dampeningPeriod: 5 } }],
    /onChange.dampeningPeriod: 5 would be milliseconds/
  ],
  [
    "establishSubscription",
    [{ datastore: "running", onChange: {}, capacity: 10 }],
    /capacity: the policy unbounded, the default with session: "together", has no limit/
  ],
  ["editConfig", [{ config: "  " }], /config: it holds no element/],
  ["editConfig", [{ config: [] }], /it holds no element/],
  ["editConfig", [{ config: "<config>set interfaces</config>" }], /text stands in <config>/],
  ["editConfig", [{ config: `<config a="b"><x/></config>` }], /an attribute of <config> itself is not sent: a/],
  ["editConfig", [{ config: "<!-- todo -->", defaultOperation: "replace" }], /it holds no element/],
  ["copyConfig", [{ target: "running", source: { config: "" } }], /it holds no element/],
  ["locked", [["runing"], Effect.void], /datastores: expected running, candidate, startup, got runing/],
  ["locked", [[], Effect.void], /datastores: expected running, candidate, startup, got none/],
  ["edit", ["<a/>", { target: "startup" }], /target: expected candidate or running, got startup/],
  ["edit", ["<a/>", { saved: true }], /edit\.saved: no such option, did you mean save\?/],
  ["edit", [{ config: "<a/>" }], /config: expected XML text or elements, got an object; write edit\(config/],
  ["edit", ["<a/>", { breakStale: true }], /breakStale: expected a function, got a boolean/],
  ["locked", ["running", Effect.void], /datastores: expected a list, such as .*, got "running"/],
  ["locked", [Effect.void, ["running"]], /datastores: expected a list/],
  ["locked", [["running"]], /program: expected it to be an Effect, got nothing/],
  ["locked", [["running"], () => Effect.void], /program: .*got a function: give what it returns/],
  ["locked", [["running"], Effect.void, { breakstale: () => true }], /locked\.breakstale: .*mean breakStale\?/],
  ["locked", [["running"], Effect.void, { breakStale: true }], /breakStale: expected a function, got a boolean/],
  ["locked", [["running"], Effect.void, { wait: "1 minute" }], /wait: expected a Schedule .*, got "1 minute"/],
  ["confirmedCommit", [minute], /verify: expected a function, got undefined; write confirmedCommit\(/],
  ["confirmedCommit", [minute, Effect.void], /verify: expected a function, got an object/],
  ["confirmedCommit", [undefined, verify], /confirmedCommit: expected options in an object \(\{ timeout, /],
  ["confirmedCommit", [{ ...minute, verifyon: "this-session" }, verify], /did you mean verifyOn\?/],
  ["confirmedCommit", [{ ...minute, confirmTimeout: "1 minute" }, verify], /did you mean timeout\?/],
  ["confirmedCommit", [{ ...minute, verifyOn: "here" }, verify], /verifyOn: expected new-session or this-session/],
  ["confirmedCommit", [{ ...minute, record: "id.txt" }, verify], /record: expected a function, got a string/],
  ["confirmedCommit", [{ ...minute, timeout: 120 }, verify], /timeout: 120 would be .*; write "120 seconds"/]
]

describe("a mistaken call", () => {
  for (const [method, args, message] of calls) {
    it.effect(
      `${method}(${args.map((arg) => (Effect.isEffect(arg) ? "an Effect" : JSON.stringify(arg))).join(", ")}) is refused`,
      () =>
        Effect.gen(function* () {
          const { peer, session } = yield* connect()
          const call = session[method as keyof typeof session] as Anything
          const error = yield* Effect.flip(call(...args))
          assert.strictEqual(error._tag, "InputError")
          assert.match(error.message, message)
          assert.deepStrictEqual(peer.names, [])
        })
    )
  }

  it.effect("does not refuse the options of every call", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      yield* session.get({ deadline: "5 seconds", warnings: "fail", capabilityCheck: false })
      yield* session.rpc("<get/>", { read: true, deadline: "none" })
    })
  )

  it("gives a filter without a namespace the same meaning as text and as a template", () => {
    const [text] = Filter.encode("<interfaces/>")
    const [template] = Filter.encode(xml`<interfaces/>`)
    assert.strictEqual(print(template!), print(text!))
    assert.include(print(text!), `<interfaces xmlns=""/>`)
  })
})

const transport: Transport = { peer: "192.0.2.1:830", open: () => Effect.die("nothing is to be connected") }
const ssh = { host: "192.0.2.1", username: "admin" }

describe("a mistaken mirror", () => {
  for (const [options, message] of [
    [
      { resyncTimout: "1 minute" },
      /resyncTimout: no such option, did you mean resyncTimeout\? .*resume, resyncTimeout/
    ],
    [{ startTime: "2026-01-31T12:00:00Z" }, /startTime: it is of a subscription to a stream/],
    [{ periodic: { period: 30 } }, /periodic.period: 30 would be milliseconds/]
  ] as const) {
    it.effect(`is refused with ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const error = yield* Effect.flip(Push.mirror(session, { datastore: "running", ...options }))
        assert.strictEqual(error._tag, "InputError")
        assert.match(error.message, message)
        assert.deepStrictEqual(peer.names, [])
      })
    )
  }
})

describe("a mistaken connect", () => {
  const options: ReadonlyArray<readonly [what: string, options: unknown, message: RegExp]> = [
    ["no options", undefined, /options: expected options in an object \(\{ transport, .*got undefined/],
    ["no transport", { label: "leaf-01" }, /transport: expected a way to reach the device, such as Ssh.make/],
    ["the options of one", { transport: ssh }, /transport: expected a way .*got an object/],
    ["a misspelt option", { transport, wirelog: true }, /wirelog: no such option, did you mean wireLog\?/],
    ["an option that is none", { transport, foo: 1 }, /foo: no such option; there are transport, label/],
    ["misspelt limits", { transport, limits: { byte: 1 } }, /limits.byte: .*did you mean bytes\?/],
    ["deadlines that are one", { transport, deadlines: "30 seconds" }, /deadlines: expected options in an object/],
    ["a misspelt deadline", { transport, deadlines: { rcp: "1 second" } }, /deadlines.rcp: .*did you mean rpc\?/],
    [
      "a number in quotes",
      { transport, maxOutstanding: "2" },
      /maxOutstanding: expected a whole number from 1, got "2"/
    ],
    ["a list of secrets", { transport, redaction: ["x"] }, /redaction: expected options .*names, values.*got a list/],
    [
      "a keepalive that is a duration",
      { transport, keepalive: "1 minute" },
      /keepalive: expected options .*got a string/
    ],
    [
      "a misspelt keepalive",
      { transport, keepalive: { interval: 1 } },
      /keepalive.interval: no such option; there are/
    ],
    ["keepalive seconds", { transport, keepalive: { every: 60 } }, /keepalive.every: 60 would be .*write "60 seconds"/],
    ["capabilities that are one", { transport, capabilities: "urn:x" }, /capabilities: expected a list .*got "urn:x"/],
    ["a capability that XML cannot carry", { transport, capabilities: ["urn:\0"] }, /XML cannot carry U\+0000/],
    [
      "a way with bad bytes",
      { transport, invalidUtf8: "ignore" },
      /invalidUtf8: expected refuse, replace, got "ignore"/
    ]
  ]
  for (const [what, given, message] of options) {
    it.effect(`is refused for ${what}`, () =>
      Effect.gen(function* () {
        for (const connecting of [Netconf.connect(given as never), Netconf.reconnecting(given as never)]) {
          const error = yield* Effect.flip(connecting)
          assert.strictEqual(error._tag, "InputError")
          assert.match(error.message, message)
        }
      })
    )
  }

  const mistakes: ReadonlyArray<readonly [what: string, options: object, message: RegExp]> = [
    [
      "a misspelt policy of host keys",
      { hostkey: "accept-any" },
      /ssh.hostkey: no such option, did you mean hostKey\?/
    ],
    ["a policy that is none", { hostKey: "any" }, /hostKey: expected "known-hosts", "accept-any"/],
    ["a fingerprint that is none", { hostKey: { fingerprint: "MD5:00" } }, /hostKey.fingerprint: .*not a fingerprint/],
    ["an address with a port", { host: "127.0.0.1:830" }, /host: .*holds a port/],
    ["a user in the host", { host: "me@192.0.2.1" }, /host: .*is not a host name/],
    ["a port in quotes", { port: "830" }, /port: "830" is not a port/],
    ["no user", { username: undefined }, /username: it is missing/],
    [
      "a way to log in that is text",
      { auth: "secret" },
      /auth: expected options in an object \(\{ password.*got a string/
    ],
    ["a misspelt way to log in", { auth: { privatekey: "x" } }, /auth.privatekey: .*did you mean privateKey\?/],
    ["algorithms that are a list", { algorithms: ["aes"] }, /algorithms: expected modern or legacy, got a list/],
    ["no subsystem", { subsystem: "" }, /subsystem: expected the name of one, got ""/],
    ["keepalive that is none", { keepalive: "soon" }, /keepalive: "soon" is not a duration/]
  ]
  for (const [what, more, message] of mistakes) {
    it.effect(`is refused over SSH for ${what}, and by a transport of one's own`, () =>
      Effect.gen(function* () {
        for (const make of [Ssh.make, Ssh.share]) {
          const given = make({ ...ssh, ...more } as never)
          assert.throws(() => given.check?.(), message)
          assert.match((yield* Effect.flip(Netconf.connect({ transport: given }))).message, message)
          const { check: _, ...unchecked } = given
          assert.match((yield* Effect.flip(Netconf.connect({ transport: unchecked }))).message, message)
        }
      })
    )
  }

  it("is refused at once where the options of SSH are none", () => {
    assert.throws(() => Ssh.make("192.0.2.1" as never), /ssh: expected options in an object .*got a string/)
  })
})

describe("a change id", () => {
  for (const id of [1042, "", " ", "a\nb", "a\u001bb"]) {
    it.effect(`cannot be ${JSON.stringify(id)}: no write is sent under it, and reads are`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        peer.onRpc = obliging
        const error = yield* Effect.flip(Audit.withChangeId(id as string)(session.edit("<a/>")))
        assert.match(error.message, /changeId: expected text on one line/)
        yield* Audit.withChangeId(id as string)(session.get())
        assert.notInclude(peer.names, "edit-config")
      })
    )
  }
})

describe("an audit", () => {
  it.effect("cannot be kept in what is no path", () =>
    Effect.gen(function* () {
      for (const path of [{ path: "a.jsonl" }, undefined, ""]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Audit.layerFile(path as string))))
        assert.match(error.message, /audit: expected the path of a file, got/)
      }
    })
  )
})

describe("a program of a fleet", () => {
  it.effect("has to be a function, before anything is connected", () =>
    Effect.gen(function* () {
      for (const program of [undefined, { concurrency: 2 }, Effect.void]) {
        const error = yield* Effect.flip(
          Effect.provide(
            Effect.scoped(Fleet.start(program as unknown as () => Effect.Effect<void>)),
            Fleet.layer([{ name: "a", transport }])
          )
        )
        assert.match(error.message, /program: expected a function, got .*; write \(session, device\) =>/)
      }
    })
  )

  for (const [what, program, message] of [
    ["a promise", async () => {}, /program: expected it to return an Effect, got a Promise/],
    ["a generator", function* () {}, /program: .*got a generator; wrap it: Effect.fn/],
    ["nothing", () => undefined, /program: .*got nothing; is a return missing\?/]
  ] as const) {
    it.effect(`fails on its device when it returns ${what}`, () =>
      Effect.gen(function* () {
        const device = yield* SimulatedDevice.make({ name: "a" })
        const layer = Fleet.layer([{ name: "a", transport: device.transport }])
        const summary = yield* Effect.flatMap(
          Fleet.start(program as unknown as () => Effect.Effect<void>),
          (run) => run.summary
        ).pipe(Effect.scoped, Effect.provide(layer))
        assert.match(String(summary), message)
        assert.match(String(summary), /failed +a: InputError/)
        assert.strictEqual(device.sessions.size, 0)
      })
    )
  }
})
