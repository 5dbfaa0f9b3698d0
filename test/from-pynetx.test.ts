/** Every public name of pyNetX has a row in docs/from-pynetx.md, and what stands there as ours exists, with that default. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, vi } from "vitest"
import { notificationDefaults, subscribeOptions } from "../src/api/promise/SubscribeOptions.ts"
import * as promise from "../src/promise.ts"
import * as sync from "../src/sync.ts"
import { BrokenNotifications, SimulatedDevice } from "../src/testing.ts"
import { defaults, slow } from "../src/transport/Deadlines.ts"
import type { Transport } from "../src/transport/Transport.ts"
import { burst, later, withDevice } from "./api/promise/subscribing.ts"

const root = join(import.meta.dirname, "..")

/** What a child process needs of ours: where programs are, and what it need not compile again. */
const inherited = { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "" }
const page = readFileSync(join(root, "docs", "from-pynetx.md"), "utf8")

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

/** Of 1.0.9 and 2.0.7, and what is called for in its documents besides. */
const theirs = {
  options: words(`hostname port username password key_path connect_timeout read_timeout socket_connect_timeout
    notif_queue_size notif_incomplete_max_kb notif_incomplete_timeout notif_drop_event_threshold label`),
  methods: [
    ...words(`connect disconnect send_rpc get get_config copy_config delete_config validate edit_config lock unlock commit
      locked_edit_config subscribe receive_notification`).flatMap((name) => [`${name}_sync`, `${name}_async`]),
    ...words(`next_notification next_notification_async peek_notifications notification_queue_size is_subscription_active
      delete_subscription`)
  ],
  functions: words(`set_threadpool_size set_notification_reactor_count next_notification_event
    next_notification_event_async pending_notification_event_count clear_notification_events init`),
  classes: words(`NetconfClient NotificationHealthEvent NetconfException NetconfConnectionRefusedError NetconfAuthError
    NetconfChannelError`),
  types: words(`notification_queue_full notification_drops_summary notification_queue_recovered incomplete_notification
    malformed_notification timeout`),
  fields: words(`valid type timestamp label hostname port fd message queue_size queue_max_size queue_high_watermark
    notifications_enqueued notifications_dropped_queue_full notifications_dropped_delta
    incomplete_notifications_received partial_bytes health_events_dropped as_dict`)
} as const

type Kind = keyof typeof theirs
const kinds = Object.keys(theirs) as ReadonlyArray<Kind>

interface Row {
  readonly kind: Kind
  readonly names: ReadonlyArray<string>
  readonly ours: ReadonlyArray<string>
  readonly sync: string
  readonly default: string
}

