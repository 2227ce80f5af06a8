import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openCluster } from '@kafka-backup/core'
import { type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import type { Codec } from '../../packages/core/src/protocol/codec.ts'
import { BatchCursor } from '../../packages/core/src/protocol/record-batch.ts'
import { buildBatch } from '../../packages/core/src/protocol/record-batch-builder.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { type Archive, archivePath, backupArgs, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'
import { expectRefused, type Refusal } from './evidence.ts'

const VALUE_BYTES = 1_000
/** The first record of a topic; it is written before the topic takes less. */
const LARGE_VALUE_BYTES = 4_000
const BATCHES = 40
const BATCH_RECORDS = 10

/** Brokers of 3.9 allow small segments; from 4.0 on the least is a mebibyte. */
const TARGETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'unpacked-some': { 'compression.type': 'uncompressed', 'max.message.bytes': '6000' },
  'recoded-some': { 'compression.type': 'lz4', 'max.message.bytes': '6000' },
  'segmented-some': { 'segment.bytes': '6000' },
  'unpacked-none': { 'compression.type': 'uncompressed', 'max.message.bytes': '900' },
  'recoded-none': { 'compression.type': 'lz4', 'max.message.bytes': '900' },
  'segmented-none': { 'segment.bytes': '900', 'max.message.bytes': '8000' },
}

let cluster: KafkaCluster
let archive: Archive
let aloneBytes: number

before(async () => {
  cluster = await startKafkaCluster({ version: '3.9.1' })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  const names = [
    ...Object.keys(TARGETS),
    'alone',
    'plain',
    'packed',
    'squeezed',
    'moving-transactions',
    'moving-idempotent',
  ]
  const config = (name: string) => ({ partitions: 1, config: TARGETS[name] ?? {} })
  await createTopics(cluster, Object.fromEntries(names.map((name) => [name, config(name)])))
  using producer = await RawProducer.open(cluster)
  const alone = batchOf(1, 'none')
  aloneBytes = alone.length
  await producer.send('alone', alone)
  for (let batch = 0; batch < BATCHES; batch++) {
    await producer.send(
      'plain',
      batchOf(BATCH_RECORDS, 'none', batch === 0 ? LARGE_VALUE_BYTES : VALUE_BYTES),
    )
    if (batch >= 3) continue
    await producer.send('packed', batchOf(BATCH_RECORDS, 'gzip'))
    await producer.send('squeezed', batchOf(BATCH_RECORDS, 'zstd'))
  }
  await expectExit(0, backupArgs(cluster, archive, ['alone', 'plain', 'packed', 'squeezed']))
})

after(() => cluster?.close())

/** Hexadecimal noise: half of it is left by gzip and zstd, and all of it by lz4. */
function batchOf(count: number, codec: Codec, firstBytes = VALUE_BYTES): Buffer {
  const records = Array.from({ length: count }, (_, at) => ({
    timestamp: BigInt(Date.now()),
    key: null,
    value: Buffer.from(randomBytes((at === 0 ? firstBytes : VALUE_BYTES) / 2).toString('hex')),
    headers: [],
  }))
  return buildBatch({ baseOffset: 0n, records, codec })
}

test('refuses what does not fit with the headers that it gets, and takes it when there is just that much room', async () => {
  const names = new Map([
    ['alone', 'alone-tight'],
    ['packed', 'packed-tight'],
  ])
  const config = { 'max.message.bytes': String(aloneBytes) }
  await createTopics(cluster, {
    'alone-tight': { partitions: 1, config },
    // Its batches are much larger with the headers; its records fit one by one.
    'packed-tight': { partitions: 1, config: { 'max.message.bytes': '6000' } },
  })
  const path = join(cluster.folder, 'headers.yaml')
  await writeFile(path, JSON.stringify({ restore: { include_original_offset_header: true } }))
  const args = [...restoreArgs(cluster, archive, names), '--config', path]
  const { error } = await refused(args, {
    exitCode: 1,
    code: 'KB_RECORD_TOO_LARGE',
    says: [
      `topic alone-tight has max.message.bytes=${aloneBytes}: alone/0, the record at offset 0 does not fit alone`,
      'with the headers that it gets',
      /Raise max\.message\.bytes of topic alone-tight to \d+ or more/,
    ],
  })
  const [, needed] = /it takes (\d+) bytes/.exec(error.message) ?? []
  await setLimit('alone-tight', Number(needed))
  await expectExit(0, [...args, '--verify'])
})

test('makes batches that fit as the brokers store them, and refuses all that cannot', async () => {
  await expectExit(0, [...restoreArgs(cluster, archive, into('some')), '--verify'])
  const { error } = await refused(restoreArgs(cluster, archive, into('none')), {
    exitCode: 1,
    code: 'KB_RECORD_TOO_LARGE',
    says: [
      'topic unpacked-none has max.message.bytes=900 and compression.type=uncompressed: packed/0, the record',
      'topic recoded-none has max.message.bytes=900 and compression.type=lz4: squeezed/0, the record',
      'topic segmented-none has segment.bytes=900: plain/0, the record at offset 0 does not fit alone',
      'Raise segment.bytes of topic segmented-none to',
    ],
  })
  assert.equal(error.message.match(/^- topic /gm)?.length, 3)
})

