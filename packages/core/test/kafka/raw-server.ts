import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { WireConnection, type WireOptions } from '../../src/kafka/wire-connection.ts'

/** One request as it came over the wire; `body` is what follows the correlation id. */
export interface ReceivedRequest {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly body: Buffer
}

/** A listener that says over TCP whatever a test wants. It is no Kafka, and is only there to be wrong. */
export interface RawServer extends AsyncDisposable {
  readonly port: number
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
}

/** Serves every connection with `onRequest`, which is called for each whole request. */
export async function openRawServer(
  onRequest: (request: ReceivedRequest, socket: Socket) => void,
): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    splitFrames(socket, (frame) => onRequest(parseRequest(frame), socket))
  })
  const port = await listen(server)
  return {
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Binds to a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/** Calls `onFrame` with what follows each length. */
export function splitFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let held = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length - 4 >= held.readInt32BE(0)) {
      const end = 4 + held.readInt32BE(0)
      onFrame(held.subarray(4, end))
      held = held.subarray(end)
    }
  })
}

/** A response with its length and correlation id. */
export function responseFrame(correlationId: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(8 + body.length)
  frame.writeInt32BE(4 + body.length, 0)
  frame.writeInt32BE(correlationId, 4)
  frame.set(body, 8)
  return frame
}

/** A connection to that port; times out after two seconds unless told otherwise. */
export function connectTo(port: number, options: Partial<WireOptions> = {}): Promise<WireConnection> {
  return WireConnection.open({
    host: '127.0.0.1',
    port,
    clientId: 'test',
    connectTimeoutMs: 2_000,
    requestTimeoutMs: 2_000,
    ...options,
  })
}

/** The error that `promise` is rejected with, which must be one of ours. */
export async function failureOf(promise: Promise<unknown>): Promise<KafkaBackupError> {
  const outcome = await promise.then(
    (value) => new Error(`resolved with ${String(value)}`),
    (error: unknown) => error,
  )
  if (isKafkaBackupError(outcome)) return outcome
  throw outcome
}

function parseRequest(frame: Buffer): ReceivedRequest {
  return {
    apiKey: frame.readInt16BE(0),
    version: frame.readInt16BE(2),
    correlationId: frame.readInt32BE(4),
    body: frame.subarray(8),
  }
}
