import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openCluster } from '@kafka-backup/core'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import type { FrameDescription } from '../../packages/core/src/format/segment-builder.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { openFilesystem } from '../../packages/core/src/storage/filesystem/location.ts'
import { withCodecId } from '../../packages/core/test/protocol/samples.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_TOPIC,
  writeSegment,
} from '../../packages/core/test/verify/archive-writer.ts'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { retentionOf } from '../harness/retention.ts'
import { expectSameRecords, readTopics } from '../harness/same-content.ts'
import { expectRefused, offsetsOf, type Refusal, treeOf } from './evidence.ts'

const RECORDS = 300
const YEAR_2020_MS = Date.UTC(2020, 0, 1)
const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, {
    orders: { partitions: 2 },
    payments: { partitions: 1 },
    // The broker would delete them at once otherwise.
    history: { partitions: 1, config: { 'retention.ms': '-1' } },
    occupied: { partitions: 2 },
    emptied: { partitions: 1, config: { 'retention.ms': '-1' } },
    narrow: { partitions: 1 },
    stamped: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
    // Compressed by its producer: no commit knows how old its oldest record is.
    aging: { partitions: 1, config: { 'retention.ms': '-1' } },
    uncoded: { partitions: 2, config: { 'retention.ms': '-1' } },
    weekly: { partitions: 1, config: { 'retention.ms': String(WEEK_MS) } },
    shortlived: { partitions: 1, config: { 'retention.ms': '86400000' } },
    small: { partitions: 1, config: { 'max.message.bytes': '2000' } },
    tomorrow: { partitions: 1, config: { 'message.timestamp.after.max.ms': '9223372036854775807' } },
    tiny: { partitions: 2, config: { 'max.message.bytes': '600' } },
    compacted: { partitions: 2, config: { 'cleanup.policy': 'compact' } },
    careful: { partitions: 1, config: { 'min.insync.replicas': '2' } },
    cramped: { partitions: 2, config: { 'retention.bytes': '1000' } },
    young: { partitions: 2, config: { 'message.timestamp.before.max.ms': '3600000' } },
    punctual: { partitions: 2, config: { 'message.timestamp.after.max.ms': '1000' } },
  })
  await fillTopics(cluster, [
    { topic: 'orders', records: RECORDS },
    { topic: 'payments', records: RECORDS, nullKeyEvery: 50 },
    { topic: 'tomorrow', records: RECORDS, beginTimestampMs: Date.now() + DAY_MS },
    { topic: 'history', records: RECORDS, beginTimestampMs: YEAR_2020_MS },
    { topic: 'occupied', records: 1, partition: 1 },
    { topic: 'aging', records: RECORDS, beginTimestampMs: YEAR_2020_MS, compression: 'lz4' },
  ])
  await fillTopics(cluster, [{ topic: 'aging', records: RECORDS, compression: 'lz4' }])
  await expectExit(0, backupArgs(cluster, archive, ['orders', 'payments', 'history', 'tomorrow', 'aging']))
})

after(() => cluster?.close())

test('refuses a backup and topics that do not exist', async () => {
  await refused(restoreArgs(cluster, { ...archive, backupId: 'dayli' }, new Map([['orders', 'x']])), {
    exitCode: 2,
    code: 'KB_BACKUP_NOT_FOUND',
    says: ['"dayli"', pathToFileURL(archive.folder).href, 'kafka-backup list --repo'],
  })
  await refused(plain('--topics', 'ordesr,paymnets'), {
    exitCode: 2,
    code: 'KB_TOPIC_NOT_FOUND',
    says: ['"ordesr", "paymnets"', 'in backup daily'],
  })
  await refused(plain('--topic-mapping', 'ordesr=orders-copy'), {
    exitCode: 2,
    code: 'KB_TOPIC_NOT_FOUND',
    says: ['"ordesr"', 'history, orders, payments'],
  })
})

test('refuses to put two topics into one', async () => {
  await refused(plain('--topic-mapping', 'orders=copy,payments=copy'), {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['orders and payments', 'restored into copy', '--allow-many-to-one'],
  })
  await refused(plain('--topics', 'orders,payments', '--topic-mapping', 'orders=payments'), {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['orders and payments', 'restored into payments'],
  })
})

