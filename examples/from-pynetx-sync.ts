import {
  clearNotificationEvents,
  Element,
  isNetconfError,
  NetconfClientSync,
  nextNotificationEvent,
  pendingNotificationEventCount,
  setNotificationReactorCount,
  setOperationPoolSize
} from "../src/sync.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
const system = "urn:ietf:params:xml:ns:yang:ietf-system"
const config = `<system xmlns="${system}"><location>rack 7</location></system>`

setOperationPoolSize(64)
setNotificationReactorCount(1)

const client = new NetconfClientSync({
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint },
  label: "leaf-01"
})

try {
  client.connect()
  const reply = client.getConfig({ source: "running", filter: `<system xmlns="${system}"/>` })
  const hostname = Element.find(reply.data, ["system", "hostname"])
  console.log(hostname === undefined ? reply.xml : Element.text(hostname))
  const state = client.get({ filter: `<system xmlns="${system}"/>` })
  const sent = client.sendRpc(`<get><filter><system xmlns="${system}"/></filter></get>`, { read: true })
  console.log(`get: ${state.xml.length} characters, sendRpc: ${sent.xml.length}`)

  client.lock({ target: "candidate" })
  try {
    client.editConfig({ target: "candidate", config, validate: true })
    client.commit()
  } finally {
    client.unlock({ target: "candidate" })
  }
  client.validate({ source: "running" })
  if (client.capabilities.has(":url")) {
    const backup = { url: "file:///before.xml" }
    client.copyConfig({ target: backup, source: "running" })
    client.deleteConfig({ target: backup })
  }

  client.subscribe({ stream: "NETCONF" })
  client.lockedEditConfig({ target: "candidate", config: config.replace("7", "8"), validate: true })
  let notification = client.nextNotification({ timeout: "2 seconds" })
  while (notification !== undefined && notification.name !== "netconf-config-change") {
    notification = client.nextNotification({ timeout: "2 seconds" })
  }
  console.log(notification === undefined ? "nothing came" : `${notification.name} at ${notification.eventTime}`)
  console.log(`${client.notificationQueueSize()} waiting, ${client.peekNotifications(10).length} looked at`)
  client.deleteSubscription()
  console.log(`active: ${client.isSubscriptionActive()}`)

  while (pendingNotificationEventCount() > 0) {
    const event = nextNotificationEvent({ timeout: "1 second" })
    if (event !== undefined) console.log(event._tag, event.label, event.message)
  }
  clearNotificationEvents()
} catch (error) {
  if (!isNetconfError(error)) throw error
  console.error(error.message)
  process.exitCode = 1
} finally {
  client.disconnect()
}
