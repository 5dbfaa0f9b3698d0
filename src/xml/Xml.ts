/** XML as users read and write it: text to elements and back. */
export { defaultLimits, type Limits, parse } from "./Parse.ts"
export { findIllegal, print, type PrintOptions } from "./Print.ts"
