import { assert, describe, it } from "@effect/vitest"
import * as SshAlgorithms from "../../src/transport/SshAlgorithms.ts"

const list = (value: unknown): ReadonlyArray<string> => value as ReadonlyArray<string>

describe("SshAlgorithms.offer", () => {
  it("asks for the fastest cipher first and the slowest last", () => {
    const ciphers = list(SshAlgorithms.offer("modern", []).cipher)
    assert.deepStrictEqual(ciphers.slice(0, 2), ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"])
    assert.strictEqual(ciphers.at(-1), "chacha20-poly1305@openssh.com")
  })

  it("offers nothing that is weak unless asked to, and then last", () => {
    const weak = /sha1|group1-|cbc|^ssh-rsa$|^ssh-dss$|md5|arcfour/
    const modern = SshAlgorithms.offer("modern", ["ssh-rsa"])
    const legacy = SshAlgorithms.offer("legacy", [])
    for (const kind of ["kex", "cipher", "hmac", "serverHostKey"] as const) {
      const [strong, all] = [list(modern[kind]), list(legacy[kind])]
      assert.deepStrictEqual(
        strong.filter((name) => weak.test(name)),
        []
      )
      assert.deepStrictEqual(all.slice(0, strong.length).sort(), [...strong].sort())
      assert.isAbove(all.length, strong.length)
    }
  })

  it("asks first for the types of host key that are known, by every signature of theirs", () => {
    assert.deepStrictEqual(list(SshAlgorithms.offer("modern", ["ssh-rsa"]).serverHostKey).slice(0, 3), [
      "rsa-sha2-512",
      "rsa-sha2-256",
      "ssh-ed25519"
    ])
    assert.strictEqual(list(SshAlgorithms.offer("legacy", ["ssh-rsa"]).serverHostKey)[2], "ssh-rsa")
  })
})
