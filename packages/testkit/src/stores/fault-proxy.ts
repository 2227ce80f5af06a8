import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type SeededRandom, seededRandom } from '../seeded-random.ts'

/**
 * What can befall a request to a store that speaks S3. Those in the first line never reach the store; those in the second are
 * carried out, and the answer says something else or nothing; those in the third spoil what is read.
 */
export const FAULTS = [
  ...(['internalError', 'slowDown', 'tooManyRequests', 'resetBefore', 'expired', 'errorAsSuccess'] as const),
  ...(['resetAfter', 'stallAfter', 'errorAfter', 'spurious412', 'spurious409'] as const),
  ...(['shortBody', 'flippedByte'] as const),
] as const

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number]

/** How a {@link FaultProxy} behaves. The same seed and the same order of requests give the same fates. */
export interface FaultProxyOptions {
  readonly target: string
  readonly seed: number
  /** Share of requests, from 0 to 1, that something befalls. It can be changed while the proxy runs. */
  readonly probability: number
  /** What may happen; everything when absent. */
  readonly faults?: readonly Fault[]
  /** How long an answer stays away: longer than the patience of the client, in milliseconds. */
  readonly stallMs: number
  /**
   * Awaited before a request goes on to the store, such as to make it forget what it has. Method and path. A request that it
   * rejects never reaches the store, and its connection breaks.
   */
  readonly beforeRequest?: (method: string, path: string) => Promise<void>
  /** Awaited when the store has carried a request out and nobody has heard of it. When it rejects, nobody will. */
  readonly afterRequest?: (method: string, path: string) => Promise<void>
}

/** A proxy that does to requests what networks and stores do on bad days, and counts it. */
export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string
  probability: number
  readonly requests: number
  /** How often each fault was done. */
  readonly done: Readonly<Partial<Record<Fault, number>>>
  /** Method, path and fault of the last requests, for a failed test. */
  readonly log: readonly string[]
}

const LOG_MAX = 40

interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly fault: Fault | undefined
}

/** Listens on a free port of 127.0.0.1. Signatures stay valid: the host that was signed is passed on. */
export async function openFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const random = seededRandom(options.seed)
  const done: Partial<Record<Fault, number>> = {}
  const log: string[] = []
  const renewed = new Set<string>()
  const state = { probability: options.probability, requests: 0 }
  const server = createServer((incoming, outgoing) => {
    state.requests++
    const fault = drawFault(random, state.probability, options.faults ?? FAULTS, incoming, renewed)
    if (fault) done[fault] = (done[fault] ?? 0) + 1
    log.push(`${incoming.method} ${incoming.url} ${fault ?? ''}`)
    if (log.length > LOG_MAX) log.shift()
    void serve({ incoming, outgoing, fault }, options, random).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    done,
    log,
    get requests() {
      return state.requests
    },
    get probability() {
      return state.probability
    },
    set probability(value) {
      state.probability = value
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function drawFault(
  random: SeededRandom,
  probability: number,
  faults: readonly Fault[],
  incoming: IncomingMessage,
  renewed: Set<string>,
): Fault | undefined {
  if (!random.chance(probability)) return undefined
  const request = `${incoming.method} ${incoming.url?.split('?')[0]}`
  const fault = random.pick(faults.filter((name) => canBefall(name, incoming)))
  if (fault !== 'expired') return fault
  // Credentials that were just renewed are fresh: the same request does not meet it twice in a row.
  if (renewed.delete(request)) return undefined
  renewed.add(request)
  return fault
}

function canBefall(fault: Fault, { method, url = '', headers }: IncomingMessage): boolean {
  const isListing = url.includes('list-type=2')
  switch (fault) {
    case 'errorAsSuccess':
      // Nothing that a client could look at tells it from a success for these two.
      return method !== 'HEAD' && method !== 'DELETE'
    case 'spurious412':
    case 'spurious409':
      return headers['if-none-match'] !== undefined
    case 'shortBody':
      return method === 'GET'
    case 'flippedByte':
      // Documents of the protocol have no checksum; only TLS keeps those from it.
      return method === 'GET' && !isListing
    default:
      return true
  }
}

async function serve(
  { incoming, outgoing, fault }: Exchange,
  { target, stallMs, beforeRequest, afterRequest }: FaultProxyOptions,
  random: SeededRandom,
): Promise<void> {
  const body = await buffer(incoming)
  const refusal = fault && REFUSALS[fault]
  if (refusal) return answer(incoming, outgoing, refusal)
  if (fault === 'resetBefore') return void outgoing.destroy()
  // The body is here already, so nobody waits for leave to send it.
  const { expect: _, ...headers } = incoming.headers
  const { method = 'GET', url = '/' } = incoming
  await beforeRequest?.(method, url)
  const forwarded = request(new URL(url, target), { method, headers, agent: false })
  forwarded.end(body)
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage]
  const content = await buffer(response)
  await afterRequest?.(method, url)
  const isSuccess = (response.statusCode ?? 500) < 300
  if (fault === 'resetAfter') return void outgoing.destroy()
  if (fault === 'stallAfter') return void setTimeout(() => outgoing.destroy(), stallMs).unref()
  if (fault === 'errorAfter') return answer(incoming, outgoing, [500, 'InternalError'])
  if (fault === 'spurious412' && isSuccess) return answer(incoming, outgoing, [412, 'PreconditionFailed'])
  if (fault === 'spurious409' && isSuccess)
    return answer(incoming, outgoing, [409, 'ConditionalRequestConflict'])
  outgoing.writeHead(response.statusCode ?? 500, response.headers)
  if (fault === 'shortBody') {
    outgoing.write(content.subarray(0, Math.floor(content.length / 2)), () => outgoing.destroy())
    return
  }
  if (fault === 'flippedByte' && isSuccess && content.length > 0) {
    const at = random.below(content.length)
    content[at] = (content[at] ?? 0) ^ (1 << random.below(8))
  }
  outgoing.end(content)
}

const REFUSALS: Readonly<Partial<Record<Fault, readonly [number, string]>>> = {
  internalError: [500, 'InternalError'],
  slowDown: [503, 'SlowDown'],
  tooManyRequests: [429, 'TooManyRequests'],
  expired: [400, 'ExpiredToken'],
  errorAsSuccess: [200, 'InternalError'],
}

function answer(
  { method }: IncomingMessage,
  outgoing: ServerResponse,
  [status, code]: readonly [number, string],
): void {
  const document = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>as drawn</Message></Error>`
  outgoing.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(document),
  })
  outgoing.end(method === 'HEAD' ? undefined : document)
}
