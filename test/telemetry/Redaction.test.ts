import { assert, describe, it } from "@effect/vitest"
import { InputError, ConnectionError, AuthError } from "../../src/errors.ts"
import * as Redaction from "../../src/telemetry/Redaction.ts"
import { redactError } from "../../src/telemetry/RedactedError.ts"
import { decode } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"

const { placeholder, standard } = Redaction

/** In these texts the secret is always this word. */
const secret = "hunter2"

describe("Redaction of text", () => {
  for (const [text, shown] of [
    // Cisco
    ["password 7 0822455D0A16hunter2", "password 7 *"],
    ["username ops privilege 15 password 0 hunter2 and blanks", "username ops privilege 15 password 0 *"],
    ["enable secret 5 $1$mERr$hunter2", "enable secret 5 *"],
    ["enable secret 9 $9$hunter2", "enable secret 9 *"],
    ["enable algorithm-type scrypt secret hunter2", "enable algorithm-type scrypt secret *"],
    ["snmp-server community hunter2 RO 10", "snmp-server community * RO 10"],
    ["snmp-server host 192.0.2.1 traps version 2c hunter2", "snmp-server host 192.0.2.1 traps version 2c *"],
    [
      "snmp-server user a b v3 auth sha hunter2 priv aes 128 hunter2",
      "snmp-server user a b v3 auth sha * priv aes 128 *"
    ],
    ["key chain kc\n key 1\n  key-string hunter2 with blanks\n", "key chain kc\n key 1\n  key-string *\n"],
    ["key-string 7 0822455D0A16hunter2", "key-string 7 *"],
    ["tacacs-server key hunter2", "tacacs-server key *"],
    ["tacacs server a\n key 7 0822455D0A16hunter2", "tacacs server a\n key 7 *"],
    ["radius-server host 192.0.2.1 key hunter2", "radius-server host 192.0.2.1 key *"],
    ["crypto isakmp key hunter2 address 192.0.2.1", "crypto isakmp key * address 192.0.2.1"],
    ["neighbor 192.0.2.1 password hunter2", "neighbor 192.0.2.1 password *"],
    ["ip ospf message-digest-key 1 md5 hunter2", "ip ospf message-digest-key 1 md5 *"],
    ["ntp authentication-key 1 md5 hunter2 7", "ntp authentication-key 1 md5 *"],
    ["standby 1 authentication hunter2", "standby 1 authentication *"],
    // Junos
    [`encrypted-password "$6$rounds=5000$ab$hunter2"; ## SECRET-DATA`, `encrypted-password "*"; ## SECRET-DATA`],
    [`whatever "hunter2"; ## SECRET-DATA`, `whatever "*"; ## SECRET-DATA`],
    ["[edit snmp community hunter2]", "[edit snmp community *"],
    [
      "set security ike policy a pre-shared-key ascii-text hunter2",
      "set security ike policy a pre-shared-key ascii-text *"
    ],
    ["$8$aes256-gcm$hmac-sha2-256$100$hunter2", "*"],
    // VRP
    ["local-user ops password irreversible-cipher hunter2", "local-user ops password irreversible-cipher *"],
    ["snmp-agent community read cipher hunter2", "snmp-agent community read cipher *"],
    ["ospf authentication-mode md5 1 cipher hunter2", "ospf authentication-mode md5 1 cipher *"],
    ["password %^%#hunter2%^%#", "password *"],
    // Values
    ["-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- behind", "* behind"],
    ["-----BEGIN PRIVATE KEY-----\nhunter2", "*"],
    ["sftp://ops:hunter2@192.0.2.1/a and ftp://b/c", "sftp://*@192.0.2.1/a and ftp://b/c"],
    ["ftp://ops:hun/hunter2@192.0.2.1/a", "ftp://*@192.0.2.1/a"],
    ["https://hunter2@192.0.2.1:8443/x@y", "https://*@192.0.2.1:8443/x@y"],
    // Paths
    ["/snmp/community[name='hunter2']/access", "/snmp/community[name='*']/access"],
    [`/t:snmp/t:community[t:name="hunter2"][t:x='hunter2']`, `/t:snmp/t:community[t:name="*"][t:x='*']`],
    ["/vrf[name='a']/snmp/community[name='hunter2']", "/vrf[name='a']/snmp/community[name='*']"],
    ["/a/community/b[c='hunter2]hunter2']/d[e='hunter2']", "/a/community/b[c='*']/d[e='*']"],
    ["/restconf/data/snmp/community=hunter2/name", "/restconf/data/snmp/community=*"],
    ["/a/b[password = 'hunter2 hunter2']/c", "/a/b[password = '*']/c"],
    ["/a[contains(password, 'hunter2')]", "/a[contains(password, '*')]"],
    // Markup and JSON in text
    ["<password>hunter2</password><mtu>9000</mtu>", "<password>*</password><mtu>9000</mtu>"],
    ["<s:community><s:name>hunter2</s:name></s:community><a/>", "<s:community>*</s:community><a/>"],
    ["&lt;secret&gt;hunter2&lt;/secret&gt; behind", "&lt;secret&gt;*&lt;/secret&gt; behind"],
    [`{"password":"hun\\"hunter2","mtu":9000}`, `{"password":"*","mtu":9000}`],
    [`{\\"password\\":\\"hunter2\\",\\"mtu\\":9000}`, `{\\"password\\":\\"*",\\"mtu\\":9000}`],
    ["<password a=hunter2", "<password*"],
    // Prose
    ["invalid value for password: hunter2", "invalid value for password: *"],
    ["bad password 'it's hunter2' given", "bad password '*' given"],
    ["the secret is hunter2, which is too short", "the secret is * which is too short"],
    ["username/password hunter2", "username/password *"]
  ] as const) {
    it(`shows ${JSON.stringify(text)} as ${JSON.stringify(shown)}`, () => {
      const redacted = standard.text(text)
      assert.notInclude(redacted, secret)
      assert.strictEqual(redacted, shown.replaceAll("*", placeholder))
      assert.strictEqual(standard.text(redacted), redacted, "and once more")
    })
  }

  for (const text of [
    "the password is too short",
    "password must not be empty",
    "the server wants a new password: expired",
    'the server asks "Password:", "Code:"',
    "Password authentication failed",
    "unknown element password",
    "/system/login/user[name='ops']/password",
    "list key name is missing",
    "missing key 'name' in list interface",
    "/bgp/neighbor[address='192.0.2.1']/community[name='no-export']",
    "set community 65000:100 additive",
    "route-map a permit 10 match community b",
    "https://192.0.2.1:8443/a@b",
    "no matching cipher: server offers aes128-gcm",
    "max-keys 4, keepalive 10, monkey business, a $ for 5$",
    ""
  ]) {
    it(`leaves ${JSON.stringify(text)} as it is`, () => assert.strictEqual(standard.text(text), text))
  }

  // Anything quadratic takes minutes here.
  for (const piece of [
    "password ",
    "password=",
    "password/",
    "password[",
    "password '",
    "password: ",
    'password":"',
    "password is ",
    "<password ",
    "<password>",
    "<password a/>",
    "password&gt;",
    "community ",
    "community\n",
    "key 1 ",
    "$1$a",
    "$",
    "://",
    "x://y:",
    "x://y@",
    "%^%#",
    "-----BEGIN A-----",
    "-----",
    "snmp-server ",
    "auth sha ",
    "md5 1 ",
    '"',
    " ",
    "community[type='a']",
    "'a' is not a valid password ",
    "value password ",
    "password: [",
    "password={",
    "password:\n ",
    "password for ops is ",
    "password level 1 ",
    "pre-shared-key address 1.1.1.1 ",
    "tacacs\n key a\n",
    "snmp-server host a traps ",
    "\nhsrp 1\n ",
    "priv 0x",
    "md5 1 cipher ",
    "eyJa-",
    "a:b@",
    "{SSHA}a",
    "createUser a md5 "
  ]) {
    it(`reads 1 MB of ${JSON.stringify(piece)}`, { timeout: 5_000 }, () => {
      const started = performance.now()
      standard.text(piece.repeat(1_048_576 / piece.length))
      assert.isBelow(performance.now() - started, 3_000)
    })
  }
})

