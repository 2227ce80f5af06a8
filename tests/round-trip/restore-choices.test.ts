import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  fillTopics,
  type KafkaCluster,
  readRecords,
  type SeenRecord,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'

const RECORDS = 6_000
const BEGIN_MS = Date.UTC(2024, 0, 1)
const STEP_MS = 1_000

let cluster: KafkaCluster
let archive: Archive

before(async () => {
  cluster = await startKafkaCluster()
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  const config = { 'retention.ms': '-1' }
  await createTopics(cluster, {
    orders: { partitions: 3, config },
    hashed: { partitions: 5, config },
  })
  const job = { records: RECORDS, seed: 7, maxHeaders: 2, outOfOrderEvery: 7, compression: 'lz4' } as const
  const times = { beginTimestampMs: BEGIN_MS, timestampStepMs: STEP_MS }
  // The same records; where each goes is the decision of Kafka's own producer.
  await fillTopics(cluster, [
    { topic: 'orders', ...job, ...times },
    { topic: 'hashed', ...job, ...times },
  ])
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
})

after(() => cluster?.close())

function restoreTo(target: string, ...choices: readonly string[]): string[] {
  return [...restoreArgs(cluster, archive, new Map([['orders', target]])), ...choices]
}

/** By partition, in order. */
async function readTopic(topic: string): Promise<Map<number, SeenRecord[]>> {
  const byPartition = new Map<number, SeenRecord[]>()
  for await (const record of readRecords(cluster, [topic])) {
    const own = byPartition.get(record.partition)
    if (own) own.push(record)
    else byPartition.set(record.partition, [record])
  }
  return byPartition
}

function textOf({ timestamp, content }: SeenRecord): string {
  return `${timestamp}\t${content}`
}

test('a time window brings back the records that a filter of the topic finds, in their order', async () => {
  const from = BEGIN_MS + 1_000 * STEP_MS
  const to = BEGIN_MS + 2_500 * STEP_MS
  await expectExit(0, restoreTo('window', '--from', new Date(from).toISOString(), '--to', String(to)))
  const [source, restored] = [await readTopic('orders'), await readTopic('window')]
  let records = 0
  for (const [partition, all] of source) {
    const wanted = all.filter(({ timestamp }) => timestamp >= BigInt(from) && timestamp <= BigInt(to))
    assert.deepEqual(restored.get(partition)?.map(textOf), wanted.map(textOf))
    records += wanted.length
  }
  assert.ok(records > 1_000 && records < RECORDS)
})

test('records that are spread by key lie where the producer of Kafka puts them', async () => {
  await expectExit(0, restoreTo('spread', '--repartition', 'spread=5'))
  const [produced, spread] = [await readTopic('hashed'), await readTopic('spread')]
  assert.equal(produced.size, 5)
  for (const [partition, records] of produced) {
    assert.deepEqual(spread.get(partition)?.map(textOf).sort(), records.map(textOf).sort())
  }
})

test('headers say where a record comes from, and are taken away again', async () => {
  await expectExit(0, restoreTo('traced', '--include-original-offset-header', '--offsets', 'orders/0:10-19'))
  const [source, traced] = [await readTopic('orders'), await readTopic('traced')]
  const hex = (text: string) => `=${Buffer.from(text).toString('hex')}`
  const int64 = (value: bigint) => `=${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`
  const expected = source
    .get(0)
    ?.slice(10, 20)
    .map(({ offset, timestamp, partition, content }) => {
      const added = [
        `${hex('x-original-offset')}:${int64(offset)}`,
        `${hex('x-original-timestamp')}:${int64(timestamp)}`,
        `${hex('x-source-partition')}:=${partition.toString(16).padStart(8, '0')}`,
        `${hex('x-source-cluster')}:${hex(cluster.clusterId)}`,
      ].join(',')
      return `${timestamp}\t${content}${content.endsWith('\t') ? '' : ','}${added}`
    })
  assert.deepEqual(traced.get(0)?.map(textOf), expected)
  assert.equal(traced.get(1)?.length, source.get(1)?.length)
  const second = { ...archive, backupId: 'traced' }
  await expectExit(0, backupArgs(cluster, second, ['traced']))
  const again = restoreArgs(cluster, second, new Map([['traced', 'plain']]))
  await expectExit(0, [...again, '--strip-offset-headers'])
  const plain = await readTopic('plain')
  assert.deepEqual(plain.get(0)?.map(textOf), source.get(0)?.slice(10, 20).map(textOf))
  assert.deepEqual(plain.get(2)?.map(textOf), source.get(2)?.map(textOf))
})

