/** Every example, started as a reader would start it, against a simulated device. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import { execFile, spawn } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, onTestFinished, vi } from "vitest"
import * as Screen from "../examples/demo/screen.ts"
import { SampleModel, SimulatedDevice } from "../src/testing.ts"
import { Element } from "../src/index.ts"

const root = join(import.meta.dirname, "..")

interface Result {
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
}

type Environment = Readonly<Record<string, string>>

/** What a child process needs of ours: where programs are, and what it need not compile again. */
const inherited: Environment = {
  PATH: process.env["PATH"] ?? "",
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? ""
}

const node = (file: string, args: ReadonlyArray<string>, env: Environment): Promise<Result> =>
  new Promise((resolve) => {
    const options = { cwd: root, env: { ...inherited, ...env }, timeout: 15_000 }
    const child = execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? null), stdout, stderr })
    )
    child.stdin?.end()
  })

const scope = Scope.makeUnsafe()
const inScope = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Scope.provide(effect, scope))

/** A device of its own on a real SSH port, and the environment in which its examples find and trust it. */
const start = async (options: SimulatedDevice.Options = {}) => {
  const schemas = { "ietf-interfaces": "module ietf-interfaces {}" }
  const device = await inScope(SimulatedDevice.make({ schemas, ...options }))
  const server = await inScope(device.ssh())
  const home = mkdtempSync(join(tmpdir(), "netconf-examples-"))
  await inScope(Effect.addFinalizer(() => Effect.sync(() => rmSync(home, { recursive: true }))))
  mkdirSync(join(home, ".ssh"))
  writeFileSync(join(home, ".ssh", "known_hosts"), `[${server.host}]:${server.port} ${server.hostKey}\n`)
  const login = { host: server.host, port: String(server.port), username: server.username }
  const env = {
    HOME: home,
    NETCONF_HOST: login.host,
    NETCONF_PORT: login.port,
    NETCONF_USERNAME: login.username,
    NETCONF_PASSWORD: "admin",
    NETCONF_HOSTS: `${login.host},127.0.0.2`
  }
  return {
    device,
    env,
    home,
    login,
    server,
    run: (name: string, ...args: ReadonlyArray<string>) => node(`examples/${name}`, args, env)
  }
}

let peer: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  peer = await start()
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const textAt = (...path: ReadonlyArray<string>): string => {
  const found = Element.find(peer.device.running, path)
  return found === undefined ? "" : Element.text(found)
}

const succeeded = (result: Result): ReadonlyArray<string> => {
  assert.strictEqual(result.stderr, "")
  assert.strictEqual(result.code, 0)
  return result.stdout.trim().split("\n")
}

