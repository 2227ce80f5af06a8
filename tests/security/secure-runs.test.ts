import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, GUEST_USER, type SecureCluster, startSecureCluster } from '@kafka-backup/testkit'
import { type Archive, expectComplete, expectExit } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { configFor, type Door, type Doors, prepareDoors } from './secure-doors.ts'

const RECORDS = 400
const TOPIC = 'orders'

let secured: SecureCluster
let doors: Doors
let folder: string

before(async () => {
  secured = await startSecureCluster()
  folder = join(secured.cluster.folder, 'conf')
  await mkdir(folder)
  doors = await prepareDoors(secured, folder)
  await createTopics(secured.cluster, { [TOPIC]: { partitions: 2 } })
  await fillTopics(secured.cluster, [{ topic: TOPIC, records: RECORDS, maxHeaders: 3 }])
  await writeFile(join(folder, 'token'), `${secured.tokens.issue()}\n`)
})

after(() => secured?.[Symbol.asyncDispose]())

const WAYS: readonly (readonly [what: string, door: () => Door])[] = [
  ['TLS', () => ({ listener: 'TLS', security: doors.tls })],
  ['mutual TLS', () => ({ listener: 'MTLS', security: doors.mutualTls })],
  [
    'TLS to a host whose name is not looked at',
    () => ({ listener: 'ELSEWHERE', security: { ...doors.tls, ssl_verify_hostname: false } }),
  ],
  ['PLAIN, as if no mechanism were named', () => ({ listener: 'PLAIN', security: doors.account(undefined) })],
  ['SCRAM-SHA-256', () => ({ listener: 'SCRAM', security: doors.account('SCRAM-SHA-256') })],
  ['SCRAM-SHA512', () => ({ listener: 'SCRAM', security: doors.account('SCRAM-SHA512') })],
  [
    'SCRAM over TLS',
    () => ({
      listener: 'BOTH',
      security: { ...doors.account('SCRAM-SHA-512'), ...doors.tls, security_protocol: 'SASL_SSL' },
    }),
  ],
  ['tokens of client credentials', () => ({ listener: 'BEARER', security: doors.tokenEndpoint })],
  ['the token of a file', () => ({ listener: 'BEARER', security: doors.tokenFile('token') })],
]

for (const [at, [what, door]] of WAYS.entries()) {
  test(`backs up through ${what}, and what it wrote is complete`, async () => {
    const archive: Archive = { folder: join(folder, 'archive'), backupId: `way-${at}` }
    const config = await configFor(secured, folder, 'source', door())
    const asked = secured.tokens.requests.length
    await expectExit(0, ['backup', '--config', config, '--topics', TOPIC, ...place(archive)])
    const report = await expectComplete(archive)
    assert.equal(report.records, RECORDS)
    const isAsked = door().security === doors.tokenEndpoint
    assert.equal(secured.tokens.requests.length - asked, isAsked ? 1 : 0, 'one token for all connections')
  })
}

test('restores through mutual TLS, SCRAM over TLS and tokens what was backed up through TLS', async () => {
  const archive: Archive = { folder: join(folder, 'archive'), backupId: 'way-0' }
  const mappings: Map<string, string>[] = []
  for (const at of [1, 6, 7]) {
    const [, door] = WAYS[at]!
    const config = await configFor(secured, folder, 'target', door())
    const target = `${TOPIC}-${at}`
    const names = ['--topics', TOPIC, '--topic-mapping', `${TOPIC}=${target}`]
    await expectExit(0, ['restore', '--config', config, ...names, ...place(archive)])
    mappings.push(new Map([[TOPIC, target]]))
  }
  await expectCopiesEqual(secured.cluster, mappings)
})

test('settings come from flags and the environment too', async () => {
  const archive: Archive = { folder: join(folder, 'archive'), backupId: 'flags' }
  const { sasl_password: password, ...account } = doors.account('SCRAM-SHA-256')
  const flags = Object.entries(account).flatMap(([name, value]) => [
    `--${name.replaceAll('_', '-')}`,
    String(value),
  ])
  const args = ['--bootstrap-servers', secured.address('SCRAM'), '--topics', TOPIC, ...place(archive)]
  const env = { KAFKA_BACKUP_SOURCE_SECURITY_SASL_PASSWORD: String(password) }
  await expectExit(0, ['backup', ...flags, ...args], { env })
})

