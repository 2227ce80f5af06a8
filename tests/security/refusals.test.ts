import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, GUEST_USER, type SecureCluster, startSecureCluster } from '@kafka-backup/testkit'
import { type ErrorDocument, treeOf } from '../bad-input/evidence.ts'
import { assertExit } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { runProgram } from '../harness/run-program.ts'
import { configFor, type Door, type Doors, prepareDoors } from './secure-doors.ts'

const TOPIC = 'orders'
const WRONG_PASSWORD = 'canary-password'

let secured: SecureCluster
let doors: Doors
let folder: string

before(async () => {
  secured = await startSecureCluster()
  folder = join(secured.cluster.folder, 'conf')
  await mkdir(folder)
  doors = await prepareDoors(secured, folder)
  await createTopics(secured.cluster, { [TOPIC]: { partitions: 1 } })
  await writeFile(join(folder, 'expired-token'), secured.tokens.issue({ lifetimeSecs: -600 }))
  await writeFile(join(folder, 'forged-token'), secured.tokens.forge())
})

after(() => secured?.[Symbol.asyncDispose]())

/** What is refused, and the exit code, the code, and what the message and the hint say. */
const REFUSALS: readonly (readonly [
  what: string,
  door: () => Door,
  exitCode: number,
  code: string,
  message: RegExp,
  hint: RegExp,
])[] = [
  [
    'a wrong password (PLAIN)',
    () => ({ listener: 'PLAIN', security: doors.account('PLAIN', WRONG_PASSWORD) }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the account "alice" was refused \(PLAIN\)/,
    /sasl_password/,
  ],
  [
    'a wrong password (SCRAM)',
    () => ({ listener: 'SCRAM', security: doors.account('SCRAM-SHA-512', WRONG_PASSWORD) }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the account "alice" was refused \(SCRAM-SHA-512\)/,
    /sasl_password/,
  ],
  [
    'a mechanism that the listener does not offer',
    () => ({ listener: 'SCRAM', security: doors.account('PLAIN') }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the mechanism PLAIN is not offered; offered are: SCRAM/,
    /sasl_mechanism/,
  ],
  [
    'a certificate that has expired',
    () => ({ listener: 'EXPIRED', security: doors.tls }),
    8,
    'KB_TLS_FAILED',
    /has expired/,
    /Renew/,
  ],
  [
    'an authority that is not trusted',
    () => ({ listener: 'STRANGE', security: doors.tls }),
    8,
    'KB_TLS_FAILED',
    /an authority that is not trusted/,
    /ssl_ca_location/,
  ],
  [
    'an authority that only the settings could name',
    () => ({ listener: 'TLS', security: { security_protocol: 'SSL' } }),
    8,
    'KB_TLS_FAILED',
    /not trusted/,
    /ssl_ca_location/,
  ],
  [
    'the certificate of another host',
    () => ({ listener: 'ELSEWHERE', security: doors.tls }),
    8,
    'KB_TLS_FAILED',
    /not made out to 127\.0\.0\.1, only to DNS:kafka\.example/,
    /ssl_verify_hostname/,
  ],
  [
    'no certificate where one is wanted',
    () => ({ listener: 'MTLS', security: doors.tls }),
    8,
    'KB_TLS_FAILED',
    /wants a certificate of the account, and there is none/,
    /ssl_certificate_location/,
  ],
  [
    'a certificate of an authority that the broker does not trust',
    () => ({
      listener: 'MTLS',
      security: {
        ...doors.tls,
        ssl_certificate_location: 'pem/stranger.pem',
        ssl_key_location: 'pem/stranger-key.pem',
      },
    }),
    8,
    'KB_TLS_FAILED',
    /refused our certificate/,
    /ssl_certificate_location/,
  ],
  [
    'no TLS where it is wanted',
    () => ({ listener: 'TLS', security: {} }),
    8,
    'KB_TLS_FAILED',
    /this listener speaks TLS only/,
    /security_protocol/,
  ],
  [
    'TLS where there is none',
    () => ({ listener: 'PLAIN', security: doors.tls }),
    6,
    'KB_CLUSTER_UNREACHABLE',
    /closed the connection instead of answering in TLS/,
    /security_protocol/,
  ],
  [
    'no account where one is wanted',
    () => ({ listener: 'PLAIN', security: {} }),
    6,
    'KB_CLUSTER_UNREACHABLE',
    /closed the connection/,
    /security_protocol/,
  ],
  [
    'a token that has expired',
    () => ({ listener: 'BEARER', security: doors.tokenFile('expired-token') }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the token was refused \(OAUTHBEARER\): invalid_token \(the token expired at/,
    /expired/,
  ],
  [
    'a token that nobody trusts',
    () => ({ listener: 'BEARER', security: doors.tokenFile('forged-token') }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the token was refused \(OAUTHBEARER\): invalid_token/,
    /issuer/,
  ],
  [
    'a token file that is not there',
    () => ({ listener: 'BEARER', security: doors.tokenFile('nowhere') }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /the token file .*nowhere cannot be read \(ENOENT\)/,
    /token_file/,
  ],
  [
    'a client that the token endpoint does not know',
    () => ({
      listener: 'BEARER',
      security: { ...doors.tokenEndpoint, sasl_oauthbearer_client_secret: WRONG_PASSWORD },
    }),
    8,
    'KB_AUTHENTICATION_FAILED',
    /token endpoint .* answered 401: invalid_client/,
    /client_secret/,
  ],
]

function guest() {
  return { ...doors.account('PLAIN', GUEST_USER.password), sasl_username: GUEST_USER.name }
}

test('a topic that the account may not see is one that it has no right to', async () => {
  const document = await refused({ listener: 'PLAIN', security: guest() }, 8)
  assert.equal(document.error.code, 'KB_CLUSTER_PERMISSION')
  assert.match(document.error.hint, /Describe/)
  await secured.allow(GUEST_USER, 'Describe', TOPIC)
})

for (const [what, door, exitCode, code, message, hint] of REFUSALS) {
  test(`${what}: one clear error, and nothing is written`, async () => {
    const { error } = await refused(door(), exitCode)
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assert.match(error.message, /nothing was (?:written|started)/i)
  })
}

test('an account that may see the topic and no more reads no record, and is told so', async () => {
  await fillTopics(secured.cluster, [{ topic: TOPIC, records: 10, valueBytes: 10 }])
  const config = await configFor(secured, folder, 'source', { listener: 'PLAIN', security: guest() })
  const repo = pathToFileURL(join(folder, 'unread')).href
  const args = ['backup', '--config', config, '--topics', TOPIC, '--repo', repo, '--backup-id', 'daily']
  const end = await runProgram([...args, '--output-format', 'json'])
  assertExit(end, 8)
  const { error } = end.json<ErrorDocument>()
  assert.equal(error.code, 'KB_CLUSTER_PERMISSION')
  assert.match(error.message, /may not read topic orders/)
  assert.match(error.hint, /ACL/)
})

/** Backs up through a door that does not open; no secret may be said, in either format. */
async function refused(door: Door, exitCode: number): Promise<ErrorDocument> {
  const config = await configFor(secured, folder, 'source', door)
  const archive = join(folder, 'archive')
  const repo = pathToFileURL(archive).href
  const args = ['backup', '--config', config, '--topics', TOPIC, '--repo', repo, '--backup-id', 'daily']
  const [asText, asJson] = await Promise.all([
    runProgram(args),
    runProgram([...args, '--output-format', 'json']),
  ])
  for (const end of [asText, asJson]) {
    assertExit(end, exitCode)
    assert.doesNotMatch(end.stdout + end.stderr, /canary|PRIVATE KEY|eyJ|guest-secret/)
  }
  assert.deepEqual(await treeOf(archive), {})
  const document = asJson.json<ErrorDocument>()
  assert.equal(document.error.exit_code, exitCode)
  assert.ok(asText.stderr.includes(document.error.code))
  return document
}