test('refuses choices that fit nothing, and names what there is', async () => {
  const choices: readonly (readonly [choice: readonly string[], says: string])[] = [
    [['--partition-mapping', '0=1,1=0,7=2'], 'partition 7 is to get another number and is not restored'],
    [['--partitions', 'orders:0,orders:7'], '"orders:7" chooses no partition of a topic that is restored'],
  ]
  for (const [choice, says] of choices) {
    const refusal = { exitCode: 2, code: 'KB_USAGE', says: [says, '0, 1'] }
    await refused(plain('--topics', 'orders', ...choice), refusal)
  }
})

const unsuitable: readonly (readonly [target: string, source: string, says: string])[] = [
  ['narrow', 'orders', 'has 1 partition, the restore of orders needs 2'],
  ['stamped', 'payments', 'message.timestamp.type=LogAppendTime'],
  ['shortlived', 'history', 'retention.ms=86400000'],
  ['weekly', 'aging', 'retention.ms=604800000'],
  ['compacted', 'payments', 'takes no record without a key'],
  ['cramped', 'payments', 'retention.bytes=1000'],
  ['young', 'history', 'message.timestamp.before.max.ms=3600000'],
  ['punctual', 'tomorrow', 'message.timestamp.after.max.ms=1000'],
  ['absent', 'payments', 'does not exist'],
]

for (const [target, source, says] of unsuitable) {
  test(`refuses the target topic ${target}`, async () => {
    const args = [...restoreArgs(cluster, archive, new Map([[source, target]])), '--create-topics', 'false']
    const refusal = { exitCode: 5, code: 'KB_TARGET_UNSUITABLE', says: [`topic ${target} `, says] }
    await refused(args, refusal)
    await refused([...args, '--dry-run'], refusal)
  })
}

test('refuses a topic whose limit is below a single record', async () => {
  await refused(restoreArgs(cluster, archive, new Map([['payments', 'tiny']])), {
    exitCode: 1,
    code: 'KB_RECORD_TOO_LARGE',
    says: ['topic tiny has max.message.bytes=600', 'does not fit alone'],
  })
})

test('refuses batches in a codec that nobody knows, before anything is written', async () => {
  const folder = join(cluster.folder, 'of-a-later-version')
  const storage = openFilesystem(pathToFileURL(folder))
  const batches = [dataBatch(10n, 10)]
  const later = {
    ...{ batches, stored: [withCodecId(batches[0]!, 6)] },
    falsify: (own: FrameDescription) => ({ ...own, codecs: ['brotli'] }),
  }
  const extents = [{ beginOffset: 0n, holes: [] }]
  const frames = [{ batches: [dataBatch(0n, 10)] }, later]
  const segments = [await writeSegment(storage, { streams: [ORDERS_0], extents, frames, sequence: 1 })]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  const commit = draft('run-1', 'complete', { topics: [ORDERS_TOPIC], begins, segments })
  await appendCommit(storage, new BackupState(BACKUP), commit)
  await storage.close()
  const args = restoreArgs(cluster, { folder, backupId: BACKUP }, new Map([['orders', 'uncoded']]))
  const refusal = {
    exitCode: 4,
    code: 'KB_FORMAT_UNSUPPORTED',
    says: [
      '- topic uncoded would get batches in a codec',
      '"brotli": orders/0, offsets 10-19',
      'newer kafka-backup',
    ],
  }
  const scene = { folders: [folder], clusters: [cluster] }
  const { error } = await expectRefused(args, refusal, scene)
  assert.doesNotMatch(error.hint, /--topic-mapping/)
  await expectRefused([...args, '--dry-run'], refusal, scene)
  await expectExit(0, [...args, '--offsets', 'orders/0:-9'])
})

test('splits batches for a topic whose limit is below the largest batch', async () => {
  const names = new Map([['payments', 'small']])
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectSameContent(names)
})

test('restores into a topic that has all of its replicas in sync, though fewer than it wants', async () => {
  const names = new Map([['payments', 'careful']])
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectSameContent(names)
})

test('refuses a target that holds records, and restores beside it as the hint says', async () => {
  const names = new Map([['orders', 'occupied']])
  const { error } = await refused(restoreArgs(cluster, archive, names), {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: ['topic occupied is not empty: it holds 1 offset', cluster.clusterId],
  })
  const [, mapping] = /--topic-mapping (\S+)/.exec(error.hint) ?? []
  assert.equal(mapping, 'orders=orders-restored')
  await expectExit(0, plain('--topics', 'orders', '--topic-mapping', mapping ?? ''))
  await expectSameContent(new Map([['orders', 'orders-restored']]))
})

