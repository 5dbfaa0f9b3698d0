import { Config, Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import { NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

/** Answers every request with the metrics of this process, until the scope closes. */
const serve = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      createServer((_request, response) => {
        response.setHeader("content-type", "text/plain; version=0.0.4")
        response.end(Effect.runSync(PrometheusMetrics.format()))
      }).listen(port, "127.0.0.1")
    ),
    (server) => Effect.sync(() => server.close())
  )

const program = Effect.gen(function* () {
  const port = yield* Config.Port("METRICS_PORT").pipe(Config.withDefault(9464))
  yield* serve(port)
  const session = yield* NetconfSession
  for (const name of ["lo", "eth0", "eth1"]) {
    yield* session.get({
      filter: xml`<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>${name}</name></interface></interfaces>`
    })
  }
  // What Prometheus would do every 15 seconds.
  const scraped = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/metrics`).then((r) => r.text()))
  console.log(scraped.trim())
})

await Effect.runPromise(Effect.scoped(Effect.provide(program, device)))
