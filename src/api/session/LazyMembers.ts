/**
 * Members that an object gets when they are first asked for. Each is a value of that object alone, so a method works when it
 * is taken off it (`const { get } = session`), and a thousand sessions that wait hold no closure for each of thirty.
 */

/** How each member is made for an object. */
export type Makers<Self, Members> = { readonly [Name in keyof Members]: (self: Self) => Members[Name] }

/** Gives these members to whatever inherits from a prototype. */
export const define = <Self extends object, Members>(prototype: Self, makers: Makers<Self, Members>): void => {
  for (const [name, make] of Object.entries(makers) as Array<[string, (self: Self) => unknown]>) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: Self) {
        const value = make(this)
        Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true })
        return value
      }
    })
  }
}
