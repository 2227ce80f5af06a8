import { connect, createServer, type Socket } from 'node:net'
import { type BrokerProxy, openBrokerProxy, type ProxyOptions } from './broker-proxy.ts'
import { listen, splitFrames } from './raw-server.ts'

/** A proxy that a client cannot get past. */
export interface AdvertisedProxy extends BrokerProxy {
  /** Requests that came by so far: API key and version. */
  readonly requests: readonly (readonly [apiKey: number, version: number])[]
  /** Breaks the connection instead of passing the next request of this kind on. */
  dropNext(apiKey: number): void
  /** Breaks all connections. */
  breakConnections(): void
}

/** Stands before the broker in its metadata too, so that clients which look up leaders come back to it. */
export async function openAdvertisedProxy(
  brokerPort: number,
  options: ProxyOptions = {},
): Promise<AdvertisedProxy> {
  const inner = await openBrokerProxy(brokerPort, options)
  const clients = new Set<Socket>()
  const requests: (readonly [number, number])[] = []
  const dropping = new Set<number>()
  const server = createServer((client) => {
    const broker = connect(inner.port, '127.0.0.1')
    clients.add(client)
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        clients.delete(client)
        other.destroy()
      })
    }
    splitFrames(client, (frame) => {
      const apiKey = frame.readInt16BE(0)
      if (dropping.delete(apiKey)) {
        client.destroy()
        return
      }
      requests.push([apiKey, frame.readInt16BE(2)])
      broker.write(withLength(frame))
    })
    splitFrames(broker, (frame) => {
      client.write(withLength(withAddress(frame, brokerPort, port)))
    })
  })
  const port = await listen(server)
  const breakConnections = () => {
    for (const client of clients) client.destroy()
  }
  return {
    port,
    requests,
    dropNext: (apiKey) => dropping.add(apiKey),
    breakConnections,
    async [Symbol.asyncDispose]() {
      breakConnections()
      server.close()
      await inner[Symbol.asyncDispose]()
    },
  }
}

/** Metadata gives a port in the four bytes behind the host. */
function withAddress(frame: Buffer, from: number, to: number): Buffer {
  const host = Buffer.from('127.0.0.1')
  const replaced = Buffer.from(frame)
  for (let at = replaced.indexOf(host); at >= 0; at = replaced.indexOf(host, at + 1)) {
    const portAt = at + host.length
    if (portAt + 4 <= replaced.length && replaced.readInt32BE(portAt) === from)
      replaced.writeInt32BE(to, portAt)
  }
  return replaced
}

function withLength(frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return Buffer.concat([length, frame])
}
