import {
  NetconfClient,
  nextNotificationEvent,
  pendingNotificationEventCount,
  standardEvent,
  xml
} from "../src/promise.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
await using client = new NetconfClient({
  label: "leaf-01",
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint },
  reconnect: true,
  notificationQueueSize: 10_000,
  notificationPolicy: "dropOldest"
})
await client.connect()
for (const { name, replaySupport } of await client.streams()) {
  console.log(`${name}${replaySupport ? ", with replay" : ""}`)
}

const subscription = await client.subscribe({ stream: "NETCONF", startTime: new Date(Date.now() - 60_000) })
const hostname = process.argv[2] ?? "leaf-01"
await client.editConfig({
  config: xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>${hostname}</hostname></system>`
})

let isReplayed = false
for await (const event of subscription) {
  if (event._tag === "Gap") console.log(`missing from ${event.from ?? "the beginning"} on: ${event.reason}`)
  else if (event._tag === "ReplayComplete") {
    isReplayed = true
    console.log("that was the last minute; what follows happens now")
  } else if (isReplayed && standardEvent(event)?._tag === "ConfigChange") break
}

await client.deleteSubscription()
const unread = client.notificationQueueSize()
for await (const { eventTime, name } of client.notifications()) console.log(`${name} at ${eventTime}`)
const { delivered, dropped, received } = subscription.statistics()
console.log(`${received} received, ${delivered} delivered, ${dropped} dropped, ${unread} unread at the end`)

while (pendingNotificationEventCount() > 0) {
  const event = await nextNotificationEvent({ timeout: "1 second" })
  if (event !== undefined) console.log(event._tag, event.label, event.message)
}
