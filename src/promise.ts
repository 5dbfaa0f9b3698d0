/** The Promise API: `NetconfClient`, and what its callers need beside it. */
export * from "./api/promise.ts"
export { operationPoolSize, setOperationPoolSize } from "./sessions/OperationPool.ts"
export * as Filter from "./api/Filter.ts"
export * as Element from "./xml/Element.ts"
export * as Xml from "./xml/Xml.ts"
export { xml } from "./xml/Template.ts"
export { xpath, type XPath } from "./xml/XPath.ts"
export * from "./api/errors.ts"