test('refuses to write into topics that the brokers keep for themselves', async () => {
  const names = new Map([
    ['orders', '__consumer_offsets'],
    ['payments', '__transaction_state'],
    ['history', '__remote_log_metadata'],
  ])
  // Told also where the topic is empty, or is not there yet.
  const args = [...restoreArgs(cluster, archive, names), '--existing-topics', 'append']
  await refused(args, {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: [
      'topic __consumer_offsets is kept by the brokers for themselves',
      'topic __transaction_state is kept by the brokers for themselves',
      'topic __remote_log_metadata is kept by the brokers for themselves',
      'Restore it under another name.',
    ],
  })
})

test('refuses to create topics whose names the brokers take for the same', async () => {
  const names = new Map([
    ['orders', 'copy.of_all'],
    ['payments', 'copy_of.all'],
  ])
  const refusal = {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: [
      'topic copy_of.all cannot be created beside copy.of_all',
      'Restore one of them under another name.',
    ],
  }
  await refused(restoreArgs(cluster, archive, names), refusal)
  await refused([...restoreArgs(cluster, archive, names), '--dry-run'], refusal)
})

test('tells all refusals at once', async () => {
  const names = new Map([
    ['history', 'shortlived'],
    ['orders', 'occupied'],
    ['payments', 'stamped'],
  ])
  const { error } = await refused(restoreArgs(cluster, archive, names), {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: ['topic occupied is not empty', 'topic shortlived has retention.ms', 'topic stamped has message'],
  })
  assert.equal(error.message.match(/^- topic /gm)?.length, 3)
})

test('refuses to keep offsets where something speaks against it, and says all of it at once', async () => {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-setup' })
  await fillTopics(cluster, [{ topic: 'emptied', records: 3 }])
  await client.deleteRecords([{ topic: 'emptied', partition: 0, offset: 3n }]).finally(() => client.close())
  const names = new Map([
    ['history', 'emptied'],
    ['payments', 'occupied'],
  ])
  const window = ['--to', '2020-01-01T00:00:00.100Z', '--keep-offsets-max-gap', '150']
  const { error } = await refused([...restoreArgs(cluster, archive, names), '--keep-offsets', ...window], {
    exitCode: 5,
    code: 'KB_TARGET_NOT_EMPTY',
    says: [
      'topic occupied is not empty: it holds 1 offset',
      'topic emptied has given out offsets up to 3 in partition 0, and the first one that is restored is 0',
      'topic occupied has 2 partitions, the restore of payments has 1',
      'topic emptied needs up to 300 markers',
      'restore.keep_offsets_max_gap=150',
      '--dry-run says how long they take',
    ],
  })
  assert.equal(error.message.match(/^- topic /gm)?.length, 4)
  assert.match(error.hint, /only in topics that hold nothing else: restore into a topic that does not exist/)
  assert.doesNotMatch(error.hint, /append/)
})

test('begins the log with the first record of a window, and takes no marker for what lies before', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['history', 'history-late']])), '--keep-offsets']
  const end = await expectExit(0, [...args, '--from', '2020-01-01T00:00:00.100Z'])
  const { filled_offsets: filled } = end.json<{ filled_offsets: { filler: number; markers: number } }>()
  assert.ok(filled.filler > 0)
  assert.equal(filled.markers, 0)
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-evidence' })
  const starts = await client
    .listOffsets('log_start', [{ topic: 'history-late', partition: 0 }])
    .finally(() => client.close())
  assert.equal(starts.get('history-late/0'), BigInt(filled.filler))
})

test('refuses to write more filler than it may, and says how much that is', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['orders', 'orders-far']])), '--keep-offsets']
  const range = [...args, '--offsets', 'orders/0:100-']
  await refused([...range, '--keep-offsets-max-filler', '99'], {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: [
      'topic orders-far needs 100 records of filler below its first ones',
      'about 1 MB of each replica, more than restore.keep_offsets_max_filler=99',
      'raise restore.keep_offsets_max_filler',
    ],
  })
  await expectExit(0, [...range, '--keep-offsets-max-filler', '100', '--dry-run'])
  await refused([...args, '--offsets', 'orders/0:5000-'], {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['offsets of orders/0 from 5000 on were chosen, and the backup holds none from'],
  })
})

