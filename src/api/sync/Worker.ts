/**
 * The working thread of blocking clients: everything that a session is lives here, and the blocked thread asks for it.
 */
import { workerData } from "node:worker_threads"
import { start } from "./Channel.ts"
import * as DirectConsole from "./DirectConsole.ts"
import type { Request, Start } from "./Messages.ts"
import { Served } from "./Served.ts"

DirectConsole.install()

const { port, signal } = workerData as Start
const served = new Served(port, signal)
if (start(signal, "up")) port.on("message", (request: Request) => served.request(request))
else port.close()
