/** Options without the ones that were left out, for types that tell absent from undefined. */
export type Defined<A> = { [K in keyof A]?: Exclude<A[K], undefined> }

export const defined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<A>