const shown = (text: string, redaction = standard): string => print(redaction.element(decode(text)))

describe("Redaction of elements", () => {
  for (const [where, text] of [
    ["ietf-system", "<user><name>a</name><password>hunter2</password></user>"],
    ["ietf-system radius", "<server><udp><shared-secret>hunter2</shared-secret></udp></server>"],
    ["ietf-snmp", "<snmp><community><index>1</index><text-name>hunter2</text-name></community></snmp>"],
    [
      "ietf-snmp usm",
      "<user><auth><sha><key>hunter2</key></sha></auth><priv><aes><key>hunter2</key></aes></priv></user>"
    ],
    [
      "ietf-keystore",
      "<asymmetric-key><name>a</name><cleartext-private-key>hunter2</cleartext-private-key></asymmetric-key>"
    ],
    ["ietf-keystore", "<symmetric-key><cleartext-symmetric-key>hunter2</cleartext-symmetric-key></symmetric-key>"],
    ["ietf-keystore", "<encrypted-private-key><encrypted-value>hunter2</encrypted-value></encrypted-private-key>"],
    ["ietf-key-chain", "<key><key-id>1</key-id><key-string><keystring>hunter2</keystring></key-string></key>"],
    ["ietf-i2nsf-ike", "<pre-shared><secret>hunter2</secret></pre-shared>"],
    ["OpenConfig", "<config><secret-key>hunter2</secret-key><auth-password>hunter2</auth-password></config>"],
    ["OpenConfig", "<config><password-hashed>hunter2</password-hashed><auth-key>hunter2</auth-key></config>"],
    ["Junos", "<authentication><encrypted-password>hunter2</encrypted-password></authentication>"],
    ["Junos", "<authentication-key><name>1</name><type>md5</type><value>hunter2</value></authentication-key>"],
    ["Junos", "<policy><pre-shared-key><ascii-text>hunter2</ascii-text></pre-shared-key></policy>"],
    ["IOS-XE", "<password><encryption>7</encryption><password>hunter2</password></password>"],
    [
      "IOS-XE",
      "<snmp-server><community-config><name>ro</name></community-config><community><name>hunter2</name></community></snmp-server>"
    ],
    ["IOS-XE", "<tacacs><server><key><encryption>7</encryption><key>hunter2</key></key></server></tacacs>"],
    ["IOS-XR", "<default-community><community-name>hunter2</community-name></default-community>"],
    ["NX-OS", "<CommSecP-list><name>hunter2</name></CommSecP-list>"],
    ["NX-OS", "<User-list><pwd>hunter2</pwd><keyString>hunter2</keyString></User-list>"],
    ["SR OS", "<community><community-string>hunter2</community-string></community>"],
    ["VRP", "<community><communityName>hunter2</communityName></community>"],
    ["a VRF", "<vrf><snmp><community><name>hunter2</name></community></snmp></vrf>"],
    ["CLI", "<cmd>snmp-server community hunter2 RO</cmd>"],
    ["PEM", "<x><![CDATA[-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----]]></x>"],
    ["an attribute", "<server password='hunter2' a='ftp://a:hunter2@b'/>"],
    ["a filter", `<filter type="xpath" select="/snmp/community[name='hunter2']"/>`],
    ["a comment", "<a><b/><!-- password hunter2 --></a>"],
    ["a leaf with a comment", "<a><!-- password hunter2 -->b</a>"],
    ["an instruction", "<a><b/><?cli password hunter2?></a>"],
    ["pieces", "<cmd>pass<!-- x -->word 0 <![CDATA[hunter2]]></cmd>"],
    ["mixed content", "<secret>hunter2<b>hunter2</b>hunter2</secret>"],
    ["what is nested", "<secret><a b='hunter2'><c>hunter2</c></a></secret>"]
  ] as const) {
    it(`hides what ${where} keeps in ${text.slice(0, 60)}`, () => {
      assert.notInclude(shown(text), secret)
      assert.include(shown(text), placeholder)
      assert.isTrue([...standard.secrets(decode(text))].some((found) => found.includes(secret)))
    })
  }

  it("shows all the rest, and how a secret is written", () => {
    const rest =
      `<a xmlns:nc="urn:nc"><public-key>x</public-key><key-chain>kc</key-chain><password-policy>p</password-policy>` +
      `<policy-options><community><name>no-export</name></community></policy-options><name nc:operation="delete">password</name></a>`
    assert.strictEqual(shown(rest), rest)
    assert.include(shown("<password><encryption>7</encryption><secret>hunter2</secret></password>"), "<encryption>7<")
    assert.include(shown("<key><id>1</id><key-string>hunter2</key-string></key>"), "<id>1<")
  })

  it("never tells how long a secret was", () => {
    assert.strictEqual(shown("<password>a</password>"), shown(`<password>${"a".repeat(50)}</password>`))
  })

  it("leaves the tree that it is given as it is", () => {
    const tree = decode("<a><password>hunter2</password></a>")
    standard.element(tree)
    assert.include(print(tree), secret)
  })
})