test('a topic whose settings may not be read is backed up, and leaves the settings of the others', async () => {
  await createTopics(secured.cluster, { 'shown-1': { partitions: 1 }, 'hidden-1': { partitions: 1 } })
  await fillTopics(secured.cluster, [{ topic: 'hidden-1', records: 50 }])
  await secured.cluster.tools.alterTopicConfig('shown-1', { 'retention.ms': '123456789' })
  await secured.allow(GUEST_USER, ['Read', 'Describe', 'DescribeConfigs'], 'shown-1')
  await secured.allow(GUEST_USER, ['Read', 'Describe'], 'hidden-1')
  const archive: Archive = { folder: join(folder, 'archive'), backupId: 'hidden' }
  const security = { ...doors.account('PLAIN', GUEST_USER.password), sasl_username: GUEST_USER.name }
  const config = await configFor(secured, folder, 'source', { listener: 'PLAIN', security })
  const args = ['backup', '--config', config, '--topics', 'shown-1,hidden-1', ...place(archive)]
  const end = await expectExit(0, args)
  const denied = [{ topic: 'hidden-1', reason: 'TOPIC_AUTHORIZATION_FAILED' }]
  const report = end.json<{ records: number; topic_settings: unknown }>()
  assert.deepEqual(
    [report.records, report.topic_settings],
    [50, { topics: 1, unread: denied, failure: null }],
  )
  assert.match(
    end.stderr,
    /Settings not read of hidden-1: TOPIC_AUTHORIZATION_FAILED \(the account lacks DescribeConfigs\)/,
  )
  const required = await expectExit(3, [...args, '--require-topic-configs'])
  assert.equal(required.json<{ outcome: string }>().outcome, 'incomplete')
  const described = await expectExit(0, ['describe', ...place(archive)])
  type Topic = {
    topic: string
    settings: { name: string; value: string; source: string }[] | null
    unread: string | null
  }
  const { topics } = described.json<{ topic_settings: { topics: Topic[] } }>().topic_settings
  assert.deepEqual(
    topics.map(({ topic, settings, unread }) => [
      topic,
      settings?.find(({ source }) => source === 'topic') ?? null,
      unread,
    ]),
    [
      ['hidden-1', null, 'TOPIC_AUTHORIZATION_FAILED'],
      ['shown-1', { name: 'retention.ms', value: '123456789', source: 'topic' }, null],
    ],
  )
  const silent = await expectExit(0, [...args, '--capture-topic-configs', 'false'])
  assert.equal(silent.json<{ topic_settings: unknown }>().topic_settings, null)
})

test('a backup through sessions that end while it runs is complete', async () => {
  const archive: Archive = { folder: join(folder, 'archive'), backupId: 'renewed' }
  await createTopics(secured.cluster, { busy: { partitions: 1 } })
  // Read slowly enough to outlive several sessions: each request brings a few batches and waits for its turn.
  await fillTopics(secured.cluster, [{ topic: 'busy', records: 12_000, valueBytes: 1_000 }])
  await limitReading(600_000)
  const door: Door = { listener: 'RENEWING', security: doors.account('SCRAM-SHA-256') }
  const config = await configFor(secured, folder, 'source', door)
  const began = performance.now()
  const size = ['--fetch-max-bytes', '400000']
  await expectExit(0, ['backup', '--config', config, '--topics', 'busy', ...size, ...place(archive)])
  assert.ok(performance.now() - began > 7_000, 'it was over before a session ended')
  assert.equal((await expectComplete(archive)).records, 12_000)
})

/** Bytes per second that accounts may read. */
async function limitReading(bytesPerSec: number): Promise<void> {
  const args = ['--bootstrap-server', secured.cluster.bootstrap, '--alter', '--entity-type', 'users']
  const quota = ['--entity-name', 'alice', '--add-config', `consumer_byte_rate=${bytesPerSec}`]
  const run = await secured.cluster.tools.run('kafka.admin.ConfigCommand', [...args, ...quota])
  assert.equal(run.exitCode, 0, run.stderr)
}

function place(archive: Archive): string[] {
  const repo = pathToFileURL(archive.folder).href
  return ['--repo', repo, '--backup-id', archive.backupId, '--output-format', 'json']
}
