import assert from 'node:assert/strict'
import {
  ADMIN_USER,
  type ClusterUser,
  type SecureCluster,
  type SecureListenerName,
  unsignedToken,
} from '@kafka-backup/testkit'
import {
  type BrokerLink,
  type BrokerLinkOptions,
  openBrokerLink,
} from '../../../src/kafka/broker-connections.ts'
import type { ClusterSecurity, SaslSecurity, TlsSecurity, TokenSource } from '../../../src/kafka/security.ts'
import { Secret } from '../../../src/runtime/secret.ts'
import { fetchOne } from '../real-broker.ts'

const FETCH_VERSION = 11

/** TLS that trusts the cluster's authority. */
export function trusting(secured: SecureCluster, changes: Partial<TlsSecurity> = {}): TlsSecurity {
  return {
    trustedPem: secured.authority.certificatePem,
    identity: null,
    verifiesHostname: true,
    ...changes,
  }
}

export function identityOf(issued: {
  readonly certificatePem: string
  readonly keyPem: string
}): TlsSecurity['identity'] {
  return { certificatePem: issued.certificatePem, keyPem: new Secret(issued.keyPem), keyPassword: null }
}

export function accountOf(
  mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
  user: ClusterUser = ADMIN_USER,
): SaslSecurity {
  return { mechanism, username: user.name, password: new Secret(user.password) }
}

export function bearing(tokens: TokenSource): SaslSecurity {
  return { mechanism: 'OAUTHBEARER', tokens, extensions: new Map() }
}

/** Always the same token. */
export function fixedToken(text: string): TokenSource {
  return async () => ({ token: new Secret(text), expiresAtMs: Number.POSITIVE_INFINITY })
}

/** Opens a link to a listener; absent parts of the security are null. */
export function linkToListener(
  secured: SecureCluster,
  listener: SecureListenerName,
  security: Partial<ClusterSecurity> | undefined,
  options: Partial<BrokerLinkOptions> = {},
): Promise<BrokerLink> {
  const [host = '', port = ''] = secured.address(listener).split(':')
  return openBrokerLink(
    { host, port: Number(port) },
    {
      clientId: 'test',
      ...(security ? { security: { tls: null, sasl: null, ...security } } : {}),
      ...options,
    },
  )
}

/** Opens every listener in the way it wants and reads a topic of at least 50 kB through it. */
export async function readThroughEveryListener(secured: SecureCluster, topic: string): Promise<void> {
  const tls = trusting(secured)
  const extensions = new Map([['pool', 'one two']])
  const unsigned = { ...bearing(fixedToken(unsignedToken())), extensions } as SaslSecurity
  const ways: readonly (readonly [SecureListenerName, Partial<ClusterSecurity>])[] = [
    ['TLS', { tls }],
    ['MTLS', { tls: trusting(secured, { identity: identityOf(secured.clientCertificate) }) }],
    ['ELSEWHERE', { tls: trusting(secured, { verifiesHostname: false }) }],
    ['PLAIN', { sasl: accountOf('PLAIN') }],
    ['SCRAM', { sasl: accountOf('SCRAM-SHA-256') }],
    ['SCRAM', { sasl: accountOf('SCRAM-SHA-512') }],
    ['BOTH', { tls, sasl: accountOf('SCRAM-SHA-512') }],
    ['BEARER', { sasl: bearing(fixedToken(secured.tokens.issue())) }],
    ['UNSIGNED', { sasl: unsigned }],
  ]
  for (const [listener, security] of ways) {
    const link = await linkToListener(secured, listener, security)
    try {
      const fetched = await fetchOne(link, FETCH_VERSION, [topic, 0, 0n])
      assert.equal(fetched.errorCode, 0)
      assert.ok(fetched.bytes.length > 50_000, `${listener} brought ${fetched.bytes.length} bytes`)
    } finally {
      link.connection.close()
    }
  }
}
