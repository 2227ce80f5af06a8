import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'

/** Where the bytes of a frame are: `places` holds triples of source (0: `inline`, 1: `shared`), begin and length. */
export interface DigestRequest {
  readonly id: number
  readonly shared: SharedArrayBuffer
  readonly inline: Uint8Array
  readonly places: readonly number[]
}

/** Answer to a {@link DigestRequest}. */
export interface DigestAnswer {
  readonly id: number
  readonly sha256: string
}

parentPort?.on('message', (request: DigestRequest) => {
  const hash = createHash('sha256')
  const sources = [request.inline, new Uint8Array(request.shared)] as const
  const { places } = request
  for (let at = 0; at < places.length; at += 3) {
    const [source = 0, begin = 0, length = 0] = places.slice(at, at + 3)
    hash.update((source === 0 ? sources[0] : sources[1]).subarray(begin, begin + length))
  }
  const answer: DigestAnswer = { id: request.id, sha256: hash.digest('hex') }
  parentPort?.postMessage(answer)
})