const identifiers = (cell: string): ReadonlyArray<string> =>
  [...cell.matchAll(/`(?:new )?([A-Za-z_]\w*)[^`]*`/g)].map(([, name = ""]) => name)

/** What a row speaks of, by the table that it stands in. */
const kindOf = (heading: string, names: ReadonlyArray<string>): Kind | undefined => {
  if (heading.startsWith("event of pyNetX")) return "types"
  if (heading.startsWith("field of pyNetX")) return "fields"
  return kinds.find((kind) => names.every((name) => theirs[kind].includes(name)))
}

interface Table {
  readonly rows: ReadonlyArray<Row>
  /** Rows that are about nothing of pyNetX. */
  readonly strange: ReadonlyArray<string>
}

const read = (text: string): Table => {
  const rows: Array<Row> = []
  const strange: Array<string> = []
  for (const [table] of text.matchAll(/(?:^\|.*\n)+/gm)) {
    const [head = "", , ...lines] = table.trimEnd().split("\n")
    const titles = head.split("|").map((title) => title.trim())
    for (const line of lines) {
      const cells = line.split("|").map((cell) => cell.trim())
      const names = identifiers(cells[1] ?? "")
      const kind = kindOf(titles[1] ?? "", names)
      if (kind === undefined || names.length === 0) strange.push(line)
      else {
        const at = (title: string): string => cells[titles.indexOf(title)] ?? ""
        rows.push({ kind, names, ours: identifiers(cells[2] ?? ""), sync: at("sync"), default: at("default") })
      }
    }
  }
  return { rows, strange }
}

/** An option's value as a program would give it. */
const values: Readonly<Record<string, unknown>> = {
  hostname: "192.0.2.1",
  port: 2022,
  username: "admin",
  password: "secret",
  privateKey: { path: "/nowhere" },
  connectTimeout: "60 seconds",
  readTimeout: "60 seconds",
  socketConnectTimeout: "5 seconds",
  notificationQueueSize: 1000,
  notificationIncompleteMaxBytes: 1_048_576,
  notificationIncompleteTimeout: "5 seconds",
  notificationDropEventThreshold: 100,
  label: "leaf-01"
}

const where = { hostname: "192.0.2.1", username: "admin" }

const makePromise = (options: object) => new promise.NetconfClient(options)
const makeSync = (options: object) => new sync.NetconfClientSync(options)

/** Whether both clients take it, and refuse it with a letter too many. */
const checkOption = (name: string): boolean => {
  const given = { ...where, [name]: values[name] }
  const wrong = { ...where, [`${name}x`]: values[name] }
  assert.isDefined(values[name], `this test has no value for ${name}`)
  try {
    makePromise(given)
    makeSync(given).disconnect()
  } catch {
    return false
  }
  assert.throws(() => makePromise(wrong), /no such option/)
  assert.throws(() => makeSync(wrong), /no such option/)
  return true
}

const options = new Map<string, boolean>()
const isOption = (name: string): boolean => {
  if (!options.has(name)) options.set(name, checkOption(name))
  return options.get(name)!
}

const isMethod = (name: string, client: { readonly prototype: object }): boolean =>
  typeof Reflect.get(client.prototype, name) === "function"

const isFunction = (name: string, api: object): boolean => typeof Reflect.get(api, name) === "function"

/** Types are not there when a test runs: these would not compile if they were gone. */
const types: Readonly<Record<string, (event: promise.HealthEvent) => sync.HealthEvent>> = {
  HealthEvent: (event) => event
}

/** Every event and field that a queue too small and a broken wire bring. */
let happened: ReadonlyMap<string, promise.HealthEvent>

const exists = (name: string, { kind }: Row, api: "promise" | "sync"): boolean => {
  const exported = api === "promise" ? promise : sync
  switch (kind) {
    case "options":
      return isOption(name)
    case "methods":
      return isMethod(name, api === "promise" ? promise.NetconfClient : sync.NetconfClientSync)
    case "functions":
    case "classes":
      return name in types || isFunction(name, exported)
    case "types":
      return happened.has(name)
    case "fields":
      return happened.size > 0 && [...happened.values()].every((event) => name in event)
  }
}

/** Rows without a counterpart of ours, which say why. */
const without = ["timeout", "valid", "fd", "as_dict", "init"]

const problemsOf = (text: string): ReadonlyArray<string> => {
  const { rows, strange } = read(text)
  const problems = strange.map((line) => `about nothing of pyNetX: ${line}`)
  for (const kind of kinds) {
    const found = rows.filter((row) => row.kind === kind).flatMap(({ names }) => names)
    for (const name of theirs[kind]) if (!found.includes(name)) problems.push(`no row for ${name}`)
  }
  for (const row of rows) {
    const [first = ""] = row.names
    if (row.ours.length === 0 && !without.includes(first)) problems.push(`nothing of ours for ${first}`)
    for (const name of row.ours) if (!exists(name, row, "promise")) problems.push(`there is no ${name}`)
    const blocking = row.sync === "same" ? row.ours : identifiers(row.sync)
    for (const name of blocking) if (!exists(name, row, "sync")) problems.push(`there is no ${name} that blocks`)
  }
  return problems
}

const collect = async (): Promise<ReadonlyMap<string, promise.HealthEvent>> => {
  const events = new Map<string, promise.HealthEvent>()
  await withDevice(
    async (client, device) => {
      await client.subscribe()
      await burst(device, 0, 5)
      while ((await client.nextNotification({ timeout: 0 })) !== undefined);
      device.sendBroken(BrokenNotifications.restarted())
      device.sendBroken(BrokenNotifications.notUtf8)
      await later()
    },
    { notificationQueueSize: 2 }
  )
  for (let event = await next(); event !== undefined; event = await next()) events.set(event._tag, event)
  return events
}

const next = () => promise.nextNotificationEvent({ timeout: 0 })

beforeEach(async () => {
  promise.clearNotificationEvents()
  happened = await collect()
})

describe("docs/from-pynetx.md", () => {
  it("has a row for every name of pyNetX, and names only what exists", () => {
    assert.deepStrictEqual(problemsOf(page), [])
  })

  it("would not pass without one of its rows, nor with a name that does not exist", () => {
    const lines = page.split("\n").filter((line) => line.startsWith("| `"))
    for (const line of lines) assert.isNotEmpty(problemsOf(page.replace(`${line}\n`, "")), line)
    for (const [right, wrong, said] of [
      ["| `port` |", "| `sshPort` |", undefined],
      ["`getConfig({", "`getConfiguration({", "there is no getConfiguration"],
      ["`setOperationPoolSize(n)`", "`setPoolSize(n)`", "there is no setPoolSize"],
      ["| `AuthError`,", "| `LoginError`,", "there is no LoginError"],
      ["| `NotificationQueueFull` |", "| `QueueFull` |", "there is no QueueFull"],
      ["| `partialBytes` |", "| `partial` |", "there is no partial"],
      ["| `partial_bytes` |", "| `partial_byte` |", "no row for partial_bytes"]
    ] as const) {
      assert.include(page, right)
      const broken = page.replace(right, wrong)
      if (said === undefined) assert.throws(() => problemsOf(broken), /no value for sshPort/)
      else assert.include(problemsOf(broken).join("\n"), said)
    }
  })
})

