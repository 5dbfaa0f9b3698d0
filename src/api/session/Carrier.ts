/**
 * A session that can carry a subscription of RFC 5277, which knows one per session: one that is opened for it, or the caller's.
 *
 * What is sent on it is the business of `subscriptions/`.
 */
import type { Host, Opening } from "./Host.ts"

export interface Carrier {
  readonly open: Opening
  /** The same on a connection of its own, which may live in another reactor. */
  readonly elsewhere: Opening
  /** Whether it is closed with the subscription. */
  readonly isOwn: boolean
}

export const carrierOf = ({ another, elsewhere, shared }: Host, isOwn: boolean): Carrier =>
  isOwn ? { open: another, elsewhere, isOwn } : { open: shared, elsewhere: shared, isOwn }
