/**
 * Whether the health events of a subscription tell one story: it starts before it ends, queues fill before they recover, and
 * in the end the events have counted what the subscription has counted itself.
 */
import type { NotificationHealth, SubscriptionStatistics } from "../../src/index.ts"

export const findings = ["health events that contradict", "health events dropped"] as const

type Find = (finding: (typeof findings)[number], detail: string) => void

export class Health {
  started = 0
  lost = 0
  readonly #find: Find
  #isOn = false
  #isFull = false
  #dropped = 0
  #gaps = 0
  #incomplete = 0
  #malformed = 0
  /** The last of them in words, but those of queues. */
  #lately: ReadonlyArray<string> = []

  constructor(find: Find) {
    this.#find = find
  }

  take(event: NotificationHealth.HealthEvent): void {
    if (event.healthEventsDropped > 0) this.#find("health events dropped", String(event.healthEventsDropped))
    this.#dropped += event.notificationsDroppedDelta
    if (!event._tag.startsWith("NotificationQueue") && event._tag !== "NotificationDropsSummary") {
      const at = new Date(event.timestamp).toISOString().slice(11, 23)
      this.#lately = [...this.#lately.slice(-9), `${at} health: ${event.message}`]
    }
    switch (event._tag) {
      case "SubscriptionUp":
        this.#expect(!this.#isOn, event)
        this.#isOn = true
        this.started++
        return
      case "SubscriptionDown":
        // An attempt to go on that fails ends it once more.
        if (this.#isOn) this.lost++
        this.#isOn = false
        return
      case "SubscriptionGap":
        this.#gaps++
        return
      case "NotificationQueueFull":
        this.#expect(!this.#isFull, event)
        this.#isFull = true
        return
      case "NotificationDropsSummary":
        return this.#expect(this.#isFull, event)
      case "NotificationQueueRecovered":
        this.#expect(this.#isFull, event)
        this.#isFull = false
        return
      case "IncompleteNotification":
        this.#incomplete++
        return
      case "MalformedNotification":
        this.#malformed++
        return
    }
  }

  get story(): ReadonlyArray<string> {
    return this.#lately
  }

  #expect(holds: boolean, { _tag }: NotificationHealth.HealthEvent): void {
    if (!holds) this.#find("health events that contradict", `${_tag} does not follow from what came before`)
  }

  /** The queue is empty, and the subscription still on. */
  compare({ dropped, gaps, incomplete, malformed }: SubscriptionStatistics): void {
    const counted = {
      dropped: this.#dropped,
      gaps: this.#gaps,
      incomplete: this.#incomplete,
      malformed: this.#malformed
    }
    const [ours, theirs] = [JSON.stringify(counted), JSON.stringify({ dropped, gaps, incomplete, malformed })]
    if (ours !== theirs) this.#find("health events that contradict", `they say ${ours}, its statistics ${theirs}`)
    if (!this.#isOn) this.#find("health events that contradict", "it is on, and they say that it has ended")
  }

  /** Its scope has closed. */
  end(): void {
    if (this.#isOn) this.#find("health events that contradict", "they do not say that it has ended")
  }
}
