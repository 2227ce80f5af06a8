import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { API_KEY, type VersionRange } from '../../src/kafka/api-versions.ts'
import { listen, splitFrames } from './raw-server.ts'

/** What a proxy does to the answers of the broker behind it. */
export interface ProxyOptions {
  /** Replaces what the broker says of these APIs; null leaves one out. */
  readonly versions?: ReadonlyMap<number, VersionRange | null>
  /** Sends answers in pieces of these lengths, again and again, each in a packet of its own. */
  readonly pieceBytes?: readonly number[]
}

/** A proxy in front of a real broker, which shows how a client fares with an older one or on a bad line. */
export interface BrokerProxy extends AsyncDisposable {
  readonly port: number
}

export async function openBrokerProxy(brokerPort: number, options: ProxyOptions): Promise<BrokerProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1')
    client.setNoDelay(true)
    const versionRequests = new Set<number>()
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    splitFrames(client, (frame) => {
      const isVersions = frame.readInt16BE(0) === API_KEY.apiVersions && frame.readInt16BE(2) === 0
      if (isVersions) versionRequests.add(frame.readInt32BE(4))
      broker.write(withLength(frame))
    })
    let sending = Promise.resolve()
    splitFrames(broker, (frame) => {
      const isVersions = versionRequests.delete(frame.readInt32BE(0))
      const bytes = withLength(isVersions ? rewriteVersions(frame, options.versions ?? new Map()) : frame)
      sending = sending.then(() => send(client, bytes, options.pieceBytes))
    })
  })
  const port = await listen(server)
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

async function send(client: Socket, bytes: Buffer, pieceBytes: readonly number[] | undefined): Promise<void> {
  if (pieceBytes === undefined) {
    client.write(bytes)
    return
  }
  for (let at = 0, piece = 0; at < bytes.length && client.writable; piece++) {
    const length = pieceBytes[piece % pieceBytes.length] ?? 1
    client.write(bytes.subarray(at, at + length))
    at += length
    await nextTurn()
  }
}

/** ApiVersions version 0: correlation id, error, and key, min and max of each API. */
function rewriteVersions(frame: Buffer, versions: ReadonlyMap<number, VersionRange | null>): Buffer {
  const rows: number[][] = []
  for (let at = 10; at + 6 <= frame.length; at += 6) {
    const key = frame.readInt16BE(at)
    const replaced = versions.get(key)
    if (replaced === null) continue
    rows.push([key, replaced?.min ?? frame.readInt16BE(at + 2), replaced?.max ?? frame.readInt16BE(at + 4)])
  }
  const rewritten = Buffer.alloc(10 + rows.length * 6)
  frame.copy(rewritten, 0, 0, 6)
  rewritten.writeInt32BE(rows.length, 6)
  for (const [index, number] of rows.flat().entries()) rewritten.writeInt16BE(number, 10 + index * 2)
  return rewritten
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return Buffer.concat([length, frame])
}
