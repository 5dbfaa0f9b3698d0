import {
  AuthError,
  ChannelError,
  clearNotificationEvents,
  ConnectionError,
  Element,
  HostKeyError,
  isNetconfError,
  NetconfClient,
  nextNotificationEvent,
  pendingNotificationEventCount,
  RpcError,
  setNotificationReactorCount,
  setOperationPoolSize
} from "../src/promise.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
const system = "urn:ietf:params:xml:ns:yang:ietf-system"
const config = `<system xmlns="${system}"><location>rack 7</location></system>`

setOperationPoolSize(64)
setNotificationReactorCount(1)

const client = new NetconfClient({
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint },
  connectTimeout: "60 seconds",
  readTimeout: "60 seconds",
  socketConnectTimeout: "5 seconds",
  notificationQueueSize: 1000,
  notificationIncompleteMaxBytes: 1_048_576,
  notificationIncompleteTimeout: "5 seconds",
  notificationDropEventThreshold: 100,
  label: "leaf-01"
})

/** Reading, and an rpc of one's own. */
const read = async () => {
  const reply = await client.getConfig({ source: "running", filter: `<system xmlns="${system}"/>` })
  const hostname = Element.find(reply.data, ["system", "hostname"])
  console.log(hostname === undefined ? reply.xml : Element.text(hostname))
  const state = await client.get({ filter: `<system xmlns="${system}"/>` })
  const sent = await client.sendRpc(`<get><filter><system xmlns="${system}"/></filter></get>`, { read: true })
  console.log(`get: ${state.xml.length} characters, sendRpc: ${sent.xml.length}`)
}

/** Step by step, then all steps as one. */
const change = async () => {
  await client.lock({ target: "candidate" })
  try {
    await client.editConfig({ target: "candidate", config })
    await client.validate({ source: "candidate" })
    await client.commit()
  } finally {
    await client.unlock({ target: "candidate" })
  }

  const { replies, target } = await client.lockedEditConfig({ target: "candidate", config, validate: true })
  console.log(`${target} changed: ${replies.every((reply) => reply.ok)}`)
}

/** A copy of running in a file of the device, where it has those. */
const copy = async () => {
  const backup = { url: "file:///before.xml" }
  await client.copyConfig({ target: backup, source: "running" })
  await client.deleteConfig({ target: backup })
}

const listen = async () => {
  await client.subscribe({ stream: "NETCONF", filter: "" })
  await client.lockedEditConfig({ target: "candidate", config: config.replace("7", "8") })

  let notification = await client.nextNotification({ timeout: "2 seconds" })
  while (notification !== undefined && notification.name !== "netconf-config-change") {
    notification = await client.nextNotification({ timeout: "2 seconds" })
  }
  console.log(notification === undefined ? "nothing came" : `${notification.name} at ${notification.eventTime}`)

  const waiting = client.peekNotifications(10)
  console.log(`${client.notificationQueueSize()} waiting, ${waiting.length} looked at`)
  await client.deleteSubscription()
  console.log(`active: ${client.isSubscriptionActive()}`)
}

const health = async () => {
  while (pendingNotificationEventCount() > 0) {
    const event = await nextNotificationEvent({ timeout: "1 second" })
    if (event !== undefined) console.log(event._tag, event.label, event.message)
  }
  clearNotificationEvents()
}

try {
  await client.connect()
  await read()
  await change()
  if (client.capabilities.has(":url")) await copy()
  await listen()
  await health()
} catch (error) {
  if (error instanceof ConnectionError) console.error(`not reached: ${error.reason}`)
  else if (error instanceof AuthError || error instanceof HostKeyError) console.error(`not let in: ${error.message}`)
  else if (error instanceof ChannelError) console.error(`the session ended: ${error.message}`)
  else if (error instanceof RpcError) console.error(`refused: ${error.errors[0].tag}`)
  else if (isNetconfError(error)) console.error(error.message)
  else throw error
  process.exitCode = 1
} finally {
  await client.disconnect()
}
