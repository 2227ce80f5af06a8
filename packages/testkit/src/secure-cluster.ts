import { type CertificateAuthority, createAuthority, type IssuedCertificate } from './certificates.ts'
import { type KafkaCluster, type KafkaClusterOptions, startKafkaCluster } from './kafka-cluster.ts'
import type { ClusterUser, SecureListener } from './secure-listeners.ts'
import { openTokenServer, TOKEN_AUDIENCE, type TokenServer } from './token-server.ts'

/** One broker with a listener of every kind, and what is needed to be let in. */
export interface SecureCluster extends AsyncDisposable {
  readonly cluster: KafkaCluster
  readonly authority: CertificateAuthority
  /** Nobody trusts it. */
  readonly strangeAuthority: CertificateAuthority
  /** For the listener MTLS. */
  readonly clientCertificate: IssuedCertificate
  readonly tokens: TokenServer
  /** `host:port` of a listener. */
  address(listener: SecureListenerName): string
  /** Adds ACLs, such as `Read`, for a topic. */
  allow(user: ClusterUser, operations: string | readonly string[], topic: string): Promise<void>
  /** Lets the account list all groups of the cluster, whether or not it may see what they have committed. */
  allowListingGroups(user: ClusterUser): Promise<void>
  /** Lets the account see what a group has committed. */
  allowGroup(user: ClusterUser, group: string): Promise<void>
  /** Lets the account use the transactional ids that begin like this. */
  allowTransactions(user: ClusterUser, idPrefix: string, operations?: readonly string[]): Promise<void>
}

/** May do everything. */
export const ADMIN_USER: ClusterUser = { name: 'alice', password: 'pass word é' }
/** Is let in and may do nothing. */
export const GUEST_USER: ClusterUser = { name: 'guest', password: 'guest-secret' }
/** Sessions of the listener RENEWING end after so long. */
export const RENEWING_SESSION_MS = 5_000

const DAY_MS = 24 * 3600 * 1000
const HOSTS = ['localhost', '127.0.0.1']

/** Names of the listeners of a {@link SecureCluster}. */
export type SecureListenerName = ReturnType<typeof listenersOf>[number]['name']

/** Starts it; ACLs are enforced, with everybody but {@link GUEST_USER} allowed. */
export async function startSecureCluster(options: KafkaClusterOptions = {}): Promise<SecureCluster> {
  const authority = createAuthority('Test Authority')
  const strangeAuthority = createAuthority('Strange Authority')
  const tokens = await openTokenServer()
  const admins = ['ANONYMOUS', ADMIN_USER.name, 'CN=client', 'service']
  try {
    const cluster = await startKafkaCluster({
      ...options,
      users: [ADMIN_USER, GUEST_USER],
      secureListeners: listenersOf(authority, strangeAuthority, tokens),
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': admins.map((name) => `User:${name}`).join(';'),
        ...options.properties,
      },
    })
    return {
      cluster,
      authority,
      strangeAuthority,
      clientCertificate: authority.issue({ commonName: 'client' }),
      tokens,
      address: (listener) => cluster.listener(listener)[0] ?? '',
      allow: (user, operations, topic) =>
        addAcls(cluster, user, { operations: [operations].flat(), resource: ['--topic', topic] }),
      allowListingGroups: (user) =>
        addAcls(cluster, user, { operations: ['Describe'], resource: ['--cluster'] }),
      allowGroup: (user, group) =>
        addAcls(cluster, user, { operations: ['Describe'], resource: ['--group', group] }),
      allowTransactions: (user, idPrefix, operations = ['Write', 'Describe']) =>
        addAcls(cluster, user, {
          operations,
          resource: ['--transactional-id', idPrefix, '--resource-pattern-type', 'prefixed'],
        }),
      async [Symbol.asyncDispose]() {
        await cluster.close()
        await tokens[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await tokens[Symbol.asyncDispose]()
    throw error
  }
}

async function addAcls(
  cluster: KafkaCluster,
  user: ClusterUser,
  { operations, resource }: { readonly operations: readonly string[]; readonly resource: readonly string[] },
): Promise<void> {
  // The class moved in 4.0.
  const className = `${cluster.version.startsWith('3.') ? 'kafka.admin' : 'org.apache.kafka.tools'}.AclCommand`
  const what = operations.flatMap((operation) => ['--operation', operation])
  const who = ['--allow-principal', `User:${user.name}`, ...what, ...resource]
  const args = ['--bootstrap-server', cluster.bootstrap, '--add', ...who]
  const run = await cluster.tools.run(className, args)
  if (run.exitCode !== 0) throw new Error(`could not add ACLs:\n${run.stdout}${run.stderr}`)
}

function listenersOf(
  authority: CertificateAuthority,
  strangeAuthority: CertificateAuthority,
  tokens: TokenServer,
) {
  const certificate = authority.issue({ commonName: 'broker', hosts: HOSTS })
  const expired = authority.issue({
    commonName: 'broker',
    hosts: HOSTS,
    notBeforeMs: Date.now() - 2 * DAY_MS,
    notAfterMs: Date.now() - DAY_MS,
  })
  const jwks = { kind: 'jwks', jwksUrl: tokens.jwksUrl, audience: TOKEN_AUDIENCE } as const
  return [
    { name: 'TLS', protocol: 'SSL', certificate },
    { name: 'MTLS', protocol: 'SSL', certificate, clientAuthorityPem: authority.certificatePem },
    { name: 'EXPIRED', protocol: 'SSL', certificate: expired },
    {
      name: 'STRANGE',
      protocol: 'SSL',
      certificate: strangeAuthority.issue({ commonName: 'broker', hosts: HOSTS }),
    },
    {
      name: 'ELSEWHERE',
      protocol: 'SSL',
      certificate: authority.issue({ commonName: 'broker', hosts: ['kafka.example'] }),
    },
    { name: 'PLAIN', protocol: 'SASL_PLAINTEXT', mechanisms: ['PLAIN'] },
    { name: 'SCRAM', protocol: 'SASL_PLAINTEXT', mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'] },
    { name: 'BOTH', protocol: 'SASL_SSL', certificate, mechanisms: ['SCRAM-SHA-512'], host: 'localhost' },
    { name: 'BEARER', protocol: 'SASL_PLAINTEXT', mechanisms: ['OAUTHBEARER'], bearer: jwks },
    {
      name: 'UNSIGNED',
      protocol: 'SASL_PLAINTEXT',
      mechanisms: ['OAUTHBEARER'],
      bearer: { kind: 'unsecured' },
    },
    {
      name: 'RENEWING',
      protocol: 'SASL_PLAINTEXT',
      mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER'],
      bearer: { kind: 'unsecured' },
      maxReauthMs: RENEWING_SESSION_MS,
    },
  ] as const satisfies readonly SecureListener[]
}
