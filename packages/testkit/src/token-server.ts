import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** Claims of a token; times in seconds as in RFC 7519. */
export interface TokenClaims {
  readonly sub?: string
  readonly aud?: string
  readonly lifetimeSecs?: number
}

/** An identity provider: a token endpoint for one client, and the keys that its tokens are signed with. */
export interface TokenServer extends AsyncDisposable {
  readonly tokenUrl: string
  readonly jwksUrl: string
  readonly clientId: string
  readonly clientSecret: string
  /** Forms that were posted to the token endpoint, refused ones too. */
  readonly requests: readonly URLSearchParams[]
  /** A token that brokers believe. */
  issue(claims?: TokenClaims): string
  /** The same, signed by nobody they know. */
  forge(claims?: TokenClaims): string
  /** Of the tokens that are asked for from now on. */
  setLifetimeSecs(lifetimeSecs: number): void
  /** Answers with this status from now on; undefined answers properly again. */
  setFailure(status: number | undefined): void
}

/** The audience of all tokens. */
export const TOKEN_AUDIENCE = 'kafka'
const KEY_ID = 'test-key'
const SUBJECT = 'service'

/** Serves on a free port of 127.0.0.1. */
export async function openTokenServer(): Promise<TokenServer> {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const strange = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const client = { clientId: 'backup client', clientSecret: 'client secret/+&=é' }
  const requests: URLSearchParams[] = []
  let lifetimeSecs = 600
  let failure: number | undefined
  const grant = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(new URLSearchParams(await text(request)))
    if (failure !== undefined) return answer(response, failure, { error: 'temporarily_unavailable' })
    if (!isClient(request, client)) {
      return answer(response, 401, { error: 'invalid_client', error_description: 'Client secret is wrong' })
    }
    const token = signed(own.privateKey, { lifetimeSecs })
    answer(response, 200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeSecs })
  }
  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/token') void grant(request, response)
    else if (request.url === '/jwks') answer(response, 200, { keys: [publicKeyOf(own.publicKey)] })
    else answer(response, 404, {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    tokenUrl: `${base}/token`,
    jwksUrl: `${base}/jwks`,
    ...client,
    requests,
    issue: (claims = {}) => signed(own.privateKey, claims),
    forge: (claims = {}) => signed(strange.privateKey, claims),
    setLifetimeSecs(value) {
      lifetimeSecs = value
    },
    setFailure(status) {
      failure = status
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A token without a signature, for brokers that check none. */
export function unsignedToken(claims: TokenClaims = {}): string {
  return `${encoded({ alg: 'none' })}.${encoded(claimsOf(claims))}.`
}

function signed(key: KeyObject, claims: TokenClaims): string {
  const content = `${encoded({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${encoded(claimsOf(claims))}`
  return `${content}.${sign('sha256', Buffer.from(content), key).toString('base64url')}`
}

function claimsOf({ sub = SUBJECT, aud = TOKEN_AUDIENCE, lifetimeSecs = 600 }: TokenClaims) {
  const nowSecs = Math.floor(Date.now() / 1000)
  return {
    sub,
    aud,
    scope: 'kafka',
    iat: nowSecs - 60 + Math.min(0, lifetimeSecs),
    exp: nowSecs + lifetimeSecs,
  }
}

function publicKeyOf(key: KeyObject): object {
  return { ...key.export({ format: 'jwk' }), kid: KEY_ID, use: 'sig', alg: 'RS256' }
}

function isClient(request: IncomingMessage, client: { clientId: string; clientSecret: string }): boolean {
  const encodedPair = (request.headers.authorization ?? '').replace(/^Basic /, '')
  const [id = '', secret = ''] = Buffer.from(encodedPair, 'base64').toString().split(':')
  const decoded = [id, secret].map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
  return decoded[0] === client.clientId && decoded[1] === client.clientSecret
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
