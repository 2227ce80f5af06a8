import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What fake-gcs-server lacks of a resumable upload, in front of it, as Google documents it: a session tells how many bytes
 * it has (the server would make the object of them), takes no byte twice, may take less than it is sent, and ends when it
 * is deleted. Everything else passes.
 */
export interface GcsSessions extends AsyncDisposable {
  readonly endpoint: string
  /** Bytes that sessions which are not finished have, by the name of the session. */
  readonly open: ReadonlyMap<string, number>
  /** How many bytes of a chunk are taken at most, unless it is the last one; a multiple of 256 KiB. */
  takesAtMost: number
  /** Forgets all sessions, as Google does after a week. */
  forget(): void
}

interface Session {
  byteCount: number
  isFinished: boolean
}

/** Listens on a free port of 127.0.0.1. */
export async function openGcsSessions(target: string): Promise<GcsSessions> {
  const sessions = new Map<string, Session>()
  const server = createServer((incoming, outgoing) => {
    void serve(incoming, outgoing).catch(() => outgoing.destroy())
  })

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    const id = new URL(incoming.url ?? '/', target).searchParams.get('upload_id')
    if (id === null) return relay(outgoing, await forward(target, incoming, body, {}))
    const session = sessions.get(id) ?? { byteCount: 0, isFinished: false }
    if (incoming.method === 'DELETE') {
      sessions.set(id, { byteCount: 0, isFinished: true })
      return void outgoing.writeHead(499).end()
    }
    if (isForgotten.has(id)) return void outgoing.writeHead(410).end()
    sessions.set(id, session)
    const range = parse(incoming.headers['content-range'] ?? '')
    if (range.isQuestion) return goOn(outgoing, session)
    const skipped = Math.max(0, session.byteCount - range.begin)
    const isEnd = range.total !== '*'
    const rest = body.subarray(skipped, isEnd ? body.length : skipped + sessionsOf.takesAtMost)
    const begin = session.byteCount
    const span = rest.length === 0 ? '*' : `${begin}-${begin + rest.length - 1}`
    const header = { 'content-range': `bytes ${span}/${range.total}` }
    const answer = await forward(target, incoming, rest, header)
    session.byteCount += rest.length
    if (!isEnd) return goOn(outgoing, session)
    session.isFinished = true
    return relay(outgoing, answer)
  }

  const isForgotten = new Set<string>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sessionsOf: GcsSessions = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      const unfinished = [...sessions].filter(([, { isFinished }]) => !isFinished)
      return new Map(unfinished.map(([id, { byteCount }]) => [id, byteCount]))
    },
    takesAtMost: Number.POSITIVE_INFINITY,
    forget: () => {
      for (const id of sessions.keys()) isForgotten.add(id)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return sessionsOf
}

async function forward(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  const forwarded = request(new URL(incoming.url ?? '/', target), {
    method: incoming.method ?? 'GET',
    headers: { ...incoming.headers, ...headers, 'content-length': body.length },
    agent: false,
  })
  forwarded.end(body)
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage]
  return response
}

function goOn(outgoing: ServerResponse, { byteCount }: Session): void {
  const headers = byteCount === 0 ? {} : { range: `bytes=0-${byteCount - 1}` }
  outgoing.writeHead(308, headers).end()
}

async function relay(outgoing: ServerResponse, response: IncomingMessage): Promise<void> {
  const content = await buffer(response)
  outgoing.writeHead(response.statusCode ?? 500, response.headers)
  outgoing.end(content)
}

function parse(header: string): {
  readonly begin: number
  readonly total: string
  readonly isQuestion: boolean
} {
  const [, span = '*', total = '*'] = /^bytes (\*|\d+-\d+)\/(\*|\d+)$/.exec(header) ?? []
  const begin = span === '*' ? Number.POSITIVE_INFINITY : Number(span.split('-')[0])
  return { begin, total, isQuestion: span === '*' && total === '*' }
}
