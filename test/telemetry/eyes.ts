/** Somebody who listens: to the spans, the metrics and the log lines of a program. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

export interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

export class Eyes {
  readonly spans: Array<Tracer.NativeSpan> = []
  readonly lines: Array<Line> = []
  readonly registry: Metric.MetricRegistry = new Map()

  /** Runs a program whose spans, metrics and log lines, at Debug and above, come here. */
  readonly on = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const span = (options: ConstructorParameters<typeof Tracer.NativeSpan>[0]) => {
      const made = new Tracer.NativeSpan(options)
      this.spans.push(made)
      return made
    }
    return this.heard(Effect.provideService(program, Tracer.Tracer, Tracer.make({ span })))
  }

  /** The same with nobody listening to spans. */
  readonly heard = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      this.lines.push({ level: logLevel, message: String(message), annotations })
    })
    return program.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Debug"),
      Effect.provideService(Metric.MetricRegistry, this.registry)
    )
  }

  /** The attributes of the newest span of a name. */
  attributes(name: string): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.spans.findLast((span) => span.name === name)?.attributes ?? [])
  }

  get names(): ReadonlyArray<string> {
    return this.spans.map((span) => span.name)
  }

  get #snapshot(): ReadonlyArray<Metric.Metric.Snapshot> {
    return Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, this.registry))
  }

  /** Every series of a metric: its attributes as text, and its number (of a histogram, how many). */
  series(id: string): Readonly<Record<string, number>> {
    const found = this.#snapshot.filter((metric) => metric.id === id)
    return Object.fromEntries(
      found.map(({ attributes, state, type }) => {
        const key = Object.entries(attributes ?? {})
          .filter(([name]) => name !== "unit")
          .map(([, value]) => value)
        const value = type === "Gauge" ? state.value : type === "Frequency" ? Number.NaN : state.count
        return [key.join(" "), Number(value)]
      })
    )
  }

  /** The number of a metric without attributes. */
  number(id: string): number {
    return this.series(id)[""] ?? Number.NaN
  }

  get metricNames(): ReadonlyArray<string> {
    return [...new Set(this.#snapshot.map((metric) => metric.id))].toSorted()
  }
}