describe("the defaults in docs/from-pynetx.md", () => {
  afterEach(() => void vi.useRealTimers())

  const ours = subscribeOptions({}, notificationDefaults({}))
  const peerOf = (use: () => unknown): string | undefined => {
    try {
      use()
    } catch (error) {
      return (error as promise.ChannelError).peer
    }
    return undefined
  }

  /** What was sent last, without its rpc element. */
  const sent = (use: (client: promise.NetconfClient) => Promise<unknown>, operation: string) => async () => {
    let xml = ""
    await withDevice(async (client, device) => {
      await client.connect()
      await use(client)
      xml = device.log.findLast((entry) => entry.operation === operation)?.xml ?? ""
    })
    return xml
  }

  const config = `<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><location>rack 7</location></system>`
  const running = (element: string) => new RegExp(`<${element}><running/></${element}>`)

  /** A transport that never opens. */
  const silent: Transport = { peer: "192.0.2.1:830", open: () => Effect.never }

  const isUndecidedUntil = async (promised: Promise<unknown>, millis: number): Promise<unknown> => {
    let outcome: unknown = "undecided"
    void promised.then(
      (value) => (outcome = value),
      (error) => (outcome = error)
    )
    await vi.advanceTimersByTimeAsync(millis - 1)
    assert.strictEqual(outcome, "undecided")
    await vi.advanceTimersByTimeAsync(1)
    return outcome
  }

  /** By pyNetX's name: what the page says, and whether it is so. */
  const checks: Readonly<Record<string, readonly [string, () => unknown]>> = {
    port: [
      "830",
      () => {
        assert.strictEqual(
          peerOf(() => new promise.NetconfClient(where).session),
          "192.0.2.1:830"
        )
        assert.strictEqual(
          peerOf(() => new sync.NetconfClientSync(where).get()),
          "192.0.2.1:830"
        )
      }
    ],
    connect_timeout: [
      "60 seconds",
      async () => {
        vi.useFakeTimers()
        const error = await isUndecidedUntil(new promise.NetconfClient({ transport: silent }).connect(), 60_000)
        assert.instanceOf(error, promise.DeadlineError)
        assert.strictEqual((error as promise.DeadlineError).phase, "connect")
      }
    ],
    read_timeout: ["60 seconds", () => assert.deepStrictEqual([defaults.rpc, slow], [60_000, 600_000])],
    socket_connect_timeout: ["5 seconds", () => assert.strictEqual(defaults.dial, 5000)],
    notif_queue_size: ["-1", () => assert.deepStrictEqual([ours.policy, ours.capacity], ["unbounded", undefined])],
    notif_incomplete_max_kb: ["1,048,576", () => assert.strictEqual(ours.incompleteMaxBytes, 1024 * 1024)],
    notif_incomplete_timeout: ["5 seconds", () => assert.strictEqual(ours.incompleteTimeout, "5 seconds")],
    notif_drop_event_threshold: [
      "1",
      () => assert.strictEqual(happened.get("NotificationDropsSummary")?.notificationsDroppedDelta, 1)
    ],
    get_async: ["no filter", async () => assert.include(await sent((client) => client.get(), "get")(), "<get/>")],
    get_config_async: [
      "running, no filter",
      async () =>
        assert.include(
          await sent((client) => client.getConfig(), "get-config")(),
          "<get-config><source><running/></source></get-config>"
        )
    ],
    edit_config_async: [
      "running, false",
      async () => {
        const xml = await sent((client) => client.editConfig({ config }), "edit-config")()
        assert.match(xml, running("target"))
        assert.notInclude(xml, "test-option")
      }
    ],
    validate_async: [
      "candidate",
      async () =>
        assert.include(await sent((client) => client.validate(), "validate")(), "<source><candidate/></source>")
    ],
    lock_async: [
      "running",
      async () => assert.match(await sent((client) => client.lock(), "lock")(), running("target"))
    ],
    unlock_async: [
      "running",
      async () => {
        const both = (client: promise.NetconfClient) => client.lock().then(() => client.unlock())
        assert.match(await sent(both, "unlock")(), running("target"))
      }
    ],
    locked_edit_config_async: [
      "running, false",
      async () => {
        const locked = (client: promise.NetconfClient) => client.lockedEditConfig({ config })
        assert.match(await sent(locked, "edit-config")(), running("target"))
        assert.strictEqual(await sent(locked, "validate")(), "")
      }
    ],
    subscribe_async: [
      "NETCONF, no filter",
      async () => {
        const subscribe = (client: promise.NetconfClient) =>
          client.subscribe().then(({ stream }) => assert.strictEqual(stream, "NETCONF"))
        assert.notInclude(await sent(subscribe, "create-subscription")(), "filter")
      }
    ],
    next_notification: [
      "10 ms",
      async () => {
        vi.useFakeTimers()
        const client = new promise.NetconfClient({ transport: silent })
        assert.isUndefined(await isUndecidedUntil(client.nextNotification(), 10))
      }
    ],
    peek_notifications: [
      "100",
      () =>
        withDevice(async (client, device) => {
          await client.subscribe()
          await burst(device, 0, 120)
          assert.lengthOf(client.peekNotifications(), 100)
          assert.lengthOf(client.peekNotifications(client.notificationQueueSize()), 120)
        })
    ],
    next_notification_event: [
      "none",
      async () => {
        vi.useFakeTimers()
        const controller = new AbortController()
        const waiting = promise.nextNotificationEvent({ signal: controller.signal })
        setTimeout(() => controller.abort("by us"), 86_400_000)
        assert.strictEqual(await isUndecidedUntil(waiting, 86_400_000), "by us")
      }
    ],
    set_threadpool_size: [
      "256",
      () => assert.deepStrictEqual([promise.operationPoolSize(), sync.operationPoolSize()], [256, 256])
    ],
    set_notification_reactor_count: [
      "0",
      () => assert.deepStrictEqual([promise.notificationReactorCount(), sync.notificationReactorCount()], [0, 0])
    ]
  }

  const stated = read(page).rows.filter((row) => row.default !== "")

  it("are all checked here", () => {
    assert.sameMembers(
      stated.map(({ names }) => names[0]),
      Object.keys(checks)
    )
  })

  for (const { default: says, names } of stated) {
    const [name = ""] = names
    it(`are true of ${name}`, async () => {
      const [expected, check] = checks[name]!
      assert.strictEqual(says, expected)
      await check()
    })
  }
})

