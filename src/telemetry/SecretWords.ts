/**
 * The words between the name of a secret and the secret, in CLI and in prose: what says how it is written, what joins the
 * two, and what shows that a sentence goes on and no secret follows.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** How a value is written, or that one follows. */
export const forms = words(
  "scrypt simple plain plaintext plain-text clear cleartext clear-text hashed hash hash2 custom hex text read write ro rw " +
    "local remote key key-string keystring cak octet-string pass-phrase passphrase password inbound outbound esp ah usual null"
)

/** These say as well that what follows is a secret. */
export const strongForms = words(
  "cipher irreversible-cipher encrypted enc ascii ascii-text hexadecimal set-key string-key"
)

/** What joins a name and its value, and is never a value. */
export const joints = words("is was value string set to = : -> => trap traps inform informs")

/** Words with others behind them that belong to them. */
export const argumentsOf: ReadonlyMap<string, number> = new Map([
  ["level", 1],
  ["address", 2],
  ["version", 1],
  ["vrf", 1],
  ["use-vrf", 1],
  ["filter-vrf", 1],
  ["source-interface", 1],
  ["udp-port", 1],
  ["size", 1]
])

/** What follows a secret: the words before were it. */
export const enders = words("ro rw priv access view role group vrf address hostname udp-port timeout level")

/** How a digest or a cipher is called. */
export const isAlgorithm = (word: string): boolean =>
  /^(?:(?:hmac|cmac|cfb128)-?)?(?:md5|sha|3?des|aes|md)(?:-?[\d/]{1,4}|-cbc|-cmac|-gcm|-ctr|-cfb|-ede){0,4}$/.test(
    word
  ) || /^(?:esp|ah)-/.test(word)

/** With these, prose goes on; a secret that is one of them is none. */
const prose = words(
  "a against aging algorithm all already an and any are argument as at attribute attributes auth authentication authenticator be been " +
    "bucket but by can cannot change changed complexity constraint contains could deprecated did disabled do does element empty " +
    "enabled encryption entries entry exceeds exchange exist exists expected expired expires expiry failed failing failure failures fails field " +
    "file for format from given had has have history id if in incorrect index invalid is it its key-chain key-id keychain " +
    "keyboard-interactive leaf length level-1 level-1-2 level-2 lifetime limit list lists lockout map may mechanism method " +
    "might mismatch missing must name names near needs new no node none not of off old on option or out pair parameter policy prompt " +
    "protection protocol provider publickey reached recovery rejected required requirements requires rules shall should statement " +
    "status store strength succeeded successful successfully tag than that the then this through timeout too tries type " +
    "unavailable undefined unexpected unknown unset unsupported unused used using value verification was weak were when which will with " +
    "within without would wrong you your"
)

/** Whether the word that begins here is one of them: `a new password: required`. */
export const isProse = (text: string, start: number): boolean => {
  const [word = ""] = text.slice(start, start + 24).split(/\s/, 1)
  return prose.has(word.toLowerCase().replace(/[^\w]+$/, ""))
}
