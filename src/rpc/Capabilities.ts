/**
 * Capabilities of a hello (RFC 6241 §8): URIs with parameters, indexed so that a check costs one look-up.
 *
 * Short names start with a colon, as in the RFC: `:candidate` is any version of it, `:validate:1.1` that version,
 * `:base:1.1` the protocol itself. White space around a URI is dropped (IOS-XE sends it).
 */

/** One capability: the URI before `?`, and what follows it, decoded. */
export interface Capability {
  readonly uri: string
  readonly parameters: ReadonlyMap<string, string>
}

export interface Module {
  readonly name: string
  readonly namespace: string
  readonly revision: string | undefined
  readonly features: ReadonlyArray<string>
  readonly deviations: ReadonlyArray<string>
}

export interface Capabilities {
  /** As received, white space dropped, in order. */
  readonly uris: ReadonlyArray<string>
  /** Whether a short name or a URI (without parameters) is offered. */
  readonly has: (nameOrUri: string) => boolean
  /** The capability under a short name or a URI: its parameters. */
  readonly get: (nameOrUri: string) => Capability | undefined
  /** YANG modules announced in the hello (YANG 1.0 servers; 1.1 servers use the YANG library, RFC 8525). */
  readonly modules: ReadonlyArray<Module>
  /** URL schemes of `:url` (RFC 6241 §8.8.3), empty without it. */
  readonly urlSchemes: ReadonlyArray<string>
}

const capabilityPrefix = "urn:ietf:params:netconf:capability:"
// Junos and some older devices announce these beside, or instead of, the registered ones.
const aliasPrefix = "urn:ietf:params:xml:ns:netconf:"

const decodeParameter = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const parseParameters = (query: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>()
  for (const pair of query.split(/&(?:amp;)?/)) {
    const equals = pair.indexOf("=")
    if (equals > 0) parameters.set(pair.slice(0, equals).trim(), decodeParameter(pair.slice(equals + 1)))
  }
  return parameters
}

const parse = (text: string): Capability => {
  const question = text.indexOf("?")
  return question < 0
    ? { uri: text, parameters: new Map() }
    : { uri: text.slice(0, question), parameters: parseParameters(text.slice(question + 1)) }
}

/** `urn:…:capability:validate:1.1` -> `:validate:1.1` and `:validate`; nothing for other URIs. */
const shortNames = (uri: string): ReadonlyArray<string> => {
  const rest = uri.startsWith(capabilityPrefix)
    ? uri.slice(capabilityPrefix.length)
    : uri.startsWith("urn:ietf:params:netconf:base:")
      ? uri.slice("urn:ietf:params:netconf:".length)
      : uri.startsWith(aliasPrefix + "capability:")
        ? uri.slice(aliasPrefix.length + "capability:".length)
        : undefined
  if (rest === undefined) return []
  const version = rest.lastIndexOf(":")
  return version > 0 ? [":" + rest, ":" + rest.slice(0, version)] : [":" + rest]
}

const list = (value: string | undefined): ReadonlyArray<string> =>
  value === undefined
    ? []
    : value
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "")

const toModule = ({ parameters, uri }: Capability): ReadonlyArray<Module> => {
  const name = parameters.get("module")
  if (name === undefined) return []
  return [
    {
      name,
      namespace: uri,
      revision: parameters.get("revision"),
      features: list(parameters.get("features")),
      deviations: list(parameters.get("deviations"))
    }
  ]
}

/** Those of the last hellos: a thousand devices of one make and release say the same. */
const recent = new Map<string, Capabilities>()
const mostRecent = 16
/** In characters. A hello of hundreds of kilobytes is not kept when its sessions are gone. */
const longestRecent = 32_768

/** Indexes the texts of a hello's `<capability>` elements; the same object for those that say the same. */
export const make = (texts: ReadonlyArray<string>): Capabilities => {
  const uris = texts.map((text) => text.trim()).filter((text) => text !== "")
  const key = uris.length === 0 ? "" : JSON.stringify(uris)
  const known = recent.get(key)
  const capabilities = known ?? index(key === "" ? [] : (JSON.parse(key) as Array<string>))
  if (key.length > longestRecent) return capabilities
  // At the end again: the one that was not asked for the longest goes first.
  recent.delete(key)
  recent.set(key, capabilities)
  if (recent.size > mostRecent) recent.delete(recent.keys().next().value!)
  return capabilities
}

/** Frozen, because sessions share it; of texts of their own, because a part of a hello's text keeps the whole of it. */
const index = (uris: ReadonlyArray<string>): Capabilities => {
  const byName = new Map<string, Capability>()
  const modules: Array<Module> = []
  for (const uri of uris) {
    const capability = parse(uri)
    modules.push(...toModule(capability))
    for (const name of [capability.uri, ...shortNames(capability.uri)]) {
      if (!byName.has(name)) byName.set(name, capability)
    }
  }
  const url = byName.get(":url")
  return Object.freeze({
    uris: Object.freeze(uris),
    has: (nameOrUri: string) => byName.has(nameOrUri),
    get: (nameOrUri: string) => byName.get(nameOrUri),
    modules: Object.freeze(modules),
    urlSchemes: Object.freeze(list(url?.parameters.get("scheme") ?? url?.parameters.get("protocol")))
  })
}
