import { connect } from 'node:net'

/** What a broker says about its cluster. */
export interface ProbedCluster {
  readonly clusterId: string | null
  /** The brokers that are alive for this one. */
  readonly brokerIds: readonly number[]
}

const METADATA_API_KEY = 3
const METADATA_VERSION = 5
const CLIENT_ID = 'testkit-probe'
const RESPONSE_MAX_BYTES = 1024 * 1024

/**
 * Asks the broker on 127.0.0.1:`port` for the metadata of no topic. Unlike ApiVersions the answer names the
 * cluster, so that a broker of another test process that took the same port is not mistaken for ours.
 */
export async function probeBroker(port: number, timeoutMs: number): Promise<ProbedCluster> {
  return decodeMetadataResponse(await exchange(port, encodeMetadataRequest(), timeoutMs))
}

function encodeMetadataRequest(): Buffer {
  const clientId = Buffer.from(CLIENT_ID)
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + clientId.length + 4 + 1)
  let at = request.writeInt32BE(request.length - 4, 0)
  at = request.writeInt16BE(METADATA_API_KEY, at)
  at = request.writeInt16BE(METADATA_VERSION, at)
  at = request.writeInt32BE(1, at)
  at = request.writeInt16BE(clientId.length, at)
  at += clientId.copy(request, at)
  at = request.writeInt32BE(0, at)
  request.writeInt8(0, at)
  return request
}

/** `frame` is a whole response: correlation id, throttle time, brokers, cluster id, and what is not needed. */
function decodeMetadataResponse(frame: Buffer): ProbedCluster {
  let at = 8
  const readString = (): string | null => {
    const length = frame.readInt16BE(at)
    at += 2
    if (length < 0) return null
    at += length
    return frame.toString('utf8', at - length, at)
  }
  const brokerCount = frame.readInt32BE(at)
  at += 4
  const brokerIds: number[] = []
  for (let i = 0; i < brokerCount; i++) {
    brokerIds.push(frame.readInt32BE(at))
    at += 4
    readString()
    at += 4
    readString()
  }
  return { clusterId: readString(), brokerIds }
}

function exchange(port: number, request: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request))
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => fail(new Error(`no answer from port ${port} in ${timeoutMs} ms`)))
    socket.on('error', fail)
    socket.on('close', () => fail(new Error(`port ${port} closed the connection`)))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const size = received.readInt32BE(0)
      if (size < 0 || size > RESPONSE_MAX_BYTES) return fail(new Error(`port ${port} does not speak Kafka`))
      if (received.length < 4 + size) return
      resolve(received.subarray(4, 4 + size))
      socket.destroy()
    })
  })
}
