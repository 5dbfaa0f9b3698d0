/**
 * SSH keys for tests.
 */
import ssh2 from "ssh2"

export interface KeyPair {
  /** In OpenSSH form, not encrypted. */
  readonly privateKey: string
  /** As in authorized_keys: `ssh-ed25519 AAAA...`. */
  readonly publicKey: string
}

/** Makes an ed25519 key pair. */
export const generate = (): KeyPair => {
  for (;;) {
    const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519")
    // About one key in 250 that ssh2 makes, ssh2 itself cannot read.
    if (!(ssh2.utils.parseKey(privateKey) instanceof Error)) return { privateKey, publicKey }
  }
}
