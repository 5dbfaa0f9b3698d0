/**
 * A TCP socket's part in the turns of the event loop (TurnBudget): what listens to its bytes is given them through here.
 *
 * The socket itself is paused, because libuv reads one up to 32 times in a turn, and ssh2 decrypts whatever comes, also
 * for a channel that is paused. What is held stays in the socket's own buffer, so that its end comes behind it.
 */
import type * as Net from "node:net"
import * as TurnBudget from "./TurnBudget.ts"

/** How a socket is seen by who asks whether its peer lives. */
export interface SocketTurns {
  /** Another number whenever there may be bytes from the peer: also while they are held here. */
  readonly signs: () => number
}

type Listener = (bytes: Buffer) => void

/** From now on whoever listens to the bytes of this socket has them in turns. */
export const take = (socket: Net.Socket, budget: TurnBudget.TurnBudget = TurnBudget.ofThread): SocketTurns => {
  const listeners = socket.listeners("data") as Array<Listener>
  const deliver = (bytes: Buffer): void => {
    for (const listener of listeners) listener.call(socket, bytes)
  }
  const member = budget.join({
    deliver,
    hold: (bytes) => {
      socket.pause()
      if (bytes !== undefined) socket.unshift(bytes)
    },
    release: () => socket.resume()
  })
  socket.on("data", (bytes: Buffer) => member.take(bytes)).on("close", () => member.leave())
  for (const listener of listeners) socket.off("data", listener)
  // What was received before a reset was received: the buffer of a socket that has failed emits nothing more.
  socket.prependListener("error", () => {
    if (!member.held) return
    member.leave()
    const rest = socket.read() as Buffer | null
    if (rest !== null) deliver(rest)
  })
  let looks = 0
  return { signs: () => socket.bytesRead + (member.held ? ++looks : looks) }
}
