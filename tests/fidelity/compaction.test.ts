import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  KAFKA_VERSIONS,
  type KafkaCluster,
  type KafkaVersion,
  keyIn,
  readRecords,
  type SeenRecord,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import {
  type Archive,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
  UNCOMPACTED,
} from '../harness/archive.ts'
import { readArchivedBytes, recordsIn } from './archived-records.ts'
import {
  AGGRESSIVE_CLEANER,
  type CleanerTraces,
  COMPACTED,
  createCompacted,
  freezeCleaned,
  overwrite,
  readBrokerLog,
  tracesIn,
} from './compacted-topics.ts'

interface BackupDocument {
  readonly outcome: string
  readonly records: number
  readonly gaps: readonly unknown[]
}

const TOPICS = COMPACTED.map(({ topic }) => topic)
const ROUNDS = 2

for (const version of KAFKA_VERSIONS) describeCompaction(version)

/** The cleaner rewrites a log before, between and while it is backed up; whatever survives has to come back. */
function describeCompaction(version: KafkaVersion): void {
  describe(`compaction on Kafka ${version}`, () => {
    let cluster: KafkaCluster
    let seen: ReadonlyMap<string, readonly SeenRecord[]>
    const place = (backupId: string): Archive => ({ folder: join(cluster.folder, 'repository'), backupId })
    const seenIn = (topic: string): readonly SeenRecord[] => seen.get(topic) ?? []

    before(async () => {
      cluster = await startKafkaCluster({ version, properties: AGGRESSIVE_CLEANER })
      await createCompacted(cluster)
      await overwrite(cluster, 0)
    })

    after(() => cluster?.close())

    test('is no gap for the runs that it happens under, nor for one that comes afterwards', async (t) => {
      let runs = 0
      const work = (async () => {
        for (let round = 1; round <= ROUNDS; round++) await overwrite(cluster, round)
        await freezeCleaned(cluster)
      })()
      let isOver = false
      const over = work.finally(() => {
        isOver = true
      })
      over.catch(() => undefined)
      for (; !isOver; runs++) await expectContiguous(cluster, place('meanwhile'))
      await over
      await expectContiguous(cluster, place('meanwhile'))
      await expectContiguous(cluster, place('afterwards'))
      await expectComplete(place('meanwhile'))
      await expectComplete(place('afterwards'))
      t.diagnostic(`${runs + 1} runs`)
    })

    test('has left every kind of hole', async (t) => {
      const traces = new Map<string, CleanerTraces>()
      for (const topic of TOPICS) traces.set(topic, tracesIn(await readBrokerLog(cluster, topic)))
      for (const [topic, { holesBetween, holesInside, ...counts }] of traces) {
        t.diagnostic(`${topic}: ${holesBetween} between, ${holesInside} inside, ${JSON.stringify(counts)}`)
        assert.ok(holesBetween > 0n, topic)
      }
      const all = [...traces.values()]
      assert.ok(all.some(({ holesInside }) => holesInside > 0n))
      assert.ok(all.some(({ emptied }) => emptied > 0))
      assert.ok(all.some(({ withoutTail }) => withoutTail > 0))
      assert.ok(all.some(({ withDeleteHorizon }) => withDeleteHorizon > 0))
    })

    test('leaves records that are all restored', async () => {
      const copies = ['meanwhile', 'afterwards'].map((backupId) => renamed(TOPICS, backupId))
      for (const [at, backupId] of ['meanwhile', 'afterwards'].entries()) {
        await expectExit(0, [...restoreArgs(cluster, place(backupId), copies[at]!), ...UNCOMPACTED])
      }
      const restored = copies.flatMap((names) => [...names.values()])
      seen = await readAll(cluster, [...TOPICS, ...restored])
    })

    for (const { topic, what } of COMPACTED) {
      test(`leaves in both backups ${what}`, async () => {
        const source = seenIn(topic)
        assert.ok(source.length > 0)
        assert.deepEqual(seenIn(`${topic}-afterwards`).map(lineOf), source.map(lineOf))
        const archived = await readArchivedBytes(place('meanwhile'), topic)
        const stored = new Map([...recordsIn(archived, { topic })].map((record) => [record.offset, record]))
        for (const record of source) {
          assert.deepEqual(stored.get(record.offset), record, `offset ${record.offset}`)
        }
        // Runs before saw more: what they kept is what the cleaner took.
        assert.ok(stored.size > source.length)
        const latest = latestByKey(seenIn(`${topic}-meanwhile`))
        const survivors = latestByKey(source)
        for (const [key, line] of survivors) assert.equal(latest.get(key), line, key)
        const goneKeys = [...latest.keys()].filter((key) => !survivors.has(key))
        if (topic === 'deleted')
          assert.ok(goneKeys.length > 0, 'tombstones are gone, and not from the backup')
        else assert.deepEqual(goneKeys, [])
      })
    }
  })
}

/** One more run reaches its target and declares nothing missing. */
async function expectContiguous(cluster: KafkaCluster, archive: Archive): Promise<void> {
  const end = await expectExit(0, [...backupArgs(cluster, archive, TOPICS), '--fetch-max-bytes', '65536'])
  const { outcome, gaps } = end.json<BackupDocument>()
  assert.deepEqual([outcome, gaps], ['complete', []])
}

async function readAll(cluster: KafkaCluster, topics: readonly string[]): Promise<Map<string, SeenRecord[]>> {
  const byTopic = new Map<string, SeenRecord[]>(topics.map((topic) => [topic, []]))
  for await (const record of readRecords(cluster, topics)) byTopic.get(record.topic)?.push(record)
  return byTopic
}

function lineOf({ timestamp, content }: SeenRecord): string {
  return `${timestamp}\t${content}`
}

/** The newest record of each key, as compaction without end would leave it. */
function latestByKey(records: readonly SeenRecord[]): Map<string, string> {
  return new Map(records.map((record) => [`${keyIn(record.content)}`, lineOf(record)]))
}
