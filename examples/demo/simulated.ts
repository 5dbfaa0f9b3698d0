/**
 * The tour: a simulated device on a real SSH port of this machine, read, changed, refused, and two logins that must fail.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Element, Netconf, type NetconfError, Ssh, Xml, xml } from "../../src/index.ts"
import { SampleModel, SimulatedDevice } from "../../src/testing.ts"
import { showDifference } from "./difference.ts"
import { showHello } from "./hello.ts"
import { notifications } from "./notifications.ts"
import { beginning, bold, dim, line, paragraph, step, yellow } from "./screen.ts"
import { timed } from "./timed.ts"

const { interfaces, ip } = SampleModel

/** What is read: some leaves of one interface. */
const uplink = xml`
  <interfaces xmlns="${interfaces}">
    <interface>
      <name>eth0</name>
      <description/>
      <ipv4 xmlns="${ip}"><mtu/></ipv4>
    </interface>
  </interfaces>`

const withMtu = (mtu: number, description: string) => xml`
  <interfaces xmlns="${interfaces}">
    <interface>
      <name>eth0</name>
      <description>${description}</description>
      <ipv4 xmlns="${ip}"><mtu>${mtu}</mtu></ipv4>
    </interface>
  </interfaces>`

/** Runs what must fail, and shows how it did. */
const refused = Effect.fnUntraced(function* <A, R>(
  name: string,
  what: string,
  attempt: Effect.Effect<A, NetconfError, R>
) {
  const [millis, error] = yield* timed(Effect.flip(attempt))
  step(name, `${what}: ${yellow(error._tag)}`, millis)
  paragraph(error.message, dim)
})

/** `lock running` */
const describe = ({ operation, xml }: SimulatedDevice.LogEntry): string =>
  [operation, /<target><([a-z]+)/.exec(xml)?.[1] ?? ""].join(" ").trim()

export const tour = Effect.gen(function* () {
  const device = yield* SimulatedDevice.make()
  const server = yield* device.ssh()
  const { fingerprint, host, password, port, username } = server
  line(bold("effect-netconf") + `: a simulated device on a real SSH port of this machine, ${host}:${port}`)
  line()

  const login = { host, port, username, auth: { password }, hostKey: { fingerprint } }
  const open = (options: Partial<Ssh.SshOptions> = {}, label = "leaf-01") =>
    Netconf.connect({ label, transport: Ssh.make({ ...login, ...options }) })

  const [connecting, session] = yield* timed(open())
  step("connect", `${username}@${session.peer}, host key: ${session.transport["hostKeyAccepted"]}`, connecting)
  showHello(session)

  const read = Effect.flatMap(session.getConfig({ filter: uplink }), (reply) =>
    Effect.map(reply.data, (data) => ({ reply, data }))
  )
  const [reading, { data: before, reply }] = yield* timed(read)
  step("get-config", `running, two leaves of interface eth0: ${reply.bytes} bytes`, reading)
  beginning(Xml.print(Element.child(before, "interfaces") ?? before, { indent: 2 }), 12)

  const seen = device.log.length
  const [editing] = yield* timed(session.edit(withMtu(9000, "uplink to spine-01"), { save: true }))
  step("edit", device.log.slice(seen).map(describe).join(", "), editing)
  showDifference(before, (yield* read).data)

  yield* refused("refused", "an mtu of 12", session.edit(withMtu(12, "a typing error")))
  const other = yield* open({}, "somebody")
  yield* other.lock({ target: "running" })
  yield* refused("refused", "a change while session 2 holds the lock", session.edit(withMtu(1500, "too late")))
  yield* refused("host key", "another one than was pinned", open({ hostKey: { fingerprint: otherKey } }))
  yield* refused("password", "a wrong one", open({ auth: { password: Redacted.make("letmein") } }))
  yield* other.closeSession()
  yield* notifications({ device, session, edit: session.edit(withMtu(1500, "back again")) })
  const commits = device.commits === 1 ? "1 commit" : `${device.commits} commits`
  step("device", `${device.log.length} rpcs, ${commits}, candidate ${device.candidateIsDirty ? "dirty" : "clean"}`)
})

const otherKey = "SHA256:jCGKN5Vu7pZnVEJvYrCsDkKdZbMkZGaE1LZvGBkB2sE"
