/**
 * Commands whose secret no name announces, of IOS, IOS-XR, NX-OS, ASA, EOS, Junos, SR OS, VRP, Comware and net-snmp. One
 * expression finds where a secret is announced; what follows it is read as behind a name.
 *
 * It is linear: what repeats is bounded, or ends where no other match can begin.
 */
import { spoken } from "./SpokenValue.ts"
import { lineEnd, type Region } from "./WrittenValue.ts"

/** Blanks. */
const _ = "[ \\t]{1,8}"
const digest = "(?:(?:hmac|cmac)-)?(?:md5|sha|aes)[\\w-]{0,12}"
const auth = `\\bauth(?:entication)?(?:-mode|-protocol|${_}(?:mode|hash|hash-type|type))?${_}`

/** Behind these stands one secret. */
const announcing = [
  // snmp-server user ops netops v3 auth sha A priv aes 128 P; ospf authentication-mode hmac-sha256 1 cipher A
  `${auth}(?:${digest}|simple|text)(?:${_}key)?`,
  `\\b(?:authentication|fabric|failover)(?:${_}hash-type${_}\\S{1,32})?${_}key`,
  `\\bpriv(?:acy)?(?:-mode|-protocol)?${_}(?:3?des|(?:cfb128-)?aes)[\\w-]{0,12}`,
  `\\bpriv(?=${_}(?:0x|\\S{1,200}${_}localizedkey))`,
  `\\bmd5(?=${_}(?:\\d{1,5}${_})?(?:cipher|plain|key|encrypted|usual|\\d)[ \\t])`,
  `\\bsnmp-server${_}host${_}(?!version)\\S{1,256}`,
  `\\bsnmp-(?:server|agent)${_}[^\\r\\n]{0,200}?\\b(?:version${_}(?:1|2c)|securityname)`,
  `\\b(?:standby|vrrp|glbp|hsrp)(?:${_}(?:vrid${_})?\\d{1,5})?${_}authentication`,
  `^[ \\t]{0,16}hsrp[ \\t][^\\n]{0,200}(?:\\n[ \\t]{1,16}(?!authentication)[^\\n]{0,200}){0,20}\\n[ \\t]{1,16}authentication`,
  `\\bnhrp${_}authentication`,
  `\\bconfig-key${_}password[\\w-]{0,16}`,
  `^[ \\t]{0,16}key${_}(?:authentication|accounting|authorization)`,
  `^[ \\t]{0,16}key${_}[0-9a-f]{2,64}(?=${_}[0-9][a-z]?[ \\t])`,
  `\\baaa-server${_}\\S{1,128}${_}(?:\\([^)\\n]{1,64}\\)${_})?host${_}\\S{1,256}`,
  `\\bcom2sec6?${_}\\S{1,128}${_}\\S{1,256}`,
  `\\b(?:trap2?|inform)sink${_}\\S{1,256}`,
  `\\benvironment${_}\\w{0,32}(?:pw|pass)\\w{0,32}`,
  `\\bpkcs12${_}(?:terminal|\\w{2,12}:\\S{0,256})`,
  `\\bimport${_}rsa${_}\\S{1,128}${_}(?:pem${_})?terminal`
].map((announced) => `${announced}(?=[ \\t])`)

/** Behind these, more than one: the rest of the line is hidden. */
const more = [
  `\\bspi${_}\\d{1,10}${_}(?:esp${_}(?:aes-cbc${_}\\d{1,3}|\\S{1,16})|md5|sha1)`,
  `\\bcreateUser${_}(?:-e${_}\\S{1,128}${_})?\\S{1,128}${_}(?:md5|sha)[\\w-]{0,8}`
].map((announced) => `${announced}(?=[ \\t])`)

const commands = new RegExp(`(?:${announcing.join("|")})|(?<more>${more.join("|")})`, "gim")

/** What every match holds: most texts are settled by this alone. */
const candidate =
  /auth|priv|md5|snmp-|com2sec|sink|hsrp|spi|config-key|key|aaa-server|createuser|environment|pkcs12|rsa/i

/** A localised key follows that of authentication, without a word about its algorithm. */
const privacy = /["']?[ \t]{1,8}priv(?=[ \t])/iy

export const find = (text: string): ReadonlyArray<Region> => {
  if (!candidate.test(text)) return []
  const found: Array<Region> = []
  commands.lastIndex = 0
  for (let match = commands.exec(text); match !== null; match = commands.exec(text)) {
    const next = commands.lastIndex
    for (const region of behind(text, next, match.groups?.["more"] !== undefined)) {
      found.push(region)
      commands.lastIndex = Math.max(commands.lastIndex, region[1])
    }
  }
  return found
}

const behind = (text: string, end: number, whole: boolean): ReadonlyArray<Region> => {
  const region = spoken(text, { name: "", end, certain: true })
  if (region === undefined) return []
  if (whole) return [[region[0], lineEnd(text, region[0])]]
  privacy.lastIndex = region[1]
  const second = privacy.test(text) ? spoken(text, { name: "", end: privacy.lastIndex, certain: true }) : undefined
  return second === undefined ? [region] : [region, second]
}
