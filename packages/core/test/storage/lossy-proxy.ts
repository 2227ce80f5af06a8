import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What becomes of a request: `pass` it on; `lose` its answer after the server has carried it out; `drop` the connection
 * before the server hears of it; `damage` a byte of its body; `cut` the body of the answer in the middle, or `stall` there for good, or before its first byte (`withhold`); `rewrite` that body; or answer with
 * this status and body in place of the server, which hears nothing (`refuse`) or has carried it out (`garble`).
 */
export type Fate =
  | 'pass'
  | 'lose'
  | 'drop'
  | 'cut'
  | 'stall'
  | 'withhold'
  | 'damage'
  | {
      readonly refuse: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly rewrite: (body: string) => string }
  | { readonly garble: number; readonly body: string }

/** A proxy in front of one server that decides the fate of each request. */
export interface LossyProxy extends AsyncDisposable {
  readonly endpoint: string
  /** Method and path with query of all requests so far. */
  readonly seen: readonly string[]
  /** Asked for each request; at first everything passes. */
  decide: (method: string, path: string, count: number) => Fate
  /** Done before a request that passes; its headers cannot be changed, since they are signed. */
  prepare: (request: IncomingMessage) => Promise<void>
}

/** Listens on a free port of 127.0.0.1. Signatures stay valid: the host that was signed is passed on. */
export async function openLossyProxy(target: string): Promise<LossyProxy> {
  const seen: string[] = []
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    seen.push(`${method} ${url}`)
    const fate = proxy.decide(method, url, seen.length)
    const prepare = () => proxy.prepare(incoming)
    void serve({ incoming, outgoing, target, fate, prepare }).catch(() => outgoing.destroy())
  })
  const proxy: LossyProxy & { endpoint: string } = {
    endpoint: '',
    seen,
    decide: () => 'pass',
    prepare: async () => {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}

async function serve({
  incoming,
  outgoing,
  target,
  fate,
  prepare,
}: {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly target: string
  readonly fate: Fate
  readonly prepare: () => Promise<void>
}): Promise<void> {
  const body = await buffer(incoming)
  if (fate === 'drop') return void outgoing.destroy()
  if (typeof fate === 'object' && 'refuse' in fate)
    return answer(outgoing, fate.refuse, fate.body, fate.headers)
  if (fate === 'damage') body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
  await prepare()
  // The body is here already, so nobody waits for leave to send it.
  const { expect: _, ...passed } = incoming.headers
  const forwarded = request(new URL(incoming.url ?? '/', target), {
    method: incoming.method ?? 'GET',
    headers: passed,
    agent: false,
  })
  // A server may answer before it has read the body, and close; what comes after the answer changes nothing.
  forwarded.on('error', () => {})
  forwarded.end(body)
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage]
  const content = await buffer(response)
  if (fate === 'lose') return void outgoing.destroy()
  if (typeof fate === 'object' && 'rewrite' in fate) {
    const kept = Object.entries(response.headers).filter(([name]) => /^(?:etag|x-amz-meta-.*)$/.test(name))
    const headers = Object.fromEntries(kept) as Readonly<Record<string, string>>
    return answer(outgoing, response.statusCode ?? 500, fate.rewrite(content.toString()), headers)
  }
  if (typeof fate === 'object') return answer(outgoing, fate.garble, fate.body)
  outgoing.writeHead(response.statusCode ?? 500, response.headers)
  if (fate === 'withhold') return outgoing.flushHeaders()
  if (fate === 'stall') return void outgoing.write(content.subarray(0, content.length / 2))
  if (fate === 'cut') {
    outgoing.write(content.subarray(0, content.length / 2), () => outgoing.destroy())
    return
  }
  outgoing.end(content)
}

function answer(
  outgoing: ServerResponse,
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const length = Buffer.byteLength(body)
  outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': length, ...more })
  outgoing.end(body)
}

/** An error document of S3. */
export function errorXml(code: string, message = 'as the test wants it'): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
}
