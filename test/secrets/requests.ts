/** Requests that fail in every way over a session in memory, and hellos that do; each carries or meets planted secrets. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Filter from "../../src/api/operations/Filter.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import { ConnectionError } from "../../src/errors.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { escapeText } from "../../src/xml/Print.ts"
import { xml } from "../../src/xml/Template.ts"
import { base, connect, obliging, Peer, replyOf, type Rpc, rpcError } from "../rpc/peer.ts"
import { planted, type Tools } from "./planted.ts"

export type Program = (tools: Tools) => Effect.Effect<unknown, unknown, Scope.Scope>

/** What was done, how it must have ended (a success, or the tag of its failure), and the program. */
export type Row = readonly [what: string, end: "success" | "interrupted" | (string & {}), program: Program]

export const config = xml`<top xmlns="urn:top">
  <user><name>ops</name><password>${planted.password}</password><secret>${planted.odd}</secret><secret>${planted.short}</secret></user>
  <snmp><community><name>${planted.community}</name><access>ro</access></community></snmp>
  <ike><pre-shared-key><ascii-text>${planted.junos}</ascii-text></pre-shared-key></ike>
  <hash>${planted.crypt}</hash><key-file>${planted.pem}</key-file><from>${planted.url}</from><cli>${planted.cli}</cli>
  <tacacs><server><key>${planted.type7}</key></server></tacacs>
</top>`

/** All of them, as a device would complain about them: named, unnamed, in a path, in CLI. */
export const complaints = `<error-app-tag>bad-password ${planted.password}</error-app-tag>
  <error-path>/t:top/t:snmp/t:community[t:name='${planted.community}']/t:access</error-path>
  <error-message>nobody likes ${escapeText(planted.odd)} nor ${planted.password}, ${planted.short}! ${escapeText(planted.cli)}
    tacacs-server key 7 ${planted.type7}; key ${planted.pem} from ${planted.url} is ${planted.crypt} or ${planted.junos}</error-message>
  <error-info><bad-element>${planted.community}</bad-element><bad-attribute>password=${planted.password}</bad-attribute>
    <bad-namespace>${planted.url}</bad-namespace><ok-element>${planted.password}</ok-element>
    <top xmlns="urn:top"><password>${planted.password}</password><x y="${planted.password}">${planted.odd.replace(/[<&]/g, "_")}</x>
      <snmp><community><name>other-PLANTED</name></community></snmp></top></error-info>`

/** The same, of a request that carried none of them: what its name or its look tells. */
export const named = `<error-path>/snmp/community[name="${planted.community}"]</error-path>
  <error-message>password ${planted.password} is weak, {"secret":"${planted.password} x"}; enable secret 5 ${planted.crypt}\n${planted.cli}
    ${planted.pem} ${planted.url} ${planted.junos} password 7 ${planted.type7}</error-message>
  <error-info><user xmlns="urn:u"><password>${planted.password}</password></user></error-info>`

export type Answer = (rpc: Rpc, peer: Peer) => void

/** A session over memory whose peer answers everything but close-session so. */
export const over =
  (
    answers: Answer,
    use: (session: Session, peer: Peer, tools: Tools) => Effect.Effect<unknown, unknown, Scope.Scope>,
    options: Partial<Netconf.ConnectOptions> & { readonly peer?: ReadonlyArray<string> } = {}
  ): Program =>
  (tools) =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({
        label: "leaf",
        wireLog: tools.wireLog,
        ...options,
        deadlines: { close: "50 millis", ...options.deadlines }
      })
      peer.onRpc = (rpc, other) => (rpc.name === "close-session" ? other.reply(rpc) : answers(rpc, other))
      yield* Effect.addFinalizer(() => Effect.sync(() => tools.emit("notes", [session.notes, session.statistics()])))
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          peer.endpoint.close()
        }).pipe(
          Effect.andThen(session.closed),
          Effect.tap((reason) => Effect.sync(() => tools.emit("closed", reason)))
        )
      )
      return yield* use(session, peer, tools)
    })

export const refusing =
  (more: string, severity?: string): Answer =>
  (rpc, peer) =>
    peer.reply(rpc, rpcError("invalid-value", more, severity))
const saying =
  (text: string): Answer =>
  (rpc, peer) =>
    peer.send(text.replaceAll("{id}", rpc.id))
const edit = (session: Session) => session.editConfig({ target: "candidate", config })

