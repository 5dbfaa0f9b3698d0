import { Config, Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import { NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

/** Spans, metrics and log lines to a collector; what is not exported yet when the program ends is exported then. */
const telemetry = Layer.unwrap(
  Effect.gen(function* () {
    const baseUrl = yield* Config.String("OTEL_EXPORTER_OTLP_ENDPOINT").pipe(
      Config.withDefault("http://localhost:4318")
    )
    return Otlp.layerJson({ baseUrl, resource: { serviceName: "inventory" } })
  })
).pipe(Layer.provide(FetchHttpClient.layer))

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const reply = yield* session.get({ filter: xml`<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>` })
  console.log(`${reply.bytes} bytes`)
  // Refused, and so an error of its span: there is no such session.
  yield* Effect.ignore(session.killSession({ sessionId: 4_000_000_000 }))
}).pipe(Effect.withSpan("inventory"))

// The session is closed first: its own span ends with it, and is exported like the others.
await Effect.runPromise(Effect.provide(program, device.pipe(Layer.provideMerge(telemetry))))