test('two partitions become one by consent, one after the other', async () => {
  const mapping = ['--partition-mapping', '1=0,2=0']
  await expectExit(2, restoreTo('joined', ...mapping))
  await expectExit(0, restoreTo('joined', ...mapping, '--allow-many-to-one'))
  const [source, joined] = [await readTopic('orders'), await readTopic('joined')]
  const all = [0, 1, 2].flatMap((partition) => source.get(partition) ?? [])
  assert.deepEqual([...joined.keys()], [0])
  assert.deepEqual(joined.get(0)?.map(textOf), all.map(textOf))
})

test('the plan says what was chosen, and what becomes of it', async () => {
  const text = async (...choices: readonly string[]) =>
    (await expectExit(0, restoreTo('planned', ...choices, '--dry-run', '--output-format', 'table'))).stdout
  const moved = await text('--partitions', '0,2', '--offsets', 'orders/0:10-19', '--partition-mapping', '2=7')
  assert.match(moved, /^ {2}partitions orders\/0,2 of the source$/m)
  assert.match(moved, /^ {2}offsets orders\/0:10-19 of the source, inclusive$/m)
  assert.match(moved, /^ {2}partitions orders\/2 → planned\/7$/m)
  const spread = ['--repartition', 'planned=4']
  assert.match(await text(...spread), /^ {2}records of planned are spread by key over 4 partitions/m)
  const plan = (await expectExit(0, restoreTo('planned', ...spread, '--dry-run'))).json<{
    topics: { partitions: number; routing: string }[]
    partitions: { partition: number | null }[]
  }>()
  assert.deepEqual([plan.topics[0]?.partitions, plan.topics[0]?.routing], [4, 'murmur2'])
  assert.deepEqual([...new Set(plan.partitions.map(({ partition }) => partition))], [null])
})

test('a window without a record is said to be one, and one of another century is refused', async () => {
  const newest = new Date(BEGIN_MS + (RECORDS - 1) * STEP_MS).toISOString()
  const says = new RegExp(`no record is in this window: those of the chosen topics are up to ${newest}$`, 'm')
  const table = ['--output-format', 'table']
  const later = restoreTo('later', '--from', '2024-02-01T00:00:00Z', ...table)
  assert.match((await expectExit(0, [...later, '--dry-run'])).stdout, says)
  assert.match((await expectExit(0, later)).stdout, says)
  const seconds = String(Math.trunc(BEGIN_MS / 1_000) + 10)
  for (const flag of ['--from', '--to']) {
    const { stderr } = await expectExit(2, restoreTo('other-century', flag, seconds))
    assert.match(stderr, new RegExp(`${flag} ${seconds} is 1970-01-20T`))
    assert.match(
      stderr,
      new RegExp(`If seconds were meant, write ${flag} ${seconds}000 or ${flag} 2024-01-01T`),
    )
    assert.match(stderr, /Nothing was written/)
  }
})