export const sessions: ReadonlyArray<Row> = [
  ["an edit is refused that the peer repeats", "RpcError", over(refusing(complaints), edit)],
  [
    "an edit of running is refused",
    "RpcError",
    over(refusing(complaints), (session) => session.editConfig({ config }))
  ],
  [
    "a commit is refused with what an edit before it carried",
    "RpcError",
    over(
      (rpc, peer) => (rpc.name === "commit" ? refusing(complaints) : obliging)(rpc, peer),
      (session) => Effect.andThen(edit(session), session.commit())
    )
  ],
  ["a read is refused with what its name tells", "RpcError", over(refusing(named), (session) => session.get())],
  [
    "a whole change is refused at its commit",
    "RpcError",
    over(
      (rpc, peer) => (rpc.name === "commit" ? refusing(complaints) : obliging)(rpc, peer),
      (session) => session.edit(config)
    )
  ],
  [
    "a commit fails in the middle",
    "CommitUnknownError",
    over(
      (rpc, peer) => peer.reply(rpc, rpcError("rollback-failed", named)),
      (session) => session.commit()
    )
  ],
  [
    "warnings come with a success",
    "success",
    over(
      (rpc, peer) => peer.reply(rpc, `<ok/>${rpcError("x", complaints, "warning")}`),
      (session, _peer, { emit }) =>
        Effect.tap(edit(session), (reply) => Effect.sync(() => emit("warnings", reply.warnings)))
    )
  ],
  [
    "warnings fail a call",
    "RpcError",
    over(
      (rpc, peer) => peer.reply(rpc, `<ok/>${rpcError("x", complaints, "warning")}`),
      (session) => session.editConfig({ config, warnings: "fail" })
    )
  ],
  [
    "a rpc of one's own is refused",
    "RpcError",
    over(refusing(complaints), (session) => session.rpc(xml`<do xmlns="urn:do">${config}</do>`))
  ],
  [
    "a filter with list keys is refused",
    "RpcError",
    over(refusing(named), (session) =>
      session.get({
        filter: Filter.subtree(xml`<snmp xmlns="urn:s"><community><name>${planted.community}</name></community></snmp>`)
      })
    )
  ],
  [
    "a URL with a password is refused",
    "RpcError",
    over(
      refusing(`<error-message>cannot reach ${planted.url}, login ops:PLANTED-url failed</error-message>`),
      (session) => session.rpc(xml`<copy xmlns="urn:c"><url>${planted.url}</url></copy>`)
    )
  ],
  [
    "a device offers no URLs",
    "CapabilityError",
    over(obliging, (session) => session.editConfig({ url: planted.url }), { peer: [":base:1.1", ":writable-running"] })
  ],
  ["a scheme is not offered", "InputError", over(obliging, (session) => session.editConfig({ url: planted.url }))],
  [
    "a configuration is not well-formed",
    "InputError",
    over(obliging, (session) => session.editConfig({ config: `<password>${planted.password}</passwd>` }))
  ],
  [
    "a value cannot be sent",
    "InputError",
    over(obliging, (session) =>
      session.editConfig({ config: xml`<password xmlns="urn:p">${`${planted.password}\u0001`}</password>` })
    )
  ],
  [
    "a reply is in a namespace of its own",
    "CommitUnknownError",
    over(
      saying(replyOf("{id}", `<done xmlns="${planted.password}"><password>${planted.password}</password></done>`)),
      (session) => session.editConfig({ config })
    )
  ],
  [
    "a reply is not well-formed",
    "ProtocolError",
    over(
      saying(
        `<rpc-reply xmlns="${base}" message-id="{id}"><data><password>${planted.password}</passwd></data></rpc-reply>`
      ),
      (session) => Effect.flatMap(session.get(), (reply) => reply.data)
    )
  ],
  [
    "a reply has a value that was not escaped",
    "CommitUnknownError",
    over(saying(`<rpc-reply xmlns="${base}" message-id="{id}"><ok/><password><PLANTED:x></password></rpc-reply>`), edit)
  ],
  [
    "a value that was not escaped is read",
    "ProtocolError",
    over(
      saying(`<rpc-reply xmlns="${base}" message-id="{id}"><data><password><PLANTED:x></password></data></rpc-reply>`),
      (session) => Effect.flatMap(session.get(), (reply) => reply.data)
    )
  ],
  [
    "a reply holds nothing but a value that was not escaped",
    "ProtocolError",
    over(
      saying(`<rpc-reply xmlns="${base}" message-id="{id}"><password><PLANTED:x></password></rpc-reply>`),
      (session) => session.get()
    )
  ],
  ["a reply is nothing at all", "CommitUnknownError", over(saying(`%$ ${planted.cli} <<<`), edit)],
  ["a reply has another id", "CommitUnknownError", over(saying(replyOf(planted.password)), edit)],
  [
    "a reply is too large",
    "ProtocolError",
    over(
      saying(replyOf("{id}", `<data><password>${planted.password.repeat(200)}</password></data>`)),
      (session) => session.get(),
      {
        limits: { bytes: 2_000 }
      }
    )
  ],
  [
    "a reply is not UTF-8",
    "ProtocolError",
    over(
      (rpc, peer) =>
        peer.send(Buffer.from(replyOf(rpc.id, `<data><password>${planted.password}\xff</password></data>`), "latin1")),
      (session) => session.get()
    )
  ],
  [
    "framing breaks before a chunk",
    "ProtocolError",
    over(
      (_rpc, peer) => peer.bytes(planted.cli),
      (session) => session.get()
    )
  ],
  [
    "framing breaks in a size",
    "CommitUnknownError",
    over(
      (_rpc, peer) => peer.bytes(`\n#${planted.password}`),
      (session) => session.editConfig({ config })
    )
  ],
  [
    "framing breaks behind a chunk",
    "ProtocolError",
    over(
      (_rpc, peer) => peer.bytes(`\n#10\n<password>${planted.password}>${planted.pem}`),
      (session) => session.get()
    )
  ],
  [
    "no reply comes",
    "DeadlineError",
    over(
      () => {},
      (session) => session.get({ deadline: "20 millis" })
    )
  ],
  [
    "no reply comes to a change",
    "CommitUnknownError",
    over(
      () => {},
      (session) => session.editConfig({ config, deadline: "20 millis" })
    )
  ],
  [
    "half a reply comes to a change",
    "CommitUnknownError",
    over(
      (rpc, peer) => peer.bytes(peer.frame(replyOf(rpc.id, planted.cli)).subarray(0, 150)),
      (session) => session.editConfig({ config, deadline: "20 millis" }),
      { deadlines: { progress: "20 millis" } }
    )
  ],
  [
    "the peer goes away in the middle of a reply, with a word",
    "CommitUnknownError",
    over(
      (rpc, peer) => {
        peer.bytes(peer.frame(replyOf(rpc.id, planted.cli)).subarray(0, 150))
        peer.endpoint.close({ by: "peer", detail: `goodbye, password ${planted.password} for ${planted.url}` })
      },
      (session) => session.editConfig({ config })
    )
  ],
  [
    "a change is interrupted",
    "interrupted",
    over(
      () => {},
      (session) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkScoped(session.editConfig({ config }), { startImmediately: true })
          yield* Effect.sleep(5)
          return yield* Effect.andThen(Fiber.interrupt(fiber), Effect.interrupt)
        })
    )
  ],
  [
    "nothing fails",
    "success",
    over(
      (rpc, peer) =>
        peer.reply(
          rpc,
          rpc.name === "get"
            ? `<data><user xmlns="urn:u"><password>${planted.password}</password></user></data>`
            : "<ok/>"
        ),
      (session) => Effect.andThen(edit(session), session.get())
    )
  ],
  [
    "a notification comes, and one that is cut",
    "success",
    over(obliging, (session, peer) =>
      Effect.gen(function* () {
        yield* edit(session)
        peer.send(
          `<notification xmlns="urn:n"><change><password>${planted.password}</password> ${escapeText(planted.odd)} </change></notification>`
        )
        peer.bytes(`\n#500\n<notification xmlns="urn:n"><password>${planted.password}`)
        yield* Effect.sleep(5)
      })
    )
  ],
  [
    "a change is larger than the wire log shows",
    "RpcError",
    over(refusing(complaints), (session) =>
      session.editConfig({ config: xml`<a xmlns="urn:a">${"x".repeat(100_000)}${config}</a>` })
    )
  ]
]