test('refuses to keep offsets among the records of others', async () => {
  const args = restoreArgs(cluster, archive, new Map([['orders', 'occupied']]))
  await refused([...args, '--keep-offsets', '--existing-topics', 'append'], {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['only in topics that hold nothing else', 'cannot be append'],
  })
})

test('restores into the same topics once nothing speaks against them any more', async () => {
  const { tools } = cluster
  await tools.alterTopicConfig('stamped', { 'message.timestamp.type': 'CreateTime' })
  const names = new Map([['payments', 'stamped']])
  await expectExit(0, restoreArgs(cluster, archive, names))
  await expectSameContent(names)
})

test('a dry run of a restore shows the plan and writes nothing', async () => {
  const before = [await offsetsOf(cluster), await treeOf(archive.folder)]
  const end = await expectExit(0, [
    ...restoreArgs(cluster, archive, new Map([['orders', 'orders-plan']])),
    '--dry-run',
  ])
  const plan = end.json<{ kind: string; records: number; topics: { topic: string; created: boolean }[] }>()
  assert.deepEqual([plan.kind, plan.records, plan.topics[0]?.created], ['restore_plan', RECORDS, true])
  assert.deepEqual([await offsetsOf(cluster), await treeOf(archive.folder)], before)
})

function plain(...more: readonly string[]): string[] {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  return ['restore', '--bootstrap-servers', cluster.bootstrap, ...place, ...more]
}

function refused(args: readonly string[], refusal: Refusal) {
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}

async function expectSameContent(names: ReadonlyMap<string, string>): Promise<void> {
  const contents = await readTopics(cluster, [...names.keys(), ...names.values()])
  await expectSameRecords(names, contents, contents)
}

test('holds the retention of a topic when it is told to, and puts it back', async () => {
  const names = new Map([['history', 'shortlived']])
  await expectExit(0, [...restoreArgs(cluster, archive, names), '--hold-retention', '--mode', 'idempotent'])
  assert.equal(await retentionOf(cluster, 'shortlived'), '86400000')
})

test('holds the retention of a topic whose oldest records only the archive knows', async () => {
  const names = new Map([['aging', 'weekly']])
  const end = await expectExit(0, [...restoreArgs(cluster, archive, names), '--hold-retention'])
  const { restore_id: id } = end.json<{ restore_id: string }>()
  const first = await readFile(join(archive.folder, 'daily', 'restores', id, '0000000001.json'), 'utf8')
  const { held_settings: held } = JSON.parse(first) as { held_settings: unknown[] }
  assert.deepEqual(held, [{ topic: 'weekly', name: 'retention.ms', held: '-1', original: String(WEEK_MS) }])
  assert.equal(await retentionOf(cluster, 'weekly'), String(WEEK_MS))
})

test('judges the age of what a window takes, and not the begin of the window', async () => {
  const args = [...restoreArgs(cluster, archive, new Map([['aging', 'weekly']])), '--dry-run']
  // Of years ago, as the first records are; those that it takes are of today.
  await expectExit(0, [...args, '--existing-topics', 'append', '--yes', '--from', '2021-01-01T00:00:00Z'])
})

test('refuses to purge a topic whose records cannot be deleted', async () => {
  const names = new Map([['orders', 'compacted']])
  await expectExit(0, restoreArgs(cluster, archive, names))
  await refused([...restoreArgs(cluster, archive, names), '--existing-topics', 'purge', '--yes'], {
    exitCode: 5,
    code: 'KB_TARGET_UNSUITABLE',
    says: ['topic compacted has cleanup.policy=compact, so its records cannot be purged'],
  })
})

test('deletes what a topic holds only when it is told so twice, and adds to it when it is told that', async () => {
  const names = new Map([['orders', 'occupied']])
  const args = restoreArgs(cluster, archive, names)
  await refused([...args, '--existing-topics', 'purge'], {
    exitCode: 2,
    code: 'KB_USAGE',
    says: ['All records of occupied', '--yes'],
  })
  const before = Object.values(await offsetsOf(cluster)).length
  await expectExit(0, [...args, '--existing-topics', 'append'])
  await expectExit(0, [...args, '--existing-topics', 'purge', '--yes'])
  assert.equal(Object.values(await offsetsOf(cluster)).length, before)
  await expectSameContent(names)
})
