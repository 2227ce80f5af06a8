import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { IssuedCertificate } from '../../../testkit/src/certificates.ts'

/** A service that issues tokens for storage as Entra does, to whoever asks. */
export interface TokenAuthority extends AsyncDisposable {
  readonly host: string
  /** Forms that were sent to get a token. */
  readonly seen: readonly URLSearchParams[]
  /** At first a token; otherwise this status and document. */
  answer: 'token' | { readonly status: number; readonly body: string }
}

const LIFE_S = 3_600

/** Listens on a free port of 127.0.0.1. */
export async function openTokenAuthority(certificate: IssuedCertificate): Promise<TokenAuthority> {
  const seen: URLSearchParams[] = []
  const tls = { cert: certificate.certificatePem, key: certificate.keyPem }
  const server = createServer(tls, async (request, response) => {
    const form = await text(request)
    response.setHeader('content-type', 'application/json')
    const [, tenant, ...rest] = (request.url ?? '').split('/')
    const base = `${authority.host}/${tenant}`
    if (rest.join('/').includes('openid-configuration')) {
      response.end(
        JSON.stringify({
          issuer: `${base}/v2.0`,
          token_endpoint: `${base}/oauth2/v2.0/token`,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          jwks_uri: `${base}/discovery/keys`,
        }),
      )
      return
    }
    seen.push(new URLSearchParams(form))
    const { answer } = authority
    if (answer === 'token') {
      response.end(
        JSON.stringify({
          token_type: 'Bearer',
          expires_in: LIFE_S,
          access_token: storageToken(tenant ?? ''),
        }),
      )
      return
    }
    response.statusCode = answer.status
    response.end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const authority: TokenAuthority = {
    host: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: 'token',
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return authority
}

/** The service that gives the programs of a machine the identity of the machine, as App Service has it. */
export interface IdentityService extends AsyncDisposable {
  readonly address: string
  readonly seen: readonly {
    readonly resource: string | null
    readonly clientId: string | null
    /** The secret that a program of the machine was given. */
    readonly header: string
  }[]
}

/** Listens on a free port of 127.0.0.1. */
export async function openIdentityService(tenant: string): Promise<IdentityService> {
  const seen: IdentityService['seen'][number][] = []
  const server = createPlainServer((request, response) => {
    const parameters = new URL(request.url ?? '', 'http://machine').searchParams
    const [resource, clientId] = [parameters.get('resource'), parameters.get('client_id')]
    seen.push({ resource, clientId, header: String(request.headers['x-identity-header']) })
    const expires = Math.floor(Date.now() / 1_000) + LIFE_S
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        access_token: storageToken(tenant),
        expires_on: String(expires),
        resource,
        token_type: 'Bearer',
      }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** As Azurite checks them: everything but the signature. */
function storageToken(tenant: string): string {
  const nowS = Math.floor(Date.now() / 1_000)
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    iat: nowS - 60,
    nbf: nowS - 60,
    exp: nowS + LIFE_S,
  }
  const encoded = [{ alg: 'none', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${encoded.join('.')}.none`
}
