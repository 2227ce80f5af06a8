import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it, test } from 'node:test'
import { inspect } from 'node:util'
import {
  ADMIN_USER,
  GUEST_USER,
  RENEWING_SESSION_MS,
  type SecureCluster,
  type SecureListenerName,
  startSecureCluster,
  unsignedToken,
} from '@kafka-backup/testkit'
import type { KafkaBackupError } from '../../../src/errors/kafka-backup-error.ts'
import type { BrokerLink } from '../../../src/kafka/broker-connections.ts'
import { ResponseBuffers } from '../../../src/kafka/response-buffers.ts'
import type { ClusterSecurity } from '../../../src/kafka/security.ts'
import { Secret } from '../../../src/runtime/secret.ts'
import { failureOf } from '../raw-server.ts'
import { fetchOne, linkTo } from '../real-broker.ts'
import {
  accountOf,
  bearing,
  fixedToken,
  identityOf,
  linkToListener,
  readThroughEveryListener,
  trusting,
} from './secured-links.ts'

const FETCH_VERSION = 11
const TOPIC = 'secured'
const BIG_TOPIC = 'secured-big'

let secured: SecureCluster

before(async () => {
  secured = await startSecureCluster()
  const { tools } = secured.cluster
  await tools.createTopic(TOPIC, { partitions: 1 })
  await tools.createTopic(BIG_TOPIC, { partitions: 1 })
  await tools.producerPerformance({ topic: TOPIC, records: 500, payload: { bytesPerRecord: 100 } })
  await tools.producerPerformance({ topic: BIG_TOPIC, records: 20_000, payload: { bytesPerRecord: 1_000 } })
})

after(() => secured?.[Symbol.asyncDispose]())

const read = (link: BrokerLink, offset = 0n) => fetchOne(link, FETCH_VERSION, [TOPIC, 0, offset])

test('reads through TLS, mutual TLS, PLAIN, both SCRAMs, SCRAM over TLS, and tokens', async () => {
  await readThroughEveryListener(secured, TOPIC)
})

test('20 MB through TLS into buffers that are used again are the bytes that a plain connection brings', async () => {
  const limits = { maxBytes: 4 * 1024 * 1024, partitionMaxBytes: 4 * 1024 * 1024 }
  const digests = async (link: BrokerLink): Promise<string[]> => {
    const found: string[] = []
    for (let offset = 0n; offset < 20_000n; offset += 1_000n) {
      const { bytes } = await fetchOne(link, FETCH_VERSION, [BIG_TOPIC, 0, offset], limits)
      found.push(createHash('sha256').update(bytes).digest('hex'))
    }
    link.connection.close()
    return found
  }
  const buffers = new ResponseBuffers(5 * 1024 * 1024, 2)
  const encrypted = await linkToListener(secured, 'TLS', { tls: trusting(secured) }, { buffers })
  assert.deepEqual(await digests(encrypted), await digests(await linkTo(secured.cluster.broker(1).port)))
})

const strangerCertificate = () => identityOf(secured.strangeAuthority.issue({ commonName: 'client' }))

