/**
 * A login with `ssh2` alone, for the clients that the library is compared with: one cipher, TCP_NODELAY, the host key
 * checked, the subsystem started.
 */
import { createHash } from "node:crypto"
import ssh2 from "ssh2"
import type { ClientChannel } from "ssh2"
import { cipher } from "./measure.ts"
import type { Target } from "./measure.ts"

export const namespace = "urn:ietf:params:xml:ns:netconf:base:1.0"
export const hello =
  `<hello xmlns="${namespace}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>` +
  "<capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>]]>]]>"

const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

export const dial = (target: Target): Promise<{ ssh: ssh2.Client; channel: ClientChannel }> =>
  new Promise((resolve, reject) => {
    const ssh = new ssh2.Client()
    ssh.on("error", reject)
    ssh.on("connect", () => ssh.setNoDelay(true))
    ssh.on("ready", () => {
      ssh.subsys("netconf", (error, channel) => (error === undefined ? resolve({ ssh, channel }) : reject(error)))
    })
    ssh.connect({
      host: "127.0.0.1",
      port: target.port,
      username: target.username,
      password: "bench",
      hostVerifier: (key: Buffer) => fingerprint(key) === target.fingerprint,
      algorithms: { cipher: [cipher] }
    })
  })
