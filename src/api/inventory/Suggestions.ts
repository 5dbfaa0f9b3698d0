/**
 * What a person probably meant by a key that is not known: the same in other letters, another word for it, or a slip.
 */
import { nearest } from "../Checks.ts"

/** What other tools and ssh call the same thing. */
const otherWords: Readonly<Record<string, string>> = {
  address: "host",
  ip: "host",
  user: "username",
  login: "username",
  credentials: "auth",
  fingerprint: "hostKey",
  knownhosts: "hostKey",
  group: "groups",
  parents: "groups",
  timeouts: "deadlines",
  platform: "profile",
  key: "privateKey",
  file: "path",
  interval: "every"
}

const plain = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, "")

/** The key that was meant, of those that there are; undefined where none comes near. */
export const meant = (name: string, keys: ReadonlyArray<string>): string | undefined => {
  const given = plain(name)
  const [near] = nearest(name, keys, Math.max(1, Math.floor(name.length / 3)))
  return (
    keys.find((key) => plain(key) === given) ??
    keys.find((key) => key === otherWords[given]) ??
    near ??
    keys.find((key) => key.length > 2 && given.startsWith(plain(key)))
  )
}
