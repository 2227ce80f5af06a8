import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, GUEST_USER, type SecureCluster, startSecureCluster } from '@kafka-backup/testkit'
import { expectRefused } from '../bad-input/evidence.ts'
import { type Archive, backupArgs, expectExit, renamed } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { configFor, prepareDoors } from './secure-doors.ts'

const TOPICS = ['orders', 'payments']
const NEEDED = ['Read', 'Write', 'Describe', 'DescribeConfigs']
const DAY_MS = 86_400_000

let secured: SecureCluster
let archive: Archive
let config: string

before(async () => {
  secured = await startSecureCluster()
  const { cluster } = secured
  const folder = join(cluster.folder, 'conf')
  await mkdir(folder)
  const doors = await prepareDoors(secured, folder)
  const security = { ...doors.account('PLAIN', GUEST_USER.password), sasl_username: GUEST_USER.name }
  config = await configFor(secured, folder, 'target', { listener: 'PLAIN', security })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, { orders: { partitions: 2 }, payments: { partitions: 1 } })
  await fillTopics(cluster, [
    { topic: 'orders', records: 300 },
    { topic: 'payments', records: 100, beginTimestampMs: Date.now() - 3 * DAY_MS },
  ])
  await expectExit(0, backupArgs(cluster, archive, TOPICS))
  await createTopics(cluster, {
    'orders-unwritable': { partitions: 2 },
    'orders-unreadable': { partitions: 2 },
    'orders-unseen': { partitions: 2 },
    'orders-kept': { partitions: 2 },
    'payments-short': { partitions: 1, config: { 'retention.ms': String(DAY_MS) } },
    'orders-granted': { partitions: 2 },
    'payments-granted': { partitions: 1 },
  })
  await secured.allow(GUEST_USER, ['Read', 'Describe', 'DescribeConfigs'], 'orders-unwritable')
  await secured.allow(GUEST_USER, ['Write', 'Describe', 'DescribeConfigs'], 'orders-unreadable')
  await secured.allow(GUEST_USER, ['Read', 'Write', 'Describe'], 'orders-unseen')
  for (const topic of ['orders-kept', 'payments-short', 'orders-granted', 'payments-granted']) {
    await secured.allow(GUEST_USER, NEEDED, topic)
  }
})

after(() => secured?.[Symbol.asyncDispose]())

/** What the account lacks, for which restore, and what the refusal says. */
const LACKING: readonly (readonly [
  what: string,
  names: readonly (readonly [string, string])[],
  more: readonly string[],
  says: readonly string[],
])[] = [
  [
    'Write',
    [['orders', 'orders-unwritable']],
    [],
    ['topic orders-unwritable ', 'the account lacks the ACL Write'],
  ],
  [
    'Read',
    [['orders', 'orders-unreadable']],
    [],
    ['topic orders-unreadable ', 'the account lacks the ACL Read'],
  ],
  [
    'DescribeConfigs, and tells the rest as well',
    [
      ['orders', 'orders-unseen'],
      ['payments', 'payments-new'],
    ],
    [],
    ['topic orders-unseen ', 'the ACL DescribeConfigs', 'topic payments-new ', 'cannot be created'],
  ],
  [
    'Delete, for a purge',
    [['orders', 'orders-kept']],
    ['--existing-topics', 'purge', '--yes'],
    ['topic orders-kept ', 'the account lacks the ACL Delete'],
  ],
  [
    'AlterConfigs, to hold retention',
    [['payments', 'payments-short']],
    ['--hold-retention'],
    ['topic payments-short ', 'the account lacks the ACL AlterConfigs'],
  ],
  ['Create', [['orders', 'orders-new']], [], ['topic orders-new ', 'cannot be created']],
  [
    'several rights, all told at once',
    [
      ['orders', 'orders-unwritable'],
      ['payments', 'payments-new'],
    ],
    [],
    ['topic orders-unwritable ', 'the ACL Write', 'topic payments-new ', 'cannot be created'],
  ],
  [
    'transactional ids, where transactions were asked for',
    [['orders', 'orders-granted']],
    ['--mode', 'transactions'],
    ['transactional ids that begin with kafka-backup-restore-', 'Grant Write'],
  ],
]

for (const [what, names, more, says] of LACKING) {
  test(`refuses an account that lacks ${what}`, async () => {
    const args = [...restore(new Map(names)), ...more]
    const scene = { folders: [archive.folder], clusters: [secured.cluster] }
    await expectRefused(args, { exitCode: 8, code: 'KB_CLUSTER_PERMISSION', says }, scene)
  })
}

test('without transactional ids it restores without transactions and says what that cannot promise', async () => {
  const names = renamed(TOPICS, 'granted')
  // Whoever may see an id may not use it for that.
  await secured.allowTransactions(GUEST_USER, 'kafka-backup-restore-', ['Describe'])
  const end = await expectExit(0, restore(names))
  assert.equal(end.json<{ mode: string }>().mode, 'idempotent')
  assert.match(end.stderr, /may not use transactional ids that begin with kafka-backup-restore-/)
  assert.match(end.stderr, /not against a process that was suspended while it sent and wakes later/)
  await expectCopiesEqual(secured.cluster, [names])
})

test('with them, and the right to create topics, it uses transactions', async () => {
  const names = renamed(TOPICS, 'created')
  await secured.allowTransactions(GUEST_USER, 'kafka-backup-restore-')
  for (const topic of names.values()) await secured.allow(GUEST_USER, [...NEEDED, 'Create'], topic)
  const end = await expectExit(0, restore(names))
  assert.equal(end.json<{ mode: string }>().mode, 'transactions')
  await expectCopiesEqual(secured.cluster, [names])
})

function restore(names: ReadonlyMap<string, string>): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const mapping = [...names].map(([source, target]) => `${source}=${target}`).join(',')
  const what = ['--topics', [...names.keys()].join(','), '--topic-mapping', mapping]
  return ['restore', '--config', config, ...place, ...what, '--output-format', 'json']
}
