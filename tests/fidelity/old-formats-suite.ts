import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  decompressSegment,
  fillTopics,
  type KafkaCluster,
  type KafkaVersion,
  plantLog,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectComplete, expectExit, restoreArgs } from '../harness/archive.ts'
import { parseBatches, readCommits } from '../harness/committed-batches.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectCopiesEqual } from '../harness/same-content.ts'
import { everyOldFormat, type OldLog, thinnedOldFormats, wrappersAlone } from './old-formats-log.ts'

interface BackupDocument {
  readonly outcome: string
  readonly records: number
  readonly gaps: readonly unknown[]
}

const PRODUCED_RECORDS = 120
const LOGS: ReadonlyMap<string, OldLog> = new Map([
  ['old', everyOldFormat()],
  ['thinned', thinnedOldFormats()],
  ['shortened', wrappersAlone()],
])
/** Records that are deleted from the begin of `shortened`: one wrapper, and a part of the next. */
const DELETED_RECORDS = 8
const TOPICS = [...LOGS.keys()]
const COPIES = new Map(TOPICS.map((topic) => [topic, `${topic}-restored`]))

/**
 * Logs of message formats v0 and v1 are put on the disk of a broker, which serves them as they are; a producer of today adds
 * record batches behind them. The archive must hold these very bytes, and the copy must be the same to Kafka's consumer.
 */
export function describeOldFormats(version: KafkaVersion): void {
  describe(`message formats v0 and v1 on Kafka ${version}`, () => {
    let cluster: KafkaCluster
    let archive: Archive

    before(async () => {
      cluster = await startKafkaCluster({ version })
      archive = { folder: join(cluster.folder, 'repository'), backupId: 'old-formats' }
      await createTopics(cluster, {
        old: { partitions: 1 },
        thinned: { partitions: 1, config: { 'cleanup.policy': 'compact' } },
        shortened: { partitions: 1 },
      })
      for (const [topic, { bytes }] of LOGS) await plantLog(cluster, topic, 0, bytes)
      await cluster.tools.deleteRecords('shortened', 0, DELETED_RECORDS)
    })

    after(() => cluster?.close())

    test('are backed up without a gap, and what is produced behind them too', async () => {
      const old = TOPICS.reduce((sum, topic) => sum + visibleRecords(topic), 0)
      await expectBackup(cluster, archive, old)
      const job = { records: PRODUCED_RECORDS, valueBytes: 200, compression: 'lz4', maxHeaders: 3 } as const
      await fillTopics(
        cluster,
        TOPICS.map((topic) => ({ ...job, topic })),
      )
      await expectBackup(cluster, archive, TOPICS.length * PRODUCED_RECORDS)
      assert.equal((await expectComplete(archive)).records, old + TOPICS.length * PRODUCED_RECORDS)
    })

    test('are restored as what the consumer of the source sees', async () => {
      await expectExit(0, restoreArgs(cluster, archive, COPIES))
      const contents = await expectCopiesEqual(cluster, [COPIES])
      for (const topic of TOPICS) {
        const found = contents.find((entry) => entry.topic === topic)
        assert.equal(found?.records, visibleRecords(topic) + PRODUCED_RECORDS, `${topic} is what was planted`)
      }
    })

    test('are in the archive byte for byte, for Kafka’s own tool too', async () => {
      await cluster.broker(1).stop()
      for (const [topic, log] of LOGS) {
        const archived = await readArchived(archive, topic)
        const whole = await readBrokerLog(cluster, topic)
        assert.ok(whole.subarray(0, log.bytes.length).equals(log.bytes), `${topic} is what was planted`)
        const begin = whole.length - archived.length
        assert.ok(archived.equals(whole.subarray(begin)), `${topic} is in the archive`)
        assert.equal(
          begin,
          topic === 'shortened' ? log.firstEntryBytes : 0,
          `${topic} from its first entry on`,
        )
        const lines = await dumpedEntries(cluster, topic, archived)
        assert.ok(
          lines.every((line) => line.includes('isvalid: true')),
          `${topic} has valid entries alone`,
        )
        const old = lines.filter((line) => /magic: [01]\b/.test(line))
        assert.equal(old.length, begin > 0 ? log.entries - 1 : log.entries)
        assert.ok(lines.length > old.length, 'record batches follow')
      }
    })

    test('become record batches, of many messages where these stood alone', async () => {
      for (const topic of TOPICS) {
        const log = parseBatches(await readBrokerLog(cluster, `${topic}-restored`), topic)
        const batches = log.filter(({ isControl }) => !isControl)
        const counted = batches.reduce((sum, batch) => sum + batch.recordCount, 0)
        assert.equal(counted, visibleRecords(topic) + PRODUCED_RECORDS)
        if (topic === 'old') assert.equal(Math.max(...batches.map((batch) => batch.recordCount)), 1000)
        assert.ok(batches.length < 40, `${batches.length} batches`)
      }
    })
  })
}

/** Records of the old formats that a consumer gets to see. */
function visibleRecords(topic: string): number {
  const records = LOGS.get(topic)?.records ?? 0
  return topic === 'shortened' ? records - DELETED_RECORDS : records
}

async function expectBackup(cluster: KafkaCluster, archive: Archive, records: number): Promise<void> {
  const end = await expectExit(0, backupArgs(cluster, archive, TOPICS))
  const report = end.json<BackupDocument>()
  assert.deepEqual([report.outcome, report.records, report.gaps], ['complete', records, []])
}

async function readArchived(archive: Archive, topic: string): Promise<Buffer> {
  const segments = (await readCommits(archive)).flatMap((commit) => commit.segments)
  const own = segments.filter(({ key }) => key.includes(`/topics/${topic}/`))
  return Buffer.concat(await Promise.all(own.map(({ key }) => decompressSegment(join(archive.folder, key)))))
}

async function readBrokerLog(cluster: KafkaCluster, topic: string): Promise<Buffer> {
  const files = await cluster.broker(1).logSegmentFiles(topic, 0)
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))))
}

/** One line for each entry, as Kafka's tool shows it. */
async function dumpedEntries(cluster: KafkaCluster, topic: string, bytes: Buffer): Promise<string[]> {
  // The tool takes the name for the first offset.
  const file = join(cluster.folder, `dumped-${topic}`, '00000000000000000000.log')
  await mkdir(dirname(file))
  await writeFile(file, bytes)
  const dump = await cluster.tools.dumpLogSegments(file)
  return dump.split('\n').filter((line) => line.includes('isvalid: '))
}
