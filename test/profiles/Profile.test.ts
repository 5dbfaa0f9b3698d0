import { assert, describe, it } from "@effect/vitest"
import * as Profile from "../../src/profiles/Profile.ts"

const base = ["urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:capability:candidate:1.0"]

describe("Profile.detect", () => {
  const marks: ReadonlyArray<readonly [string, Profile.Profile]> = [
    ["http://netconfcentral.org/ns/yuma-system?module=yuma-system&revision=2017-03-26", Profile.yuma],
    ["http://yuma123.org/ns/yuma123-system?module=yuma123-system", Profile.yuma],
    ["http://cisco.com/yang/cisco-ia?module=cisco-ia&revision=2017-03-02", Profile.iosXe],
    ["http://cisco.com/ns/yang/Cisco-IOS-XE-native?module=Cisco-IOS-XE-native", Profile.iosXe],
    ["urn:nokia.com:sros:ns:yang:sr:conf?module=nokia-conf", Profile.srOs],
    ["urn:nokia.com:nc:pc", Profile.srOs]
  ]
  for (const [mark, profile] of marks) {
    it(`knows ${profile.name} by ${mark.split("?")[0]}`, () => {
      assert.strictEqual(Profile.detect([...base, mark]), profile)
    })
  }

  it("takes everybody else for generic, also who only mentions a vendor", () => {
    assert.strictEqual(Profile.detect([]), Profile.generic)
    assert.strictEqual(Profile.detect(base), Profile.generic)
    assert.strictEqual(Profile.detect([...base, "urn:x?like=http://cisco.com/yang/cisco-ia"]), Profile.generic)
  })

  it("keeps the RFC's ways where a profile says nothing else", () => {
    assert.deepStrictEqual(Profile.generic, {
      name: "generic",
      firstRpcDelay: 0,
      locks: "both",
      validateBeforeCommit: true,
      foreignMessageId: "fail",
      save: undefined,
      commitComment: undefined
    })
    for (const profile of [Profile.yuma, Profile.iosXe, Profile.srOs])
      assert.strictEqual(profile.foreignMessageId, "fail")
  })
})
