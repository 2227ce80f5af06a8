import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type DumpedBatch,
  decompressSegment,
  type FillJob,
  fillTopics,
  type KafkaCluster,
  parseDumpedBatches,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectExit } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'
import { createTopics } from '../harness/new-topics.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const PARTITIONS = 2
const JOBS: readonly FillJob[] = [
  ...CODECS.map((compression, at) => ({
    topic: `codec-${compression}`,
    records: 3_000,
    seed: at,
    compression,
    maxHeaders: 3 as const,
    tombstoneEvery: 13,
    nullKeyEvery: 17,
    batchBytes: 8_192,
  })),
  {
    topic: 'ledger',
    records: 1_500,
    compression: 'lz4',
    transactions: { recordsPerTransaction: 40, abortEvery: 3 },
  },
]
const TOPICS = JOBS.map(({ topic }) => topic)

interface Log {
  readonly name: string
  readonly bytes: Buffer
}

let cluster: KafkaCluster
let archive: Archive
/** Committed segments by `topic/partition`, in the order of the commits. */
let segments: ReadonlyMap<string, readonly string[]>
let archived: readonly Log[]
let original: readonly Log[]

/**
 * The archive belongs to whoever made it: without this program, `zstd -d` and Kafka's own tool must be enough to get at every
 * record. What the broker's files hold is the measure.
 */
describe('segments of a backup, decompressed', () => {
  before(async () => {
    cluster = await startKafkaCluster()
    archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
    const specs = TOPICS.map((topic) => [topic, { partitions: PARTITIONS }] as const)
    await createTopics(cluster, Object.fromEntries(specs))
    for (const round of [1, 2]) {
      await fillTopics(
        cluster,
        JOBS.map((job) => ({ ...job, seed: round * 100 + (job.seed ?? 0) })),
      )
      // Raw blocks or compressed ones, one run each.
      const compression = round === 1 ? 'zstd' : 'none'
      const small = ['--segment-max-bytes', '1048576', '--compression', compression]
      await expectExit(0, [...backupArgs(cluster, archive, TOPICS), ...small])
    }
    // Stopped, so that its files are what it has.
    await cluster.broker(1).stop()
    segments = await committedSegments()
    archived = await Promise.all([...segments].map(readArchived))
    original = await Promise.all([...segments.keys()].map(readOriginal))
  })

  after(() => cluster?.close())

  test('are the bytes of the log files of the broker, over all partitions', (t) => {
    assert.equal(segments.size, TOPICS.length * PARTITIONS)
    for (const [at, log] of archived.entries()) {
      assert.ok(log.bytes.length > 0, `${log.name} has content`)
      assert.ok(log.bytes.equals(original[at]!.bytes), `${log.name} differs from the file of the broker`)
    }
    const paths = [...segments.values()].flat()
    assert.ok(paths.length > segments.size, 'partitions have several segments')
    t.diagnostic(`${paths.length} segments of ${segments.size} partitions`)
  })

  test('are read by kafka.tools.DumpLogSegments, which finds the same batches and records', async (t) => {
    const expected = await dump(original, 'original')
    const found = await dump(archived, 'archived')
    for (const { name } of original) {
      assert.deepEqual(found.get(name), expected.get(name), `${name} as Kafka's tool shows it`)
    }
    const batches = [...found.values()].flat()
    assert.ok(batches.every((batch) => batch.isValid))
    assert.deepEqual(new Set(batches.map((batch) => batch.compression)), new Set(CODECS))
    const markers = batches.filter((batch) => batch.isControl).flatMap((batch) => batch.records)
    assert.deepEqual(new Set(markers.map((record) => record.endTxnMarker)), new Set(['COMMIT', 'ABORT']))
    assert.ok(batches.every((batch) => batch.records.length === batch.count && batch.count > 0))
    t.diagnostic(`${batches.length} batches, ${batches.reduce((sum, batch) => sum + batch.count, 0)} records`)
  })

  test('are what the zstd program makes of them', async (t) => {
    const { error } = spawnSync('zstd', ['--version'])
    if (error) return t.diagnostic('no zstd program on the PATH: only our own decoder was asked')
    for (const path of [...segments.values()].flat()) {
      const run = spawnSync('zstd', ['-d', '-c', path], { maxBuffer: 64 * 1024 * 1024 })
      assert.equal(run.status, 0, run.stderr.toString())
      assert.ok(run.stdout.equals(await decompressSegment(path)), path)
    }
  })
})

async function committedSegments(): Promise<Map<string, string[]>> {
  const byPartition = new Map<string, string[]>()
  for (const { key } of (await readCommits(archive)).flatMap((commit) => commit.segments)) {
    const [, topic, partition] = /topics\/([^/]+)\/partition=(\d+)\//.exec(key) ?? []
    const name = `${topic}-${partition}`
    byPartition.set(name, [...(byPartition.get(name) ?? []), join(archive.folder, key)])
  }
  return byPartition
}

async function readArchived([name, paths]: readonly [string, readonly string[]]): Promise<Log> {
  const contents = await Promise.all(paths.map((path) => decompressSegment(path)))
  return { name, bytes: Buffer.concat(contents) }
}

async function readOriginal(name: string): Promise<Log> {
  const [, topic = '', partition] = /^(.+)-(\d+)$/.exec(name) ?? []
  const files = await cluster.broker(1).logSegmentFiles(topic, Number(partition))
  const contents = await Promise.all(files.map((file) => readFile(file)))
  return { name, bytes: Buffer.concat(contents) }
}

/** The batches of each log, dumped in one run of the tool. */
async function dump(logs: readonly Log[], folder: string): Promise<Map<string, DumpedBatch[]>> {
  const paths = logs.map(({ name }) => join(cluster.folder, folder, name, '00000000000000000000.log'))
  for (const [at, path] of paths.entries()) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, logs[at]!.bytes)
  }
  const args = ['--deep-iteration', '--files', paths.join(',')]
  const run = await cluster.tools.run('kafka.tools.DumpLogSegments', args, { profile: 'long' })
  assert.equal(run.exitCode, 0, run.stderr)
  const [, ...sections] = run.stdout.split(/^Dumping /m)
  assert.equal(sections.length, logs.length)
  return new Map(sections.map((section, at) => [logs[at]!.name, parseDumpedBatches(section)]))
}