/** Every refusal: listener, security, code, and what the message and the hint say. */
const REFUSALS: readonly (readonly [
  what: string,
  listener: SecureListenerName,
  security: () => Partial<ClusterSecurity> | undefined,
  code: KafkaBackupError['code'],
  message: RegExp,
  hint: RegExp,
])[] = [
  [
    'a certificate that has expired',
    'EXPIRED',
    () => ({ tls: trusting(secured) }),
    'KB_TLS_FAILED',
    /its certificate, or that of its authority, has expired$/,
    /Renew/,
  ],
  [
    'an authority that is not trusted',
    'STRANGE',
    () => ({ tls: trusting(secured) }),
    'KB_TLS_FAILED',
    /authority that is not trusted$/,
    /ssl_ca_location/,
  ],
  [
    'an authority that the system does not know',
    'TLS',
    () => ({ tls: trusting(secured, { trustedPem: null }) }),
    'KB_TLS_FAILED',
    /not trusted$/,
    /ssl_ca_location/,
  ],
  [
    'a certificate of another host',
    'ELSEWHERE',
    () => ({ tls: trusting(secured) }),
    'KB_TLS_FAILED',
    /not made out to 127\.0\.0\.1, only to DNS:kafka\.example$/,
    /ssl_verify_hostname/,
  ],
  [
    'no certificate of ours',
    'MTLS',
    () => ({ tls: trusting(secured) }),
    'KB_TLS_FAILED',
    /wants a certificate of the account, and there is none$/,
    /ssl_certificate_location/,
  ],
  [
    'a certificate of ours that the broker does not trust',
    'MTLS',
    () => ({ tls: trusting(secured, { identity: strangerCertificate() }) }),
    'KB_TLS_FAILED',
    /refused our certificate/,
    /ssl_certificate_location/,
  ],
  [
    'a plain connection to a listener with TLS',
    'TLS',
    () => undefined,
    'KB_TLS_FAILED',
    /this listener speaks TLS only$/,
    /security_protocol/,
  ],
  [
    'TLS to a listener without',
    'PLAIN',
    () => ({ tls: trusting(secured) }),
    'KB_CLUSTER_UNREACHABLE',
    /closed the connection instead of answering in TLS$/,
    /security_protocol/,
  ],
  [
    'a wrong password (PLAIN)',
    'PLAIN',
    () => ({ sasl: accountOf('PLAIN', { ...ADMIN_USER, password: 'canary' }) }),
    'KB_AUTHENTICATION_FAILED',
    /the account "alice" was refused \(PLAIN\): .*Invalid username or password$/,
    /sasl_password/,
  ],
  [
    'a wrong password (SCRAM)',
    'SCRAM',
    () => ({ sasl: accountOf('SCRAM-SHA-512', { ...ADMIN_USER, password: 'canary' }) }),
    'KB_AUTHENTICATION_FAILED',
    /the account "alice" was refused \(SCRAM-SHA-512\): /,
    /sasl_password/,
  ],
  [
    'an account that does not exist',
    'SCRAM',
    () => ({ sasl: accountOf('SCRAM-SHA-256', { name: 'no,bo=dy', password: 'canary' }) }),
    'KB_AUTHENTICATION_FAILED',
    /the account "no,bo=dy" was refused/,
    /sasl_username/,
  ],
  [
    'a mechanism that is not offered',
    'SCRAM',
    () => ({ sasl: accountOf('PLAIN') }),
    'KB_AUTHENTICATION_FAILED',
    /PLAIN is not offered; offered are: SCRAM-SHA-\d+, SCRAM-SHA-\d+$/,
    /sasl_mechanism/,
  ],
  [
    'an account at a listener without accounts',
    'TLS',
    () => ({ tls: trusting(secured), sasl: accountOf('PLAIN') }),
    'KB_AUTHENTICATION_FAILED',
    /has no accounts \(no SASL\)$/,
    /security_protocol to SSL/,
  ],
  [
    'a token that has expired',
    'BEARER',
    () => {
      const token = new Secret(secured.tokens.issue({ lifetimeSecs: -600 }))
      return { sasl: bearing(async () => ({ token, expiresAtMs: Date.now() - 600_000 })) }
    },
    'KB_AUTHENTICATION_FAILED',
    /the token was refused \(OAUTHBEARER\): invalid_token \(the token expired at \d{4}-.*Z\)$/,
    /expired/,
  ],
  [
    'a token that somebody else signed',
    'BEARER',
    () => ({ sasl: bearing(fixedToken(secured.tokens.forge())) }),
    'KB_AUTHENTICATION_FAILED',
    /invalid_token$/,
    /issuer/,
  ],
  [
    'a token for another audience',
    'BEARER',
    () => ({ sasl: bearing(fixedToken(secured.tokens.issue({ aud: 'elsewhere' }))) }),
    'KB_AUTHENTICATION_FAILED',
    /invalid_token$/,
    /audience/,
  ],
]