test('judges topics that it creates in the same way', async () => {
  const fitting = { 'compression.type': 'uncompressed', 'segment.bytes': '6000' }
  const tight = { 'compression.type': 'uncompressed', 'segment.bytes': '900' }
  const args = await createdArgs({ packed: fitting, plain: { 'segment.bytes': '6000' } })
  await expectExit(0, [...args, '--verify'])
  await refused(await createdArgs({ squeezed: tight }), {
    exitCode: 1,
    code: 'KB_RECORD_TOO_LARGE',
    says: [
      'topic squeezed-created has segment.bytes=900 and compression.type=uncompressed: squeezed/0',
      /Set segment\.bytes of topic squeezed-created to \d+ or more by restore\.topic_config_overrides/,
    ],
  })
})

for (const mode of ['transactions', 'idempotent']) {
  test(`goes on by what the topic takes now, lowered or raised: ${mode}`, async () => {
    const target = `moving-${mode}`
    const limit = (bytes: number) => setLimit(target, bytes)
    await limit(6_000)
    const own = [...restoreArgs(cluster, archive, new Map([['plain', target]])), '--resume', '--mode', mode]
    const slow = ['--rate-limit-records-per-sec', '60', '--checkpoint-interval-secs', '0']
    await runUntilProgress([...own, ...slow, '--transaction-max-bytes', '65536'])
    await limit(900)
    const says = [`topic ${target} has max.message.bytes=900: plain/0`]
    await refused(own, { exitCode: 1, code: 'KB_RECORD_TOO_LARGE', says })
    // The large record is there already, and is not judged any more.
    await limit(3_000)
    await runUntilProgress([...own, ...slow, '--transaction-max-bytes', '65536'])
    await limit(1_000_000)
    const end = await expectExit(0, [...own, '--verify'])
    const { records, resumed } = end.json<{ records: number; resumed: boolean }>()
    assert.deepEqual({ records, resumed }, { records: BATCHES * BATCH_RECORDS, resumed: true })
    const { largestBytes, counted } = await logOf(target)
    assert.ok(largestBytes > 6_000, `batches of the end are as they are stored: ${largestBytes}`)
    if (mode === 'idempotent') assert.equal(counted, records)
  })
}

function into(suffix: string): Map<string, string> {
  const names = { packed: 'unpacked', squeezed: 'recoded', plain: 'segmented' }
  return new Map(Object.entries(names).map(([source, name]) => [source, `${name}-${suffix}`]))
}

async function createdArgs(settings: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const targets = Object.keys(settings).map((source) => [source, `${source}-created`] as const)
  const overrides = Object.fromEntries(targets.map(([source, name]) => [name, settings[source]]))
  const path = join(cluster.folder, `${Object.keys(settings).join('-')}.yaml`)
  await writeFile(path, JSON.stringify({ restore: { topic_config_overrides: overrides } }))
  return [...restoreArgs(cluster, archive, new Map(targets)), '--config', path]
}

async function setLimit(topic: string, bytes: number): Promise<void> {
  const client = openCluster({ bootstrapServers: cluster.bootstrapServers, clientId: 'test-setup' })
  const setting = { topic, name: 'max.message.bytes', value: String(bytes) }
  await client.changeTopicSettings([setting], false).finally(() => client.close())
}

/** Kills the program when the ledger has told of some more progress. */
async function runUntilProgress(args: readonly string[]): Promise<void> {
  const known = await progressEntries()
  const program = startProgram(args)
  await until('there is progress', async () => {
    assert.equal(program.child.exitCode, null, 'it is still running')
    return (await progressEntries()) > known
  })
  program.child.kill('SIGKILL')
  await program.ended
}

async function progressEntries(): Promise<number> {
  const folder = archivePath(archive, 'restores')
  const names = (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) =>
    name.endsWith('.json'),
  )
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.filter((text) => text.includes('"type":"progress"')).length
}

/** What the broker has in its log. */
async function logOf(topic: string): Promise<{ readonly largestBytes: number; readonly counted: number }> {
  const bytes = await readFile(
    join(cluster.folder, 'broker-1', 'data', `${topic}-0`, `${'0'.repeat(20)}.log`),
  )
  const cursor = new BatchCursor(bytes)
  let [largestBytes, counted] = [0, 0]
  while (cursor.next()) {
    largestBytes = Math.max(largestBytes, cursor.byteLength)
    if (!cursor.isControl) counted += cursor.recordCount
  }
  return { largestBytes, counted }
}

function refused(args: readonly string[], refusal: Refusal) {
  return expectRefused(args, refusal, { folders: [archive.folder], clusters: [cluster] })
}
