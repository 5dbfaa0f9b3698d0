/**
 * Fields without the ones that were left out, for types that tell absent from undefined (exactOptionalPropertyTypes). What a
 * field may hold is checked by whoever reads it.
 */
export type Defined<A> = { [K in keyof A]?: Exclude<A[K], undefined> }

export const defined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<A>
