/** Events with a number in them, to see that none is missing, doubled or out of order. */
import type { SubscriptionEvent } from "../../src/notifications/SubscriptionEvent.ts"

export const event = (n: number): string => `<tick xmlns="urn:tick"><n>${n}</n></tick>`

/** The numbers of the notifications among them. */
export const numbers = (events: ReadonlyArray<SubscriptionEvent>): ReadonlyArray<number> =>
  events.flatMap((each) => (each._tag === "Notification" ? [Number(/<n>(\d+)<\/n>/.exec(each.xml)?.[1])] : []))

/** All that a reader has taken so far. */
export class Collected {
  readonly numbers: Array<number> = []

  get count(): number {
    return this.numbers.length
  }

  add(events: ReadonlyArray<SubscriptionEvent>): void {
    this.numbers.push(...numbers(events))
  }
}
