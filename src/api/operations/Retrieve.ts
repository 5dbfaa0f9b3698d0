/** get and get-config (RFC 6241 §7.7, §7.1). */
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Datastore from "./Datastore.ts"
import * as Filter from "./Filter.ts"

export interface GetOptions {
  /** What to select; without one, everything. */
  readonly filter?: Filter.Filter
}

export interface GetConfigOptions extends GetOptions {
  /** Default: running. A URL needs `:url`. */
  readonly source?: Datastore.Datastore | Datastore.Url
}

/** Running configuration and state. */
export const get = ({ filter }: GetOptions = {}): Operation<Reply> => ({
  name: "get",
  kind: "read",
  needs: Filter.needs(filter),
  expects: "data",
  encode: () => Datastore.baseElement("get", Filter.encode(filter)),
  decode: (reply) => reply
})

/** The configuration in one datastore. */
export const getConfig = ({ filter, source = "running" }: GetConfigOptions = {}): Operation<Reply> => ({
  name: "get-config",
  kind: "read",
  needs: [...Datastore.needs(source), ...Filter.needs(filter)],
  expects: "data",
  datastore: Datastore.label(source),
  encode: (capabilities) =>
    Datastore.baseElement("get-config", [
      Datastore.baseElement("source", [Datastore.encode(source, capabilities)]),
      ...Filter.encode(filter)
    ]),
  decode: (reply) => reply
})
