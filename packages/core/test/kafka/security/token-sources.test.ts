import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'
import { createAuthority, openTokenServer, type TokenServer } from '@kafka-backup/testkit'
import { cachedTokens } from '../../../src/kafka/sasl/token-cache.ts'
import { type ClientCredentials, requestToken } from '../../../src/kafka/sasl/token-endpoint.ts'
import { tokenFile } from '../../../src/kafka/sasl/token-file.ts'
import type { BearerToken } from '../../../src/kafka/security.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { LIMITS } from '../../../src/runtime/limits.ts'
import { Secret } from '../../../src/runtime/secret.ts'
import { failureOf } from '../raw-server.ts'

// A token that nobody answers for would be waited for for ever.
const WITHIN = { timeout: 10_000 }

let provider: TokenServer
let folder: string

before(async () => {
  provider = await openTokenServer()
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-tokens-'))
})

after(async () => {
  await provider[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

function credentials(changes: Partial<ClientCredentials> = {}): ClientCredentials {
  return {
    endpoint: new URL(provider.tokenUrl),
    clientId: provider.clientId,
    clientSecret: new Secret(provider.clientSecret),
    scope: null,
    trustedPem: null,
    ...changes,
  }
}

test('client credentials bring a token that lasts as long as the provider says', async () => {
  provider.setLifetimeSecs(120)
  const { token, expiresAtMs } = await requestToken(credentials({ scope: 'kafka read' }))
  assert.equal(token.reveal().split('.').length, 3)
  assert.ok(Math.abs(expiresAtMs - Date.now() - 120_000) < 5_000)
  const form = provider.requests.at(-1)
  assert.deepEqual(Object.fromEntries(form ?? []), { grant_type: 'client_credentials', scope: 'kafka read' })
})

test('a wrong secret is told with what the provider says, and without the secret', async () => {
  const clientSecret = new Secret('canary secret')
  const failure = await failureOf(requestToken(credentials({ clientSecret })))
  assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
  assert.match(failure.message, /answered 401: invalid_client, Client secret is wrong$/)
  const encoded = Buffer.from('canary').toString('base64').slice(0, 8)
  assert.doesNotMatch(inspect(failure, { depth: 12, showHidden: true }), new RegExp(`canary|${encoded}`))
})

test('a provider that is down or too busy is worth another try', async () => {
  for (const status of [429, 500, 503]) {
    provider.setFailure(status)
    const failure = await failureOf(requestToken(credentials()))
    assert.deepEqual([failure.code, failure.retryable], ['KB_CLUSTER_UNREACHABLE', true])
  }
  provider.setFailure(undefined)
  const endpoint = new URL('http://127.0.0.1:1/token')
  const failure = await failureOf(requestToken(credentials({ endpoint })))
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.message, /^the token endpoint 127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/)
})

for (const [what, status, body, message] of [
  ['a redirect', 302, '', /answered 302$/],
  ['no JSON', 200, '<html>', /without an access_token/],
  ['no token', 200, '{"token_type":"Bearer"}', /without an access_token/],
  ['a token that is no text', 200, '{"access_token":{}}', /without an access_token/],
  ['an endless document', 200, `{"x":"${'y'.repeat(LIMITS.tokenAnswerMaxBytes)}"}`, /more than \d+ bytes/],
] as const) {
  test(`a provider that answers with ${what} is not believed`, async () => {
    await using server = await serving(createServer(), status, body)
    const failure = await failureOf(requestToken(credentials({ endpoint: server.url('http') })))
    assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
    assert.match(failure.message, message)
  })
}

test('a token endpoint behind TLS needs an authority that is trusted', async () => {
  const authority = createAuthority('Token Authority')
  const issued = authority.issue({ commonName: 'login', hosts: ['127.0.0.1'] })
  const tls = createTlsServer({ cert: issued.certificatePem, key: issued.keyPem })
  await using server = await serving(tls, 200, '{"access_token":"a.b.c","expires_in":"60"}')
  const endpoint = server.url('https')
  const token = await requestToken(credentials({ endpoint, trustedPem: authority.certificatePem }))
  assert.equal(token.token.reveal(), 'a.b.c')
  const failure = await failureOf(requestToken(credentials({ endpoint })))
  assert.equal(failure.code, 'KB_TLS_FAILED')
  assert.match(failure.message, /^token endpoint 127\.0\.0\.1:\d+: its certificate/)
})

test(
  'a token is asked for once, however many connections wait, and again when a quarter of its life is left',
  WITHIN,
  async () => {
    let nowMs = 1_000_000
    let asked = 0
    const tokens = cachedTokens(
      async (): Promise<BearerToken> => {
        asked++
        return { token: new Secret(`token ${asked}`), expiresAtMs: nowMs + 100_000 }
      },
      { ...systemClock, nowMs: () => nowMs },
    )
    const texts = async (count: number) =>
      (await Promise.all(Array.from({ length: count }, () => tokens()))).map(({ token }) => token.reveal())
    assert.deepEqual(new Set(await texts(20)), new Set(['token 1']))
    nowMs += 74_999
    assert.deepEqual(await texts(1), ['token 1'])
    nowMs += 1
    assert.deepEqual(new Set(await texts(20)), new Set(['token 2']))
    assert.equal(asked, 2)
  },
)

test(
  'a token that could not be had is asked for again, and who stops waiting stops nobody else',
  WITHIN,
  async () => {
    const answers = [Promise.withResolvers<BearerToken>(), Promise.withResolvers<BearerToken>()]
    let asked = 0
    const tokens = cachedTokens(() => answers[asked++]!.promise)
    const impatient = new AbortController()
    const stopped = assert.rejects(tokens(impatient.signal), /enough/)
    const waiting = assert.rejects(tokens(), /down/)
    impatient.abort(new Error('enough'))
    await stopped
    answers[0]!.reject(new Error('down'))
    await waiting
    const token = { token: new Secret('x'), expiresAtMs: Date.now() + 60_000 }
    answers[1]!.resolve(token)
    assert.equal(await tokens(), token)
  },
)

test('a token file is read again for each connection', async () => {
  const path = join(folder, 'token')
  const tokens = tokenFile(path)
  await writeFile(path, `${provider.issue({ lifetimeSecs: 60 })}\n`)
  const first = await tokens()
  assert.ok(Math.abs(first.expiresAtMs - Date.now() - 60_000) < 5_000)
  await writeFile(path, '  opaque-token  ')
  const second = await tokens()
  assert.deepEqual([second.token.reveal(), second.expiresAtMs], ['opaque-token', Number.POSITIVE_INFINITY])
})

for (const [what, content, message] of [
  ['is not there', null, /cannot be read \(ENOENT\)/],
  ['is empty', ' \n', /is empty/],
  ['is larger than a token', 'x'.repeat(LIMITS.tokenMaxBytes + 1), /is larger than/],
] as const) {
  test(`a token file that ${what} is named`, async () => {
    const path = join(folder, `file ${what}`)
    if (content !== null) await writeFile(path, content)
    const failure = await failureOf(tokenFile(path)())
    assert.equal(failure.code, 'KB_AUTHENTICATION_FAILED')
    assert.match(failure.message, message)
    assert.ok(failure.message.includes(path))
  })
}

interface Serving extends AsyncDisposable {
  url(scheme: string): URL
}

/** Answers every request in the same way. */
async function serving(server: Server, status: number, body: string): Promise<Serving> {
  server.on('request', (_, response) => {
    response.writeHead(status, status === 302 ? { location: provider.tokenUrl } : {})
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: (scheme) => new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/token`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