describe("Redaction of what is known word by word", () => {
  const secrets = standard.secrets(
    decode(`<a><password>hunter2 &amp; "co"</password><secret>ab</secret><url>ftp://ops:p%20w-long@h/</url></a>`)
  )
  const hiding = standard.hiding(secrets)

  it("hides it wherever it stands, escaped or not", () => {
    for (const text of [`x hunter2 & "co" y`, "x hunter2 &amp; &quot;co&quot; y", `x hunter2 & \\"co\\" y`]) {
      assert.strictEqual(hiding.text(text), `x ${placeholder} y`)
    }
    assert.strictEqual(hiding.text(`x ${encodeURIComponent('hunter2 & "co"')} y`), `x ${placeholder} y`)
    assert.strictEqual(hiding.text("user p%20w-long here"), `user ${placeholder} here`)
  })

  it("hides a short one as a whole word only", () => {
    assert.strictEqual(hiding.text("ab cab abc éab (ab)"), `${placeholder} cab abc éab (${placeholder})`)
  })

  it("hides everything when there are too many", () => {
    const many = new Set(Array.from({ length: 501 }, (_, n) => `secret-${n}`))
    assert.strictEqual(standard.hiding(many).text("harmless"), placeholder)
    assert.notInclude(print(standard.hiding(many).element(decode("<a><b>harmless</b></a>"))), "harmless")
    assert.strictEqual(standard.hiding(new Set()), standard)
  })
})