/** A transport of one's own, and what its proxy says. */
const unreachable: Program = ({ wireLog }) => {
  const detail = `the proxy refused ops, password ${planted.password}, for ${planted.url}`
  const open = () => Effect.fail(new ConnectionError({ reason: "refused", detail, attempts: [planted.url] }))
  return Netconf.connect({ label: "leaf", wireLog, transport: { peer: "peer", open } })
}

/** Connecting to a peer that says this first. */
const greeted =
  (hello: string | Uint8Array): Program =>
  ({ wireLog }) =>
    Netconf.connect({
      label: "leaf",
      wireLog,
      deadlines: { hello: "20 millis", close: "20 millis" },
      transport: Memory.make((endpoint) => new Peer(endpoint).bytes(hello), { peer: "peer" })
    })

export const hellos: ReadonlyArray<Row> = [
  ["a transport says why it cannot be opened", "ConnectionError", unreachable],
  ["no hello comes, but a banner", "ProtocolError", greeted(`${planted.cli}]]>]]>`)],
  ["a hello is cut", "DeadlineError", greeted(`<hello><password>${planted.password}`)],
  ["an rpc-error comes instead", "ProtocolError", greeted(`${rpcError("access-denied", named)}]]>]]>`)],
  [
    "a hello is not well-formed",
    "ProtocolError",
    greeted(`<hello><password>${planted.password}</PLANTED></hello>]]>]]>`)
  ],
  [
    "a hello uses a prefix that is not bound",
    "ProtocolError",
    greeted(`<hello xmlns="${base}"><password><PLANTED:a></password></hello>]]>]]>`)
  ]
]
