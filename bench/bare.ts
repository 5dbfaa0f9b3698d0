/**
 * The floor for notifications: `ssh2` alone with the library's framing decoder, its head reader and its tree builder. No
 * session, no queue, no Effect; a notification is shown where it arrives.
 */
import type ssh2 from "ssh2"
import type { ClientChannel } from "ssh2"
import * as Framing from "../src/framing/Framing.ts"
import * as NotificationHead from "../src/xml/NotificationHead.ts"
import * as Parse from "../src/xml/Parse.ts"
import { dial, hello, namespace } from "./dial.ts"
import type { Target } from "./measure.ts"
import { main } from "./subscribed.ts"
import type { SubscribeTask, Subscriber, Witness } from "./subscribed.ts"

const createSubscription = (stream: string): string =>
  `<rpc xmlns="${namespace}" message-id="1"><create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">` +
  `<stream>${stream}</stream></create-subscription></rpc>`

const show = (message: Buffer, { reads }: SubscribeTask, witness: Witness): void => {
  if (reads === "tree") return witness.tree(Parse.decode(message))
  const { eventTime, name } = (NotificationHead.recall(message) ?? NotificationHead.read(message))!
  witness.head(eventTime, name)
}

/** The hello, the reply to create-subscription, then nothing but notifications. */
const subscribe = (channel: ClientChannel, task: SubscribeTask, witness: Witness, chunked: boolean): Promise<void> =>
  new Promise((resolve) => {
    const decoder = Framing.makeDecoder()
    let messages = 0
    let parts: Array<Buffer> = []
    const receiver: Framing.Receiver = {
      span: (bytes) => void parts.push(bytes),
      end: () => {
        const message = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
        parts = []
        messages++
        if (messages > 2) return show(message, task, witness)
        if (messages === 2) return resolve()
        if (chunked) decoder.upgrade()
        channel.write(Framing.encode(chunked ? "chunked" : "end-of-message", createSubscription(task.stream)))
      }
    }
    channel.on("data", (bytes: Buffer) => decoder.push(bytes, receiver))
    channel.write(hello)
  })

const make = (target: Target): Subscriber => {
  const clients: Array<ssh2.Client> = []
  return {
    subscribe: async (task, witness) => {
      const { channel, ssh } = await dial(target)
      clients.push(ssh)
      await subscribe(channel, task, witness, target.username !== "base10")
    },
    close: async () => clients.forEach((ssh) => ssh.end())
  }
}

await main(make)