describe("Redaction.make", () => {
  it("adds names and values to the usual ones", () => {
    const own = Redaction.make({ names: ["licence-code"], values: [/ACME-\d+/, /(?<=pin )\d+/g, /serial (\w+)/y] })
    assert.strictEqual(
      shown("<a><licenceCode>x</licenceCode></a>", own),
      `<a><licenceCode>${placeholder}</licenceCode></a>`
    )
    for (let round = 0; round < 3; round++) {
      assert.strictEqual(
        own.text("ACME-1 ACME-2 pin 12 serial ab"),
        `${placeholder} ${placeholder} pin ${placeholder} serial ${placeholder}`
      )
      assert.strictEqual(own.text("password hunter2"), `password ${placeholder}`)
    }
  })

  it("does not touch the expressions that it is given", () => {
    const expression = /a/g
    expression.lastIndex = 3
    Redaction.make({ values: [expression] }).text("aaaa")
    assert.strictEqual(expression.lastIndex, 3)
    assert.strictEqual(Redaction.make({ values: [/x*/] }).text("axb"), `a${placeholder}b`)
  })

  for (const [what, options] of [
    ["redaction.names", { names: [""] }],
    ["redaction.names", { names: "password" }],
    ["redaction.values", { values: ["a"] }],
    ["redaction.values", { values: {} }]
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => Redaction.make(options as unknown as Redaction.RedactionOptions), InputError, what)
    })
  }
})

describe("redactError", () => {
  it("hides secrets in the words of a peer, and keeps everything else", () => {
    const error = new ConnectionError({
      label: "leaf",
      reason: "dns",
      detail: "password hunter2",
      attempts: ["ftp://a:hunter2@b"]
    })
    const redacted = redactError(error, standard)
    assert.notInclude(JSON.stringify(redacted) + redacted.message, secret)
    assert.deepStrictEqual([redacted.label, redacted.reason], ["leaf", "dns"])
    const frames = error.stack!.slice(error.stack!.indexOf("\n    at "))
    assert.strictEqual(redacted.stack, `ConnectionError: ${redacted.message}${frames}`)
  })

  it("returns the error itself when there is nothing to hide", () => {
    const error = new AuthError({ tried: ["password"], offered: ["publickey"], detail: "not accepted" })
    assert.strictEqual(redactError(error, standard), error)
  })
})