for (const [what, listener, security, code, message, hint] of REFUSALS) {
  test(`${what} gives one clear error`, async () => {
    const failure = await failureOf(linkToListener(secured, listener, security()))
    assert.equal(failure.code, code, failure.message)
    assert.equal(failure.retryable, code === 'KB_CLUSTER_UNREACHABLE')
    assert.equal(failure.category, code === 'KB_CLUSTER_UNREACHABLE' ? 'cluster' : 'permission')
    assert.match(failure.message, message)
    assert.match(failure.hint, hint)
    assert.equal(failure.context.broker, secured.address(listener))
    const everything = inspect(failure, { depth: 20, showHidden: true })
    assert.doesNotMatch(everything, /canary|PRIVATE KEY|eyJ/)
  })
}

test('an account without rights is let in, and its fetch says that the ACL is missing', async () => {
  const link = await linkToListener(secured, 'PLAIN', { sasl: accountOf('PLAIN', GUEST_USER) })
  const fetched = await read(link)
  // TOPIC_AUTHORIZATION_FAILED
  assert.equal(fetched.errorCode, 29)
  link.connection.close()
})

test('a listener with accounts hangs up on who does not give one, and the error says what that may mean', async () => {
  const link = await linkToListener(secured, 'PLAIN', undefined)
  const failure = await failureOf(read(link))
  assert.equal(failure.code, 'KB_CLUSTER_UNREACHABLE')
  assert.match(failure.hint, /TLS or an account: check security_protocol/)
})

describe('a session that ends after seconds', { concurrency: true }, () => {
  it('fetches go on, several under way, over two renewals of a session, with passwords and with tokens', async () => {
    const accounts = [
      accountOf('SCRAM-SHA-256'),
      accountOf('PLAIN'),
      bearing(() => fixedToken(unsignedToken({ sub: 'service' }))()),
    ]
    await Promise.all(
      accounts.map(async (sasl) => {
        const link = await linkToListener(secured, 'RENEWING', { sasl })
        const counts = await fetchFor(link, RENEWING_SESSION_MS * 2.2)
        for (const count of counts) assert.ok(count > 20, `only ${count} fetches (${sasl.mechanism})`)
        assert.equal(link.connection.isOpen, true)
        link.connection.close()
      }),
    )
  })

  it('a connection that was idle beyond its session renews it before it is used', async () => {
    const link = await linkToListener(secured, 'RENEWING', { sasl: accountOf('SCRAM-SHA-256') })
    await new Promise((resolve) => setTimeout(resolve, RENEWING_SESSION_MS + 500))
    const answers = await Promise.all([read(link), read(link), read(link)])
    assert.deepEqual(
      answers.map(({ errorCode }) => errorCode),
      [0, 0, 0],
    )
    link.connection.close()
  })

  it('a renewal that is refused gives one clear error for everything that waits', async () => {
    let asked = 0
    const sasl = bearing(() => {
      asked++
      return fixedToken(unsignedToken(asked === 1 ? {} : { lifetimeSecs: -600 }))()
    })
    const link = await linkToListener(secured, 'RENEWING', { sasl })
    assert.equal((await read(link)).errorCode, 0)
    await new Promise((resolve) => setTimeout(resolve, RENEWING_SESSION_MS * 0.9))
    const failures = await Promise.all([read(link), read(link), read(link)].map(failureOf))
    assert.equal(asked, 2)
    assert.equal(new Set(failures).size, 1)
    assert.equal(failures[0]?.code, 'KB_AUTHENTICATION_FAILED')
    assert.match(failures[0]?.message ?? '', /the token was refused \(OAUTHBEARER\): /)
    assert.equal(link.connection.isOpen, false)
  })
})

/** Reads with four requests under way at every moment; gives the number of answers of each lane. */
function fetchFor(link: BrokerLink, durationMs: number): Promise<number[]> {
  const endMs = performance.now() + durationMs
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    let count = 0
    for (; performance.now() < endMs; count++) {
      // At the end of the log the broker waits for up to 100 ms before it answers.
      const fetched = await read(link, lane === 0 ? 500n : BigInt((lane * 100 + count) % 500))
      assert.equal(fetched.errorCode, 0)
      assert.equal(fetched.bytes.length === 0, lane === 0)
    }
    return count
  })
  return Promise.all(lanes)
}
