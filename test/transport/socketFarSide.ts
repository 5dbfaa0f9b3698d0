/** The far side of the contract over a socket that a test's server has accepted. */
import type * as Net from "node:net"
import type { FarSide } from "./contract.ts"

export const socketFarSide = (socket: Net.Socket): FarSide => {
  const received: Array<Buffer> = []
  socket.on("data", (bytes: Buffer) => received.push(bytes)).on("error", () => {})
  return {
    write: (bytes) => socket.write(bytes),
    received: () => Buffer.concat(received),
    hold: () => socket.pause(),
    waiting: () => socket.writableLength > 0,
    release: () => socket.resume(),
    close: () => socket.end(),
    closed: () => socket.readableEnded || socket.destroyed
  }
}
