/**
 * The model that a simulated device has when it is given none: a good part of ietf-interfaces with ietf-ip (RFC 8343,
 * 8344) and of ietf-system (RFC 7317), which is enough for lists with keys, lists in lists, leaf-lists, every kind of
 * typed leaf, a mandatory leaf, state data and a secret.
 */
import * as Model from "./Model.ts"

export const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
export const ip = "urn:ietf:params:xml:ns:yang:ietf-ip"
export const system = "urn:ietf:params:xml:ns:yang:ietf-system"

const { container, leaf, leafList, list } = Model

const address = container(
  {
    enabled: leaf("boolean"),
    forwarding: leaf("boolean"),
    mtu: leaf({ integer: "uint16", range: [68, 65_535] }),
    address: list("ip", { ip: leaf(), "prefix-length": leaf({ integer: "uint8", range: [0, 128] }) })
  },
  { presence: true, namespace: ip }
)

const statistics = container(
  { "in-octets": leaf("uint64"), "out-octets": leaf("uint64"), "in-errors": leaf("uint32") },
  { config: false }
)

const interfacesModule: Model.Module = {
  name: "ietf-interfaces",
  namespace: interfaces,
  prefix: "if",
  revision: "2018-02-20",
  nodes: {
    interfaces: container({
      interface: list("name", {
        name: leaf(),
        description: leaf(),
        type: leaf("identityref"),
        enabled: leaf("boolean"),
        "link-up-down-trap-enable": leaf({ enumeration: ["enabled", "disabled"] }),
        "admin-status": leaf({ enumeration: ["up", "down", "testing"] }, { config: false }),
        "oper-status": leaf({ enumeration: ["up", "down", "testing", "unknown"] }, { config: false }),
        statistics,
        ipv4: address,
        ipv6: address
      })
    })
  }
}

const user = list("name", {
  name: leaf(),
  password: leaf({ pattern: /^\$(0\$.*|1\$[a-zA-Z0-9./]{1,8}\$[a-zA-Z0-9./]{22}|[56]\$.+)$/s }),
  "authorized-key": list("name", {
    name: leaf(),
    algorithm: leaf("string", { mandatory: true }),
    "key-data": leaf("string", { mandatory: true })
  })
})

const ntpServer = list("name", {
  name: leaf(),
  udp: container({ address: leaf("string", { mandatory: true }), port: leaf("uint16") }),
  "association-type": leaf({ enumeration: ["server", "peer", "pool"] }),
  iburst: leaf("boolean"),
  prefer: leaf("boolean")
})

const systemModule: Model.Module = {
  name: "ietf-system",
  namespace: system,
  prefix: "sys",
  revision: "2014-08-06",
  nodes: {
    system: container({
      contact: leaf(),
      hostname: leaf({ pattern: /^[\p{L}\p{N}_]([\p{L}\p{N}_.-]{0,251}[\p{L}\p{N}_])?$/u }),
      location: leaf(),
      clock: container({
        "timezone-name": leaf(),
        "timezone-utc-offset": leaf({ integer: "int16", range: [-1500, 1500] })
      }),
      ntp: container({ enabled: leaf("boolean"), server: ntpServer }, { presence: true }),
      "dns-resolver": container({
        search: leafList(),
        server: list("name", { name: leaf(), "udp-and-tcp": container({ address: leaf(), port: leaf("uint16") }) })
      }),
      authentication: container({ "user-authentication-order": leafList("identityref"), user })
    }),
    "system-state": container(
      {
        platform: container({ "os-name": leaf(), "os-release": leaf(), "os-version": leaf(), machine: leaf() }),
        clock: container({ "current-datetime": leaf(), "boot-datetime": leaf() })
      },
      { config: false }
    )
  }
}

/** Its nodes all augment ietf-interfaces, so that it has no root of its own. */
const ipModule: Model.Module = { name: "ietf-ip", namespace: ip, prefix: "ip", revision: "2018-02-22", nodes: {} }

export const model: Model.Model = Model.make(interfacesModule, ipModule, systemModule)

/** What the device is configured with at the factory. */
export const factory = `<data>
<interfaces xmlns="${interfaces}">
<interface><name>lo</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:softwareLoopback</type><enabled>true</enabled>
<ipv4 xmlns="${ip}"><address><ip>192.0.2.1</ip><prefix-length>32</prefix-length></address></ipv4></interface>
<interface><name>eth0</name><description>uplink</description><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><enabled>true</enabled>
<ipv4 xmlns="${ip}"><mtu>1500</mtu><address><ip>198.51.100.2</ip><prefix-length>24</prefix-length></address></ipv4></interface>
<interface><name>eth1</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><enabled>false</enabled></interface>
</interfaces>
<system xmlns="${system}"><contact>noc@example.net</contact><hostname>sim</hostname><location>lab</location>
<ntp><enabled>true</enabled><server><name>a</name><udp><address>203.0.113.5</address></udp></server></ntp>
<authentication><user><name>admin</name><password>$5$sim$SkZOQ1hSZkM0bDJYYzRsMg</password></user></authentication></system>
</data>`
