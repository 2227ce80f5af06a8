import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  contentOf,
  fillTopics,
  type KafkaCluster,
  readRecords,
  SourceDriver,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { consumeAs } from '../groups/consume-as.ts'
import { type Archive, backupArgs, expectExit, restoreArgs, UNCOMPACTED } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const TOPICS = CODECS.map((codec) => `in-${codec}`)
const RECORDS = 120
const OFFSETS = '__consumer_offsets'

interface Content {
  readonly key: string | null
  readonly key_encoding: string | null
  readonly value: string | null
  readonly value_encoding: string | null
}

interface RecordDocument extends Content {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly timestamp: string
  readonly headers: readonly {
    readonly name: string
    readonly name_encoding: string
    readonly value: string | null
    readonly value_encoding: string | null
  }[]
}

let cluster: KafkaCluster
let driver: SourceDriver
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster()
  driver = new SourceDriver(cluster)
  archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
  await createTopics(cluster, Object.fromEntries(TOPICS.map((topic) => [topic, { partitions: 2 }])))
  const varied = { records: RECORDS, maxHeaders: 3, nullKeyEvery: 7, tombstoneEvery: 11 } as const
  const transactions = { recordsPerTransaction: 10, abortEvery: 3 }
  await fillTopics(
    cluster,
    CODECS.map((compression, at) => ({
      ...{ topic: `in-${compression}`, compression, seed: at + 1, ...varied },
      ...(at % 2 === 0 ? { transactions } : {}),
    })),
  )
  await consumeAs(cluster, { group: 'classic', topic: 'in-none', records: 30, protocol: 'classic' })
  await consumeAs(cluster, { group: 'newer', topic: 'in-gzip', records: 20, protocol: 'consumer' })
  const odd = { topic: 'in-zstd', partition: 1, offset: 17n, metadata: 'my "place"' }
  await driver.commitGroup('by hand', odd)
  await driver.commitGroup('by hand', { ...odd, offset: 18n })
  await expectExit(0, backupArgs(cluster, archive, ['in-*', OFFSETS]))
})

after(async () => {
  await driver?.[Symbol.asyncDispose]()
  await cluster?.close()
})

function args(verb: string, ...more: readonly string[]): string[] {
  return [verb, '--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId, ...more]
}

async function documentsOf<T = RecordDocument>(...more: readonly string[]): Promise<T[]> {
  const { stdout } = await expectExit(0, args('cat', ...more, '--output-format', 'ndjson'))
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T)
}

function bytesOf(text: string | null, encoding: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, encoding === 'base64' ? 'base64' : 'utf8')
}

/** In the words of what Kafka's consumer printed. */
function lineOf({ topic, partition, offset, timestamp, ...record }: RecordDocument): string {
  const content = contentOf({
    key: bytesOf(record.key, record.key_encoding),
    value: bytesOf(record.value, record.value_encoding),
    headers: record.headers.map((header) => ({
      nameBytes: bytesOf(header.name, header.name_encoding) ?? Buffer.alloc(0),
      value: bytesOf(header.value, header.value_encoding),
    })),
  })
  return [topic, partition, offset, timestamp, content].join('\t')
}

test('prints what Kafka’s own consumer reads, in every codec, with transactions', async () => {
  const expected: string[] = []
  for await (const { topic, partition, offset, timestamp, content } of readRecords(cluster, TOPICS))
    expected.push([topic, partition, offset, timestamp, content].join('\t'))
  const documents = await documentsOf('in-*')
  assert.ok(documents.some(({ key }) => key === null) && documents.some(({ value }) => value === null))
  assert.ok(documents.some(({ headers }) => headers.length > 1))
  assert.ok(expected.length < TOPICS.length * RECORDS, 'some were aborted')
  assert.deepEqual(documents.map(lineOf).sort(), expected.sort())
  const places = documents.map(({ topic, partition }) => `${topic}/${partition}`)
  assert.equal(new Set(places).size, 2 * TOPICS.length)
  for (const [at, { offset }] of documents.entries())
    if (places[at] === places[at - 1]) assert.ok(BigInt(offset) > BigInt(documents[at - 1]!.offset))
  const { records } = (await expectExit(0, args('count', 'in-*', '--output-format', 'json'))).json()
  assert.equal(records, expected.length)
})

interface GroupRecord {
  readonly key: {
    readonly type: string
    readonly group: string
    readonly topic: string
    readonly partition: number
  }
  readonly value: { readonly type: string; readonly offset: string; readonly metadata: string } | null
}

test('decodes the commits that groups made, and says the type of everything else', async () => {
  const documents = await documentsOf<GroupRecord>(OFFSETS, '--decode', 'consumer-offsets')
  const last = new Map<string, string>()
  for (const { key, value } of documents) {
    if (key.type !== 'offset_commit') continue
    const place = `${key.group} ${key.topic}/${key.partition}`
    if (value === null) last.delete(place)
    else last.set(place, `${value.offset} ${value.metadata}`)
  }
  const described = await expectExit(0, args('describe', '--groups', '--output-format', 'json'))
  const { groups } = described.json<{
    readonly groups: readonly {
      readonly group: string
      readonly offsets: readonly {
        readonly topic: string
        readonly partition: number
        readonly offset: string
        readonly metadata: string
      }[]
    }[]
  }>()
  const committed = groups.flatMap(({ group, offsets }) =>
    offsets.map(
      (own) => [`${group} ${own.topic}/${own.partition}`, `${own.offset} ${own.metadata}`] as const,
    ),
  )
  assert.ok(committed.length >= 4, 'every group has committed')
  assert.equal(last.get('by hand in-zstd/1'), '18 my "place"')
  assert.deepEqual([...last].sort(), [...committed].sort())
  const types = new Set(documents.map(({ key }) => key.type))
  assert.ok(types.has('group_metadata') && types.has('ConsumerGroupMemberMetadata'), [...types].join(', '))
  assert.ok(!types.has('undecoded'))
  const groupValues = documents.filter(({ key, value }) => key.type === 'group_metadata' && value !== null)
  assert.ok(groupValues.length > 0 && groupValues.every(({ value }) => value?.type === 'group_metadata'))
})

test('the offsets of brokers are restored under another name only', async () => {
  const own = await expectExit(5, restoreArgs(cluster, archive, new Map([[OFFSETS, OFFSETS]])))
  assert.match(own.stderr, /topic __consumer_offsets is kept by the brokers for themselves/)
  const names = new Map([[OFFSETS, 'offsets-copy']])
  await expectExit(0, [...restoreArgs(cluster, archive, names), ...UNCOMPACTED, '--verify'])
  // A pattern does not take them along.
  const plain: Archive = { ...archive, backupId: 'plain' }
  await expectExit(0, backupArgs(cluster, plain, ['*']))
  const listed = await expectExit(0, ['describe', ...args('').slice(1, 3), '--backup-id', 'plain'])
  assert.match(listed.stdout, /offsets-copy/)
  assert.doesNotMatch(listed.stdout, /__consumer_offsets/)
  await expectExit(0, [...backupArgs(cluster, plain, ['__consumer*']), '--include-internal-topics'])
  const opted = await expectExit(0, ['count', ...args('').slice(1, 3), '--backup-id', 'plain', OFFSETS])
  assert.match(opted.stdout, /^__consumer_offsets\/2 /m)
})
