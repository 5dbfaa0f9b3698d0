/** Data as users read and write it: elements to values by a schema and back. */
export { decode, type DecodeOptions, encode, type EncodeOptions } from "./Decode.ts"
export { AnyXml, Empty, Identityref, InstanceIdentifier } from "./Values.ts"
