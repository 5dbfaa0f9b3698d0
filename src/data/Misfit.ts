/** Why a value and XML do not meet, while it is still on its way up to where it is told: no error yet, and cheap. */

export class Misfit {
  /** Steps of an XPath, from the innermost out. */
  readonly path: Array<string> = []
  /** In the words of `DataError.expected`; never a value. */
  readonly expected: string

  constructor(expected: string) {
    this.expected = expected
  }

  /** One step further out. */
  within(step: string): this {
    this.path.push(step)
    return this
  }
}

export const misfit = (expected: string): Misfit => new Misfit(expected)