describe("examples", () => {
  for (const name of ["get-config.ts", "get-config-promise.ts"]) {
    it(`${name} prints the names of the interfaces`, async () => {
      const [first, ...names] = succeeded(await peer.run(name))
      assert.match(first ?? "", /^session \d+: \d+ bytes in \d+ ms$/)
      assert.deepStrictEqual(names, ["lo", "eth0", "eth1"])
    })
  }

  it("the first ones trust the key that NETCONF_FINGERPRINT names, without known_hosts, and no other", async () => {
    const home = mkdtempSync(join(tmpdir(), "netconf-home-"))
    const env = { ...peer.env, HOME: home, NETCONF_FINGERPRINT: peer.server.fingerprint }
    const other = { ...peer.env, NETCONF_FINGERPRINT: "SHA256:jCGKN5Vu7pZnVEJvYrCsDkKdZbMkZGaE1LZvGBkB2sE" }
    for (const name of ["get-config.ts", "get-config-promise.ts", "edit-promise.ts", "filters.ts", "sync.ts"]) {
      succeeded(await node(`examples/${name}`, [], env))
      const refused = await node(`examples/${name}`, [], other)
      assert.strictEqual(refused.code, 1)
      assert.include(refused.stderr, "not the pinned key")
    }
    rmSync(home, { recursive: true })
  })

  it("custom-transport.ts has a session over a unix socket", async () => {
    const [line] = succeeded(await node("examples/custom-transport.ts", [], {}))
    assert.match(line ?? "", /^session 4 over a unix socket: \d+ bytes$/)
  })

  it("edit-promise.ts commits and saves", async () => {
    assert.deepStrictEqual(succeeded(await peer.run("edit-promise.ts", "spine-09")), ["committed; saved: yes"])
    assert.strictEqual(textAt("system", "hostname"), "spine-09")
    assert.strictEqual(Element.text(Element.find(peer.device.startup, ["system", "hostname"])!), "spine-09")
  })

  it("edit-promise.ts says who holds the lock, and changes nothing", async () => {
    const release = peer.device.lock("running")
    const result = await peer.run("edit-promise.ts", "nobody")
    release()
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /lock-denied.*\ntry again when session 0 is done\n$/)
    assert.notStrictEqual(textAt("system", "hostname"), "nobody")
  })

  it("sync.ts reads and commits without a promise", async () => {
    const [session, committed, ...rest] = succeeded(await peer.run("sync.ts", "rack 9"))
    assert.match(session ?? "", /^session \d+: /)
    assert.deepStrictEqual([committed, rest], ["committed: rack 9", []])
    assert.strictEqual(textAt("system", "location"), "rack 9")
    assert.strictEqual(peer.device.locks.size, 0)
  })

  for (const name of ["from-pynetx.ts", "from-pynetx-sync.ts"]) {
    it(`${name} reads, changes, copies, and is told of its own change`, async () => {
      const { device, run } = await start()
      const said = succeeded(await run(name)).join("\n")
      assert.match(
        said,
        /^sim\nget: \d+ characters, sendRpc: \d+\n[^]*netconf-config-change at \S+Z\n\d+ waiting, \d+ looked at\nactive: f/
      )
      assert.match(said, /\nSubscriptionUp leaf-01 .*\nSubscriptionDown leaf-01 .*$/)
      assert.strictEqual(Element.text(Element.find(device.running, ["system", "location"])!), "rack 8")
      const operations = device.log.map((entry) => entry.operation)
      assert.includeMembers(operations, ["lock", "validate", "copy-config", "delete-config", "create-subscription"])
      assert.deepStrictEqual([device.locks.size, device.sessions.size], [0, 0])
    })
  }

  it("locked-change.ts makes both changes and leaves no lock", async () => {
    const lines = succeeded(await peer.run("locked-change.ts"))
    assert.deepStrictEqual(lines, ["applied to candidate, saved: yes", "both interfaces described"])
    const entries = Element.findAll(peer.device.running, ["interfaces", "interface", "description"]).map(Element.text)
    assert.deepStrictEqual(entries, ["to spine-01 <port 7>", "to spine-02 <port 7>"])
    assert.strictEqual(peer.device.locks.size, 0)
  })

  it("confirmed-commit.ts confirms what it has read over a new connection", async () => {
    const lines = succeeded(await peer.run("confirmed-commit.ts"))
    assert.lengthOf(lines, 2)
    assert.match(lines[0]!, /^should this program die: persist-id [\da-f-]{36}$/)
    assert.match(lines[1]!, /^confirmed: rack 8, read in session \d+$/)
    assert.strictEqual(textAt("system", "location"), "rack 8")
    assert.strictEqual(peer.device.confirmedCommit, undefined)
  })

  it("reconnecting.ts tells what its session goes through, and reads on when it is killed", async () => {
    const lines = succeeded(await peer.run("reconnecting.ts"))
    const told = lines.map((line) => line.replace(/\d+(\.\d+)?/g, "N"))
    assert.deepStrictEqual(told, [
      "up, session N",
      "read N bytes",
      "down: the peer closed the channel, exit status N; attempt N in N s",
      "attempt N",
      "up, session N",
      "read N bytes",
      "stopped: the session was closed"
    ])
  })

  it("subscribe.ts tells what happens on the device, its own edit among it", async () => {
    const lines = succeeded(await peer.run("subscribe.ts"))
    assert.strictEqual(lines[0], "NETCONF, with replay")
    assert.include(lines, "admin changed running: 1 edit(s)")
    assert.match(lines.at(-1) ?? "", /^\d+ received, \d+ delivered, 0 dropped$/)
  })

  it("notifications.ts is told of its own edit, and reads what is left after the end", async () => {
    const own = await start()
    const [stream, replayed, ...rest] = succeeded(await own.run("notifications.ts", "rack-7"))
    assert.strictEqual(stream, "NETCONF, with replay")
    assert.strictEqual(replayed, "that was the last minute; what follows happens now")
    assert.match(rest.at(-3) ?? "", /^\d+ received, \d+ delivered, 0 dropped, \d+ unread at the end$/)
    assert.match(rest.at(-2) ?? "", /^SubscriptionUp leaf-01 /)
    assert.match(rest.at(-1) ?? "", /^SubscriptionDown leaf-01 /)
    assert.strictEqual(Element.text(Element.find(own.device.running, ["system", "hostname"])!), "rack-7")
    assert.strictEqual(own.device.sessions.size, 0)
    // What is replayed the second time is not taken for what it waits for.
    const edits = () => own.device.log.filter(({ operation }) => operation === "edit-config").length
    const before = edits()
    const [, again, ...more] = succeeded(await own.run("notifications.ts", "rack-8"))
    assert.strictEqual(again, "that was the last minute; what follows happens now")
    assert.match(more.find((line) => line.includes("received")) ?? "", /, [01] unread at the end$/)
    assert.strictEqual(edits(), before + 1)
  })

  it("mirror.ts has the tree, and follows an edit", async () => {
    const own = await start()
    assert.deepStrictEqual(succeeded(await own.run("mirror.ts")), [
      "told on-change: lo: -, eth0: uplink, eth1: -",
      "lo: -, eth0: uplink, eth1: to spine-01",
      "2 updates, 0 asked for again"
    ])
    const refusing = await start({ notifications: { push: { datastores: [] } } })
    assert.deepStrictEqual(succeeded(await refusing.run("mirror.ts")), ["refused: datastore-not-subscribable"])
  })

  it("many-devices.ts reads those that answer, and says why of the others", async () => {
    const [one, other, pool] = succeeded(await peer.run("many-devices.ts"))
    assert.match(one ?? "", /^127\.0\.0\.1: \d+ bytes$/)
    assert.match(other ?? "", /^127\.0\.0\.2: \w+ on 127\.0\.0\.2: /)
    assert.strictEqual(pool, "0 running, 0 waiting, at most 64")
  })

  it("otlp.ts exports spans, metrics and log lines to a collector", async () => {
    const received: Record<string, string> = {}
    const collector = createServer((request, response) => {
      const path = request.url ?? ""
      request.on("data", (bytes) => {
        received[path] = (received[path] ?? "") + String(bytes)
      })
      request.on("end", () => response.end("{}"))
    })
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
    const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
    const result = await node("examples/otlp.ts", [], { ...peer.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
    collector.close()
    assert.match(succeeded(result)[0] ?? "", /^\d+ bytes$/)
    const spans = [...(received["/v1/traces"] ?? "").matchAll(/"name":"((?:netconf\.|inventory)[\w.-]*)","kind"/g)]
    assert.sameMembers(
      spans.map(([, name]) => name),
      ["netconf.get", "netconf.kill-session", "inventory", "netconf.session"]
    )
    for (const shown of [
      '{"key":"rpc.system.name","value":{"stringValue":"netconf"}}',
      '{"key":"network.peer.address","value":{"stringValue":"127.0.0.1"}}',
      '{"key":"netconf.outcome","value":{"stringValue":"refused"}}',
      '{"key":"error.type","value":{"stringValue":"RpcError"}}'
    ]) {
      assert.include(received["/v1/traces"], shown)
    }
    assert.include(received["/v1/metrics"], '"name":"netconf.operation.duration"')
  })

  it("prometheus.ts shows the metrics of what it did", async () => {
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const lines = succeeded(await node("examples/prometheus.ts", [], { ...peer.env, METRICS_PORT: String(port) }))
    for (const line of [
      'netconf_operations{operation="get",outcome="ok"} 3',
      'netconf_operation_duration_count{operation="get",outcome="ok"} 3',
      'netconf_sessions{state="up"} 1',
      "netconf_pool_size 256"
    ]) {
      assert.include(lines, line)
    }
  })

  /** The inventory of the examples, with the addresses of a simulated device. */
  const inventory = (): string => {
    const path = join(peer.home, "inventory.yaml")
    const text = readFileSync(join(root, "examples", "inventory.yaml"), "utf8")
    const at = `host: ${peer.server.host}, port: ${peer.server.port}`
    writeFileSync(path, text.replaceAll(/host: [\d.]+/g, at))
    return path
  }

  it("inventory.ts reads the devices that its inventory calls leaves", async () => {
    const lines = succeeded(await peer.run("inventory.ts", inventory()))
    assert.match(lines.toSorted().join("\n"), /^leaf-01: \d+ bytes\nleaf-02: \d+ bytes$/)
    const { code, stderr } = await node("examples/inventory.ts", ["nowhere.yaml"], peer.env)
    assert.deepStrictEqual([code, stderr], [1, "inventory: nowhere.yaml: there is no such file\n"])
    const withoutPassword = await node("examples/inventory.ts", [], { ...peer.env, NETCONF_PASSWORD: "" })
    assert.strictEqual(
      withoutPassword.stderr,
      "inventory: examples/inventory.yaml at line 4, defaults.auth.password: the environment variable NETCONF_PASSWORD is empty\n"
    )
  })

  it("fleet-read-promise.ts reads a fact of each device, and says why not of the others", async () => {
    const path = inventory()
    writeFileSync(path, readFileSync(path, "utf8").replace(/(edge-01: \{ host: )[\d.]+/, "$1127.0.0.2"))
    const lines = succeeded(await peer.run("fleet-read-promise.ts", path)).toSorted()
    assert.lengthOf(lines, 3)
    assert.match(lines[0]!, /^edge-01: ConnectionError: connect on edge-01: refused: /)
    assert.deepStrictEqual(
      lines.slice(1),
      ["leaf-01", "leaf-02"].map((name) => `${name}: ${textAt("system", "hostname")}`)
    )
  })

  it("fleet-promise.ts changes one device after the other", async () => {
    const lines = succeeded(await peer.run("fleet-promise.ts", inventory()))
    assert.deepStrictEqual(lines, ["leaf-01: succeeded, saved: yes", "leaf-02: succeeded, saved: yes"])
    assert.strictEqual(textAt("system", "location"), "leaf-02")
  })

  it("fleet.ts reads every device that answers, then changes one, and stops at the one that does not", async () => {
    const [one, other, ...summary] = succeeded(await peer.run("fleet.ts"))
    assert.strictEqual(one, `127.0.0.1: ${textAt("system", "hostname")}`)
    assert.strictEqual(other, "127.0.0.2: failed after 3 attempts")
    assert.match(summary[0] ?? "", /^2 devices in \d+\.\d s: 1 succeeded, 1 failed$/)
    assert.strictEqual(summary[1], "stopped: 127.0.0.2 failed; 1 of the 2 that are done did not succeed")
    assert.match(summary[2] ?? "", /^failed {6}127\.0\.0\.2: ConnectionError: refused: /)
    assert.strictEqual(textAt("system", "location"), "rack 8")
    assert.isUndefined(peer.device.confirmedCommit)
  })

  it("filters.ts reads by subtree, by XPath and by an rpc of its own", async () => {
    const [both, description, schema] = succeeded(await peer.run("filters.ts"))
    assert.strictEqual(both, "interfaces, system")
    assert.strictEqual(description, "to spine-01 <port 7>")
    assert.match(schema ?? "", /^\d+ bytes of YANG$/)
  })

  it("decode.ts reads typed values, and writes some", async () => {
    const own = await start()
    const [lo, eth0, eth1, last] = succeeded(await own.run("decode.ts"))
    assert.deepStrictEqual([lo, eth0], ["lo is up: no description", "eth0 is up: uplink"])
    assert.deepStrictEqual([eth1, last], ["eth1 is down: no description", "1 described as free"])
    const found = Element.findAll(own.device.running, ["interfaces", "interface", "description"]).map(Element.text)
    assert.deepStrictEqual(found, ["uplink", "free"])
  })

  it("errors.ts names the value that the device refused", async () => {
    const [line] = succeeded(await peer.run("errors.ts"))
    assert.strictEqual(
      line,
      `the device said no: invalid-value at /sys:system/sys:hostname: "-" does not match the pattern`
    )
  })

  it("transcript.ts replays what it recorded, without the secret", async () => {
    assert.deepStrictEqual(succeeded(await peer.run("transcript.ts")), ["replayed"])
  })

  it("simulated-device.ts holds", async () => {
    assert.deepStrictEqual(succeeded(await peer.run("simulated-device.ts")), ["all as expected"])
  })
})

describe("the demo", () => {
  it("fits fifty lines, ends by itself, and shows what it promises", async () => {
    const lines = succeeded(await node("examples/demo.ts", [], {}))
    assert.isAtMost(lines.length, 50)
    for (const line of lines) assert.isAtMost(line.length, 100)
    const text = lines.join("\n")
    assert.notInclude(text, "\u001b")
    for (const shown of [
      /^notified +admin \(session 1\) changed running: 2 edits/m,
      /^slow +1,000 events, nobody reads: "dropOldest" dropped and counted 936;/m,
      /"suspend" held the device back: all 1000 are read now/,
      /^reactors +0 to 2 threads .*from the loop to worker-\d, each once and in/m,
      /^gap +a cut connection: the device's log does not reach back; missing after/m,
      /^connect +admin@127\.0\.0\.1:\d+, host key: pinned fingerprint +[\d.]+ ms$/m,
      /^hello +session 1, chunked framing/m,
      /<description>uplink<\/description>/,
      /^edit +lock running, lock candidate, .*commit, unlock candidate, unlock running/ms,
      /interface\[eth0\]\/ipv4\/mtu 1500 -> 9000/,
      /^refused +an mtu of 12: RpcError/m,
      /lock-denied, held by session 2/,
      /^host key .*: HostKeyError/m,
      /^password .*: AuthError/m,
      /^device +\d+ rpcs, 2 commits, candidate clean$/m
    ]) {
      assert.match(text, shown)
    }
  })

  const args = () => ["--host", peer.login.host, "--port", peer.login.port, "--username", peer.login.username]

  it("only reads a device that it is given", async () => {
    const before = peer.device.log.length
    const lines = succeeded(await peer.run("demo.ts", ...args(), "--fingerprint", peer.server.fingerprint))
    assert.match(lines.join("\n"), /^get-config +running, whole: \d+ bytes/m)
    const operations = peer.device.log.slice(before).map((entry) => entry.operation)
    assert.deepStrictEqual(operations, ["get-config", "close-session"])
  })

  it("escapes what a device sends, and hides its secrets", async () => {
    const running = `<system xmlns="${SampleModel.system}"><contact>\u009b31mred</contact><authentication><user><name>admin</name><password>$5$plain$seen</password></user></authentication></system>`
    const hostile = await start({ running })
    const { fingerprint, host, port, username } = hostile.server
    const login = ["--host", host, "--port", String(port), "--username", username, "--fingerprint", fingerprint]
    const shown = succeeded(await hostile.run("demo.ts", ...login)).join("\n")
    assert.include(shown, "\\u{9b}31mred")
    assert.notInclude(shown, "\u009b")
    assert.include(shown, "<password>(hidden)</password>")
    assert.notInclude(shown, "seen")
  })

  it("escapes the change that a person is asked to agree to, and hides its secrets", () => {
    const printed: Array<string> = []
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line))
    Screen.whole("<system><contact>\u009b31mred</contact>\n<x><password>seen</password></x></system>")
    log.mockRestore()
    assert.strictEqual(
      printed.map((line) => line.trim()).join("\n"),
      "<system><contact>\\u{9b}31mred</contact>\n<x><password>(hidden)</password></x></system>"
    )
  })

  it("does not even connect to change something without a person at a terminal", async () => {
    const config = join(peer.home, "change.xml")
    writeFileSync(
      config,
      `<?xml version="1.0"?>\n<system xmlns="${SampleModel.system}"><location>nowhere</location></system>`
    )
    const before = peer.device.log.length
    const result = await peer.run("demo.ts", ...args(), "--edit", config)
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /has to be confirmed by a person/)
    assert.deepStrictEqual(
      peer.device.log.slice(before).map((entry) => entry.operation),
      []
    )
    assert.strictEqual(result.stdout, "")
  })

  it("says once that there is no such file to load", async () => {
    const result = await peer.run("demo.ts", ...args(), "--edit", "missing.xml")
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /^.*--edit at missing\.xml: there is no such file\n$/)
  })

  /** The demo with `--serve`, and what it has printed when it is ready. */
  const serve = async (...more: ReadonlyArray<string>) => {
    const env = { ...inherited, XDG_STATE_HOME: join(peer.home, "state") }
    const child = spawn(process.execPath, ["examples/demo.ts", "--serve", ...more], { cwd: root, env })
    onTestFinished(() => void child.kill("SIGKILL"))
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve))
    let printed = ""
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (bytes) => {
        printed += String(bytes)
        if (/^\[.*ssh-ed25519 .*\n$/m.test(printed)) resolve()
      })
      child.once("exit", () => resolve())
    })
    const exports = [...printed.matchAll(/^export (.*)$/gm)].flatMap(([, words = ""]) => words.split(" "))
    return {
      printed,
      env: Object.fromEntries(exports.map((word) => word.split("=") as [string, string])),
      inventory: /<<'END'\n([^]*?)END\n/.exec(printed)?.[1] ?? "",
      stop: () => {
        child.kill("SIGINT")
        return ended
      }
    }
  }

  it("with --serve stays, for whoever does what it prints, until it is interrupted", async () => {
    const { env, printed, stop } = await serve()
    const names = succeeded(await node("examples/get-config.ts", [], env)).slice(1)
    assert.deepStrictEqual(names, ["lo", "eth0", "eth1"])
    const options = /^npm run demo -- (--host .*)$/m.exec(printed)?.[1]?.split(" ") ?? []
    succeeded(await node("examples/demo.ts", options, env))
    const knownHosts = join(peer.home, "served")
    writeFileSync(knownHosts, printed.slice(printed.lastIndexOf("\n[") + 1))
    const withoutPin = options.slice(0, options.indexOf("--fingerprint"))
    succeeded(await node("examples/demo.ts", [...withoutPin, "--known-hosts", knownHosts], env))
    // The reconnecting session and the fleet find it by the same variables.
    assert.include(succeeded(await node("examples/reconnecting.ts", [], env)).join("\n"), "attempt 2")
    const [fact] = succeeded(await node("examples/fleet.ts", [], env))
    assert.strictEqual(fact, "127.0.0.1: leaf-01")
    for (const [, name = ""] of printed.matchAll(/^npx node (examples\/(?:subscribe|mirror)\.ts)$/gm)) {
      succeeded(await node(name, [], env))
    }
    assert.include(printed, "npx node examples/subscribe.ts\nnpx node examples/mirror.ts\n")
    assert.strictEqual(await stop(), 0)
  })

  it("with --serve --count serves several, prints their inventory, and is the same when it is started again", async () => {
    const key = join(peer.home, "host-key")
    const first = await serve("--count", "3", "--key", key)
    const path = join(peer.home, "served.yaml")
    writeFileSync(path, first.inventory)
    const told = succeeded(await node("examples/inventory.ts", [path], first.env))
    assert.deepStrictEqual(told.map((line) => line.replace(/\d+ bytes/, "N bytes")).toSorted(), [
      "leaf-01: N bytes",
      "leaf-02: N bytes",
      "leaf-03: N bytes"
    ])
    assert.strictEqual(statSync(key).mode & 0o777, 0o600)
    assert.strictEqual(await first.stop(), 0)
    const ports = [...first.inventory.matchAll(/port: (\d+)/g)].map(([, port]) => Number(port))
    const again = await serve("--port", String(ports[0]), "--key", key)
    assert.strictEqual(again.env["NETCONF_FINGERPRINT"], first.env["NETCONF_FINGERPRINT"])
    assert.strictEqual(again.env["NETCONF_PORT"], String(ports[0]))
    assert.strictEqual(await again.stop(), 0)
  })

  it("with --serve keeps its host key in the user's state directory, and takes none that others can read", async () => {
    const { stop } = await serve()
    await stop()
    const directory = join(peer.home, "state", "effect-netconf")
    const key = join(directory, "demo-host-key")
    assert.deepStrictEqual(
      [directory, key].map((path) => statSync(path).mode & 0o777),
      [0o700, 0o600]
    )
    const refused = async () => {
      const result = await node("examples/demo.ts", ["--serve", "--key", key], {})
      assert.strictEqual(result.code, 1)
      return result.stderr
    }
    chmodSync(key, 0o644)
    assert.include(await refused(), `the host key at ${key}: others can read it, or it is another user's: chmod 600`)
    chmodSync(key, 0o600)
    writeFileSync(key, "hunter2")
    const said = await refused()
    assert.include(said, "it is not a private key")
    assert.notInclude(said, "hunter2")
    rmSync(key)
  })

  it("takes --port, --count and --key with --serve, and nothing that is about another device", async () => {
    for (const [args, said] of [
      [["--serve", "--host", "192.0.2.1"], "--serve goes with --port, --count and --key only"],
      [["--serve", "--port", "0"], "--port: expected 1 to 65535, got 0"],
      [["--serve", "--port", "65535", "--count", "3"], "--port: expected 1 to 65533, got 65535"],
      [["--serve", "--count", "none"], "--count: expected 1 to 1000, got none"],
      [["--count", "2"], "--count goes with --serve"]
    ] as const) {
      const result = await peer.run("demo.ts", ...args)
      assert.strictEqual(result.code, 2)
      assert.include(result.stderr, said)
    }
  })

  it("prints its options for -h as for --help", async () => {
    const [short, long] = [await peer.run("demo.ts", "-h"), await peer.run("demo.ts", "--help")]
    assert.include(succeeded(short).join("\n"), "--serve")
    assert.strictEqual(short.stdout, long.stdout)
  })

  it("prints the library's refusal of an unknown host key, without a stack, and exits with 1", async () => {
    const empty = join(peer.home, "empty")
    writeFileSync(empty, "")
    const result = await peer.run("demo.ts", ...args(), "--known-hosts", empty)
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /host key unknown: ssh-ed25519 SHA256:/)
    assert.include(result.stderr, `ssh-keyscan -p ${peer.login.port} 127.0.0.1 >> ${empty}`)
    assert.include(result.stderr, `\nhere: --fingerprint ${peer.server.fingerprint}\n`)
    assert.notMatch(result.stderr, /^ +at /m)
  })

  it("refuses a password on the command line and says why, without repeating it", async () => {
    const result = await peer.run("demo.ts", ...args(), "--password", "hunter2")
    assert.strictEqual(result.code, 2)
    assert.match(result.stderr, /kept in the shell's history\.\nSet NETCONF_PASSWORD/)
    assert.notInclude(result.stderr, "hunter2")
  })

  it("explains its options for one that it does not know", async () => {
    const result = await peer.run("demo.ts", "--verbose")
    assert.strictEqual(result.code, 2)
    assert.match(result.stderr, /--verbose[^]*npm run demo -- --host HOST --username USER/)
  })
})
