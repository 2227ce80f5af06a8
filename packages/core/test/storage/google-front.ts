import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { IssuedCertificate } from '../../../testkit/src/certificates.ts'

/**
 * What stands around the store of Google: encryption and a check of bearer tokens in front of a server without either, the
 * service that issues tokens, and the one that tells a machine who it is.
 */
export interface GoogleFront extends AsyncDisposable {
  /** Of the store, encrypted. */
  readonly endpoint: string
  /** Leads every encrypted connection to this front, whatever its name: a value of HTTPS_PROXY. */
  readonly proxy: string
  /** Host and port of the service for machines: a value of GCE_METADATA_HOST. */
  readonly metadataHost: string
  /** Forms that were sent to get a token, and the word `machine` for each time that a machine asked. */
  readonly seen: (URLSearchParams | 'machine')[]
  /** Tokens that were issued. */
  readonly tokens: Set<string>
  /** Of the service that issues tokens: at first a token; otherwise this status and document. */
  answer: 'token' | { readonly status: number; readonly body: string }
}

const LIFE_S = 3_600

/** Listens on free ports of 127.0.0.1; `certificate` is for that and for the names that the proxy is asked for. */
export async function openGoogleFront(target: string, certificate: IssuedCertificate): Promise<GoogleFront> {
  // A server forgets connections that became tunnels, and still waits for them.
  const tunnels = new Set<Duplex>()
  const tls = createTlsServer(
    { cert: certificate.certificatePem, key: certificate.keyPem },
    (incoming, outgoing) => void serve(incoming, outgoing).catch(() => outgoing.destroy()),
  )
  const plain = createServer((incoming, outgoing) => {
    outgoing.setHeader('metadata-flavor', 'Google')
    if (!incoming.url?.includes('/token')) return void outgoing.end('ok')
    front.seen.push('machine')
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(issue(front.tokens))
  })
  plain.on('connect', (_incoming, socket) => tunnel(socket, (tls.address() as AddressInfo).port, tunnels))

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    if (incoming.url === '/token') {
      front.seen.push(new URLSearchParams(body.toString()))
      const { answer } = front
      outgoing.setHeader('content-type', 'application/json')
      if (answer === 'token') return void outgoing.end(issue(front.tokens))
      return void outgoing.writeHead(answer.status).end(answer.body)
    }
    const [, token = ''] = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? '') ?? []
    if (!front.tokens.has(token)) {
      const error = { code: 401, message: `bad ${token}`, errors: [{ reason: 'authError' }] }
      return void outgoing.writeHead(401).end(JSON.stringify({ error }))
    }
    await relay(target, incoming, body, outgoing)
  }

  for (const server of [tls, plain]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const metadataHost = `127.0.0.1:${(plain.address() as AddressInfo).port}`
  const front: GoogleFront = {
    endpoint: `https://127.0.0.1:${(tls.address() as AddressInfo).port}`,
    proxy: `http://${metadataHost}`,
    metadataHost,
    seen: [],
    tokens: new Set(),
    answer: 'token',
    async [Symbol.asyncDispose]() {
      for (const end of tunnels) end.destroy()
      for (const server of [tls, plain]) {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      }
    },
  }
  return front
}

function issue(tokens: Set<string>): string {
  const token = randomBytes(24).toString('hex')
  tokens.add(token)
  return JSON.stringify({
    token_type: 'Bearer',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    expires_in: LIFE_S,
    access_token: token,
  })
}

function tunnel(socket: Duplex, port: number, tunnels: Set<Duplex>): void {
  const inner = connect(port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    inner.pipe(socket).pipe(inner)
  })
  for (const end of [inner, socket]) {
    tunnels.add(end)
    end.on('error', () => inner.destroy())
  }
}

async function relay(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = 'GET', headers } = incoming
  const forwarded = request(new URL(incoming.url ?? '/', target), { method, headers, agent: false })
  forwarded.end(body)
  const [response] = (await once(forwarded, 'response')) as [IncomingMessage]
  outgoing.writeHead(response.statusCode ?? 500, response.headers)
  response.pipe(outgoing)
}
