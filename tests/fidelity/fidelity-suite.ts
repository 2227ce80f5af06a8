import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  contentOf,
  type KafkaCluster,
  type KafkaVersion,
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
} from '../harness/archive.ts'
import { readArchivedBytes, recordsIn } from './archived-records.ts'
import { CORPUS, type CorpusTopic, FAR_FUTURE_TAKEN, MAX_MESSAGE_BYTES } from './corpus.ts'
import { prepareCorpus } from './prepare-corpus.ts'
import { printedRecords } from './printed-records.ts'

interface BackupDocument {
  readonly outcome: string
  readonly records: number
  readonly gaps: readonly unknown[]
}

const TOPICS = CORPUS.map(({ topic }) => topic)
const COPIES = renamed(TOPICS, 'restored')
const PRINTED = CORPUS.filter(({ isPrinted }) => isPrinted).map(({ topic }) => topic)
const SMALL_FETCHES = ['--fetch-max-bytes', '65536', '--compression', 'none']
const SETTINGS = {
  'message.max.bytes': `${MAX_MESSAGE_BYTES}`,
  'replica.fetch.max.bytes': `${MAX_MESSAGE_BYTES}`,
  ...FAR_FUTURE_TAKEN,
}

/** A topic for everything that a log can hold: what was written, what is stored and what comes back are the same. */
export function describeFidelity(version: KafkaVersion): void {
  describe(`everything that a log of Kafka ${version} can hold`, () => {
    let cluster: KafkaCluster
    let archive: Archive
    let seen: ReadonlyMap<string, readonly SeenRecord[]>
    const seenIn = (topic: string): readonly SeenRecord[] => seen.get(topic) ?? []

    before(async () => {
      cluster = await startKafkaCluster({ version, properties: SETTINGS })
      archive = { folder: join(cluster.folder, 'repository'), backupId: 'corpus' }
      await prepareCorpus(cluster)
    })

    after(() => cluster?.close())

    test('is backed up, and restored beside the source', async () => {
      const backup = (await expectExit(0, backupArgs(cluster, archive, TOPICS))).json<BackupDocument>()
      assert.deepEqual([backup.outcome, backup.gaps], ['complete', []])
      assert.equal((await expectComplete(archive)).records, backup.records)
      const restore = await expectExit(0, restoreArgs(cluster, archive, COPIES))
      assert.equal(restore.json<{ records: number }>().records, backup.records)
      seen = await readAll(cluster, [...TOPICS, ...COPIES.values()])
      const inSources = TOPICS.reduce((sum, topic) => sum + seenIn(topic).length, 0)
      assert.equal(inSources, backup.records)
    })

    for (const entry of CORPUS) {
      const { topic, what } = entry
      if (entry.batches) {
        test(`was written as intended: ${what}`, () => expectAsMade(entry, seenIn(topic)))
      }
      test(`is in the archive: ${what}`, async () => {
        const bytes = await readArchivedBytes(archive, topic)
        assert.ok(bytes.equals(await readBrokerLog(cluster, topic)), 'byte for byte the log of the broker')
        const stored = [...recordsIn(bytes, { topic })]
        expectSame(stored.slice(entry.deletedBefore ?? 0).map(wholeLine), seenIn(topic).map(wholeLine))
      })
      test(`comes back: ${what}`, () => {
        const restored = seenIn(COPIES.get(topic)!)
        expectSame(restored.map(restoredLine), seenIn(topic).map(restoredLine))
        assert.ok(restored.every(({ offset }, index) => offset === BigInt(index)))
        assert.ok(restored.every(({ timestampType }) => timestampType === 'CreateTime'))
      })
    }

    test('comes back for the console consumer too', async () => {
      const count = (topics: readonly string[]) =>
        topics.reduce((sum, topic) => sum + seenIn(topic).length, 0)
      const [source, copy] = await Promise.all(
        [PRINTED, PRINTED.map((topic) => COPIES.get(topic)!)].map((topics) =>
          printedRecords(cluster, topics, count(topics)),
        ),
      )
      assert.ok(source!.length >= count(PRINTED))
      assert.ok(source!.some((line) => line.startsWith('LogAppendTime:')))
      // The broker's times came back as those of the records.
      expectSame(copy!, source!.map((line) => line.replace('LogAppendTime:', 'CreateTime:')).sort())
    })

    test('is stored just so by fetches of 64 KiB', async () => {
      const small = { ...archive, backupId: 'small-fetches' }
      await expectExit(0, [...backupArgs(cluster, small, TOPICS), ...SMALL_FETCHES])
      await expectComplete(small)
      for (const topic of TOPICS) {
        const [bytes, expected] = [
          await readArchivedBytes(small, topic),
          await readArchivedBytes(archive, topic),
        ]
        assert.ok(bytes.equals(expected), topic)
      }
    })
  })
}

/** Every record by topic, in order of offset. */
async function readAll(cluster: KafkaCluster, topics: readonly string[]): Promise<Map<string, SeenRecord[]>> {
  const byTopic = new Map<string, SeenRecord[]>()
  for await (const record of readRecords(cluster, topics)) {
    const list = byTopic.get(record.topic)
    if (list) list.push(record)
    else byTopic.set(record.topic, [record])
  }
  return byTopic
}

/** Kafka's own consumer sees what was made by hand, so the topic is what it claims to be. */
function expectAsMade(entry: CorpusTopic, seen: readonly SeenRecord[]): void {
  let type = entry.config?.['message.timestamp.type'] ?? 'CreateTime'
  const made = (entry.batches?.() ?? []).flatMap(({ records, timestampType = type }) => {
    type = timestampType
    return records.map((record) => ({ ...record, timestampType }))
  })
  const kept = made.slice(entry.deletedBefore ?? 0)
  const line = (type: string, timestamp: bigint, content: string) =>
    `${type}\t${type === 'LogAppendTime' ? '' : timestamp}\t${content}`
  expectSame(
    seen.slice(0, kept.length).map((record) => line(record.timestampType, record.timestamp, record.content)),
    kept.map((record) => line(record.timestampType, record.timestamp, contentOf(record))),
  )
}

function wholeLine(record: SeenRecord): string {
  return `${record.offset}\t${record.timestampType}\t${restoredLine(record)}`
}

/** What a restore keeps: offsets begin anew, and append times become those of the records. */
function restoredLine({ timestamp, content }: SeenRecord): string {
  return `${timestamp}\t${content}`
}

/** Shows the first difference alone: there may be 100,000. */
function expectSame(found: readonly string[], expected: readonly string[]): void {
  const at = expected.findIndex((line, index) => line !== found[index])
  if (at >= 0) assert.equal(found[at], expected[at], `record ${at}`)
  assert.equal(found.length, expected.length)
}

async function readBrokerLog(cluster: KafkaCluster, topic: string): Promise<Buffer> {
  const files = await cluster.broker(1).logSegmentFiles(topic, 0)
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))))
}
