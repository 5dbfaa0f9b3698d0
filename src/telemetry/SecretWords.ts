/**
 * The words between the name of a secret and the secret, in CLI and in prose: what says how it is written, what joins the
 * two, and what shows that a sentence goes on and no secret follows.
 */

/** How a value is written, or that one follows. */
export const forms = new Set(
  (
    "md5 sha sha1 sha256 sha384 sha512 hmac-md5 hmac-sha-1 hmac-sha-256 scrypt cipher irreversible-cipher simple plain " +
    "plaintext plain-text clear cleartext clear-text encrypted hashed hash hash2 custom hex ascii ascii-text hexadecimal " +
    "text read write ro rw"
  ).split(" ")
)
/** What joins a name and its value. */
export const joints = new Set("is was value string set to = : -> =>".split(" "))

/** With these, prose goes on; a secret that is one of them is none. */
const prose = new Set(
  (
    "a an and any are as at auth authentication be been but by can cannot change changed could did do does empty entry " +
    "expired failed failure failures fails field file for from given had has have if in incorrect invalid it leaf length may " +
    "method might mismatch missing must new no node not of old on or policy prompt protection recovery rejected required " +
    "rules shall should than that the then this too type unknown used using was were when which will with without would wrong you your"
  ).split(" ")
)

/** Whether the word that begins here is one of them: `a new password: required`. */
export const isProse = (text: string, start: number): boolean => {
  const [word = ""] = text.slice(start, start + 24).split(/\s/, 1)
  return prose.has(word.toLowerCase().replace(/[^\w]+$/, ""))
}
