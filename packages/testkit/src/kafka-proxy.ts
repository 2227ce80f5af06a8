import { connect, createServer, type Server, type Socket } from 'node:net'
import type { KafkaCluster } from './kafka-cluster.ts'

/**
 * What becomes of a request: passed on; the connection breaks before the broker has it, when the broker has half of it, or
 * when the broker has done it and the answer is on its way back; or it is held on its way to the broker until it is released.
 */
export type RequestFate = 'pass' | 'break before' | 'break inside' | 'break after' | 'hold'

/** One request on its way to a broker. */
export interface SeenRequest {
  readonly apiKey: number
  readonly version: number
  readonly brokerId: number
  /** Requests of this kind before it, over all brokers. */
  readonly number: number
}

/** Decides about a request; called before it is passed on. */
export type DecideFate = (request: SeenRequest) => RequestFate

/** Called at the moment at which the fate strikes; a connection that has to break does so when the promise resolves. */
export type OnStrike = (request: SeenRequest) => Promise<void> | void

/** Proxies in front of all brokers of a cluster, which clients cannot get past: metadata names them too. */
export interface KafkaProxy extends AsyncDisposable {
  readonly bootstrap: string
  /** Requests of a kind that came by so far. */
  count(apiKey: number): number
  /** Replaces the rule for what comes from now on. */
  setFate(decide: DecideFate, onStrike?: OnStrike): void
  /** Passes on what is held, and what came behind it. */
  release(): void
  /** Breaks all connections. */
  breakConnections(): void
}

const HOST = Buffer.from('127.0.0.1')
const LENGTH_BYTES = 4

/** What the connections of a proxy share. */
class ProxyState {
  readonly sockets = new Set<Socket>()
  readonly counts = new Map<number, number>()
  /** Of brokers to those of their proxies. */
  readonly ports = new Map<number, number>()
  held: (() => void)[] = []
  decide: DecideFate = () => 'pass'
  strike: OnStrike = () => undefined

  breakConnections(): void {
    for (const socket of this.sockets) socket.destroy()
  }
}

/** Opens the proxies; without a rule everything passes. */
export async function openKafkaProxy(cluster: Pick<KafkaCluster, 'brokers'>): Promise<KafkaProxy> {
  const state = new ProxyState()
  const servers: Server[] = []
  for (const { id, port } of cluster.brokers) {
    const server = createServer((client) => passOn(state, client, { id, port }))
    state.ports.set(port, await listen(server))
    servers.push(server)
  }
  return {
    bootstrap: [...state.ports.values()].map((port) => `127.0.0.1:${port}`).join(','),
    count: (apiKey) => state.counts.get(apiKey) ?? 0,
    setFate(decide, onStrike = () => undefined) {
      state.decide = decide
      state.strike = onStrike
    },
    release() {
      const waiting = state.held
      state.held = []
      for (const forward of waiting) forward()
    },
    breakConnections: () => state.breakConnections(),
    async [Symbol.asyncDispose]() {
      state.breakConnections()
      for (const server of servers) server.close()
    },
  }
}

/** One connection of a client, and the one to the broker behind it. */
function passOn(
  state: ProxyState,
  client: Socket,
  broker: { readonly id: number; readonly port: number },
): void {
  const upstream = connect(broker.port, '127.0.0.1')
  const striking = new Map<number, SeenRequest>()
  let isHeld = false
  let isBroken = false
  const end = () => {
    client.destroy()
    upstream.destroy()
  }
  const strike = (request: SeenRequest) => void Promise.resolve(state.strike(request)).finally(end)
  for (const socket of [client, upstream]) {
    state.sockets.add(socket)
    socket.on('error', end)
    socket.on('close', () => {
      state.sockets.delete(socket)
      end()
    })
  }
  onFrames(client, (frame) => {
    const request = seen(state, frame, broker.id)
    const fate = state.decide(request)
    const bytes = framed(frame)
    if (fate === 'break before') strike(request)
    else if (fate === 'break inside')
      upstream.write(bytes.subarray(0, bytes.length >> 1), () => strike(request))
    else if (fate === 'hold' || isHeld) {
      isHeld = true
      state.held.push(() => {
        isHeld = false
        upstream.write(bytes)
      })
      if (fate === 'hold') void state.strike(request)
    } else {
      if (fate === 'break after') striking.set(frame.readInt32BE(4), request)
      upstream.write(bytes)
    }
  })
  onFrames(upstream, (frame) => {
    // Behind an answer that is lost no other one arrives.
    if (isBroken) return
    const request = striking.get(frame.readInt32BE(0))
    isBroken = request !== undefined
    if (request) strike(request)
    else client.write(framed(withPorts(frame, state.ports)))
  })
}

function seen({ counts }: ProxyState, frame: Buffer, brokerId: number): SeenRequest {
  const apiKey = frame.readInt16BE(0)
  const number = counts.get(apiKey) ?? 0
  counts.set(apiKey, number + 1)
  return { apiKey, version: frame.readInt16BE(2), brokerId, number }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('the proxy has no port'))
      else resolve(address.port)
    })
  })
}

function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let chunks: Buffer[] = []
  let length = 0
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
    while (length >= LENGTH_BYTES) {
      let head = chunks[0] as Buffer
      if (head.length < LENGTH_BYTES) {
        head = Buffer.concat(chunks)
        chunks = [head]
      }
      const end = LENGTH_BYTES + head.readInt32BE(0)
      if (length < end) return
      const all = chunks.length === 1 ? head : Buffer.concat(chunks)
      chunks = all.length === end ? [] : [all.subarray(end)]
      length = all.length - end
      onFrame(all.subarray(LENGTH_BYTES, end))
    }
  })
}

/** Metadata and FindCoordinator give a port in the four bytes behind the host. */
function withPorts(frame: Buffer, ports: ReadonlyMap<number, number>): Buffer {
  if (frame.indexOf(HOST) < 0) return frame
  const replaced = Buffer.from(frame)
  for (let at = replaced.indexOf(HOST); at >= 0; at = replaced.indexOf(HOST, at + 1)) {
    const portAt = at + HOST.length
    const port =
      portAt + LENGTH_BYTES <= replaced.length ? ports.get(replaced.readInt32BE(portAt)) : undefined
    if (port !== undefined) replaced.writeInt32BE(port, portAt)
  }
  return replaced
}

function framed(frame: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeInt32BE(frame.length)
  return Buffer.concat([length, frame])
}