describe("examples/from-pynetx.ts", () => {
  /** What it says of its errors, and how it ends. */
  const run = (env: Readonly<Record<string, string>>): Promise<readonly [unknown, string]> =>
    new Promise((resolve) => {
      const options = { cwd: root, env: { ...inherited, ...env }, timeout: 15_000 }
      execFile(process.execPath, ["examples/from-pynetx.ts"], options, (error, _stdout, stderr) =>
        resolve([error?.code ?? error?.signal, stderr])
      )
    })

  it.live(
    "says which error stands for which of pyNetX's",
    () =>
      Effect.gen(function* () {
        const device = yield* SimulatedDevice.make()
        const { fingerprint, host, port, username } = yield* device.ssh()
        const login = { NETCONF_HOST: host, NETCONF_PORT: String(port), NETCONF_USERNAME: username }
        const env = { ...login, NETCONF_PASSWORD: "admin", NETCONF_FINGERPRINT: fingerprint }
        device.lock("candidate")
        for (const [other, said] of [
          [{ NETCONF_HOST: "127.0.0.2" }, /^not reached: refused\n$/],
          [{ NETCONF_PASSWORD: "wrong" }, /^not let in: .* on leaf-01/],
          [{ NETCONF_FINGERPRINT: `SHA256:${"A".repeat(43)}` }, /^not let in: .*not the pinned key/s],
          [{}, /^refused: lock-denied\n$/]
        ] as const) {
          const [code, stderr] = yield* Effect.promise(() => run({ ...env, ...other }))
          assert.strictEqual(code, 1)
          assert.match(stderr, said)
        }
      }),
    60_000
  )
})