test('a group that has read all goes on at the end of the copy, one that has read nothing at its begin', async () => {
  const all = await readTopic('orders')
  const behind = BigInt(all.get(0)?.length ?? 0)
  const kinds: readonly (readonly [string, readonly string[]])[] = [
    ['whole', []],
    ['chosen', ['--offsets', 'orders/0:10-19']],
    // No record of the source lies in it.
    ['after', ['--from', 'now']],
    // Its only record lies in one of four partitions.
    ['alone', ['--repartition', 'alone=4', '--offsets', 'orders/0:10-10']],
    ['shared-out', ['--repartition', 'shared-out=4']],
  ]
  for (const [topic, choices] of kinds) {
    await expectExit(0, restoreTo(topic, ...choices))
    const copies = await readTopic(topic)
    // The source has records that were not restored between the last one that was and its end.
    const end = await answerTo('--source', `orders/0:${behind}`)
    assert.equal(end.target, null)
    assert.equal(end.lowest_safe.length, choices[0] === '--repartition' ? 4 : 1, topic)
    for (const { partition, offset, at_end: isEnd } of end.lowest_safe) {
      assert.equal(isEnd, true)
      assert.ok(BigInt(offset) >= BigInt(copies.get(partition)?.length ?? 0), `${topic}/${partition}`)
      assert.equal(
        (copies.get(partition) ?? []).filter((record) => record.offset >= BigInt(offset)).length,
        0,
      )
    }
    if (topic === 'after' || topic === 'alone') continue
    const [begin] = (await answerTo('--source', 'orders/0:0')).lowest_safe
    assert.deepEqual([begin?.offset, begin?.at_end], ['0', false], topic)
    const back = await answerTo('--target', `${topic}/0:1000000`)
    const last = { whole: behind, chosen: 20n }[topic]
    assert.equal(back.source, null)
    const own = back.lowest_safe.find(({ topic: name, partition }) => name === 'orders' && partition === 0)
    assert.equal(own?.at_end, true)
    if (last !== undefined) assert.equal(own?.offset, String(last))
  }
  const { stdout } = await expectExit(0, [...offsetMap('table'), '--csv', '--source', 'orders/0:999999'])
  assert.match(stdout, /^source_topic,.*,lowest_safe_offset,at_end\norders,0,999999,shared-out,0,,\d+,true\n/)
})

test('an offset map names its restore, and what it knows nothing of is refused', async () => {
  const first = (await expectExit(0, restoreTo('first'))).json<{ restore_id: string }>().restore_id
  const newest = (await expectExit(0, restoreTo('newest', '--partitions', '0-1'))).json<{
    restore_id: string
  }>().restore_id
  const said = async (...flags: readonly string[]) =>
    (await expectExit(0, [...offsetMap('table'), ...flags])).stdout
  for (const question of [[], ['--source', 'orders/0:0'], ['--target', 'newest/0:0']])
    assert.match(
      await said(...question),
      new RegExp(`^Restore ${newest} \\(complete\\), the newest of backup daily, begun 20`),
    )
  assert.match(
    await said('--restore', first, '--source', 'orders/2:0'),
    new RegExp(
      `^Restore ${first} \\(complete\\) of backup daily, begun 20\\S+\\norders/2 offset 0: first/2 `,
    ),
  )
  const answer = await expectExit(0, [...offsetMap('json'), '--source', 'orders/0:0'])
  const { restore_id: id, state } = answer.json<{ restore_id: string; state: string }>()
  assert.deepEqual([id, state], [newest, 'complete'])
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['--source', 'newest/0:0'],
      /takes nothing from topic "newest"[\s\S]*takes: orders\. It is the newest one; --list/,
    ],
    [['--target', 'orders/0:0'], /writes nothing to topic "orders"[\s\S]*writes to: newest\./],
    [['--source', 'orders/2:0'], /takes nothing from partition 2 of topic orders[\s\S]*takes: 0, 1\./],
    [['--target', 'newest/7:0'], /writes nothing to partition 7 of topic newest[\s\S]*writes to: 0, 1\./],
    [
      ['--restore', first, '--target', 'newest/0:0'],
      /writes nothing to topic "newest"[\s\S]*writes to: first\.$/m,
    ],
    [['--source', 'orders/0:0', '--target', 'newest/0:0'], /--source and --target are two questions/],
    [['--list', '--source', 'orders/0:0'], /--list shows all restores, and takes no --source/],
  ]
  for (const [flags, text] of refused)
    assert.match((await expectExit(2, [...offsetMap('table'), ...flags])).stderr, text)
})

interface OffsetAnswer {
  readonly target: unknown
  readonly source: unknown
  readonly lowest_safe: readonly { topic: string; partition: number; offset: string; at_end: boolean }[]
}

async function answerTo(flag: '--source' | '--target', place: string): Promise<OffsetAnswer> {
  return (await expectExit(0, [...offsetMap('json'), flag, place])).json<OffsetAnswer>()
}

/** Of the newest restore. */
function offsetMap(format: string): string[] {
  const repo = pathToFileURL(archive.folder).href
  return ['offset-map', '--repo', repo, '--backup-id', archive.backupId, '--output-format', format]
}
