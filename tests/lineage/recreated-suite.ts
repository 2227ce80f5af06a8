import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type KafkaCluster,
  type KafkaVersion,
  type PartitionContent,
  SourceDriver,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { MANY_COMMITS } from '../crash/source-data.ts'
import {
  type Archive,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { type BackupDocument, backupDocumentOf, divergenceLines } from '../harness/backup-document.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { committedEnd, readHistory } from '../harness/commit-history.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { type RunningProgram, startProgram } from '../harness/run-program.ts'
import { readTopics } from '../harness/same-content.ts'
import { until } from '../harness/until.ts'

/** A topic, and the one of the same name that takes its place. Records are those of each partition. */
interface Recreation {
  readonly topic: string
  readonly old: { readonly partitions: number; readonly records: number }
  readonly fresh: { readonly partitions: number; readonly records: number }
}

const RECREATIONS: readonly Recreation[] = [
  { topic: 'shorter', old: { partitions: 2, records: 60 }, fresh: { partitions: 2, records: 20 } },
  { topic: 'longer', old: { partitions: 2, records: 40 }, fresh: { partitions: 2, records: 90 } },
  { topic: 'more-partitions', old: { partitions: 1, records: 50 }, fresh: { partitions: 3, records: 50 } },
  { topic: 'fewer-partitions', old: { partitions: 3, records: 30 }, fresh: { partitions: 1, records: 30 } },
]
// Topics that stay what they are beside the others.
const STEADY = 'steady'
const CALM = 'calm'
const BIG = 'big'
const BIG_RECORDS = { records: 900, valueBytes: 2_000 } as const
const BYTES_PER_SEC = 600_000

let cluster: KafkaCluster
let driver: SourceDriver

/** Topics are deleted and created again under their names: between runs, and in the middle of one. */
export function describeRecreatedTopics(version: KafkaVersion): void {
  describe(`topics that are created again, Kafka ${version}`, () => {
    before(async () => {
      cluster = await startKafkaCluster({ version, properties: SHORT_QUOTA_WINDOWS })
      driver = new SourceDriver(cluster)
    })

    after(async () => {
      await driver?.[Symbol.asyncDispose]()
      await cluster?.close()
    })

    test(
      'between two runs: each begins a history of its own, and the one before is kept',
      recreateBetweenRuns,
    )
    test(
      'in the middle of a run: it declares that, reads the new topic, and the others to their end',
      recreateInTheMiddle,
    )
  })
}

async function recreateBetweenRuns(): Promise<void> {
  const archive = place('between')
  const topics = [...RECREATIONS.map(({ topic }) => topic), STEADY]
  await fill(STEADY, { partitions: 1, records: 30 }, 'old')
  for (const { topic, old } of RECREATIONS) await fill(topic, old, 'old')
  const held = await readTopics(cluster, topics)
  await backUp(archive, topics, 0)
  for (const { topic, fresh } of RECREATIONS) {
    await deleteTopic(topic)
    await fill(topic, fresh, 'fresh')
  }
  await driver.write({ topic: STEADY, label: 'more', records: 20 })
  const report = await backUp(archive, topics, 3)
  assert.deepEqual(divergenceLines(report), expectedDivergences())
  assert.deepEqual([report.gaps, report.unread, report.recovery_point], [[], [], null])
  const next = await backUp(archive, topics, 0)
  assert.deepEqual([next.outcome, next.records, next.divergences], ['complete', 0, []])
  await expectComplete(archive)
  await expectExit(0, restoreArgs(cluster, archive, renamed(topics, 'new')))
  await expectExit(0, [...restoreArgs(cluster, archive, renamed(topics, 'old')), '--as-of-commit', '1'])
  const copies = topics.flatMap((topic) => [`${topic}-new`, `${topic}-old`])
  const now = await readTopics(cluster, [...topics, ...copies])
  for (const topic of topics) {
    await expectSame(now, topic, now, `${topic}-new`)
    await expectSame(held, topic, now, `${topic}-old`)
  }
}

/** Partitions that only one of the two topics has do not diverge: they end, or they join. */
function expectedDivergences(): string[] {
  return RECREATIONS.flatMap(({ topic, old, fresh }) =>
    Array.from(
      { length: Math.min(old.partitions, fresh.partitions) },
      (_, partition) =>
        `${topic}/${partition}: topic_recreated, lineage 2, common below null, begins at 0, held ${old.records}`,
    ),
  ).sort()
}

async function recreateInTheMiddle(): Promise<void> {
  const archive = place('middle')
  const topics = [BIG, CALM]
  await fill(BIG, { partitions: 1, ...BIG_RECORDS }, 'old')
  await fill(CALM, { partitions: 1, ...BIG_RECORDS }, 'calm')
  const held = await readTopics(cluster, topics)
  const unthrottle = await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
  const reading = startProgram([...backupArgs(cluster, archive, topics), ...MANY_COMMITS])
  await untilCommitted(reading, archive, BIG)
  await deleteTopic(BIG)
  await fill(BIG, { partitions: 1, records: 40 }, 'fresh')
  const end = await reading.ended
  assertExit(end, 3)
  await unthrottle()
  const report = backupDocumentOf(end)
  const [line, ...more] = divergenceLines(report)
  assert.match(
    line!,
    new RegExp(`^${BIG}/0: topic_recreated, lineage 2, common below null, begins at 0, held `),
  )
  assert.deepEqual([more, report.gaps, report.unread], [[], [], []])
  assert.equal(await committedEnd(archive, { topic: CALM, partition: 0 }), BigInt(BIG_RECORDS.records))
  await backUp(archive, topics, 0)
  await expectComplete(archive)
  const changed = (await readHistory(archive)).find(({ divergences }) => divergences !== undefined)
  const before = `${Number(changed?.number) - 1}`
  await expectExit(0, restoreArgs(cluster, archive, renamed(topics, 'new')))
  await expectExit(0, [...restoreArgs(cluster, archive, renamed([BIG], 'old')), '--as-of-commit', before])
  const now = await readTopics(cluster, [...topics, `${BIG}-new`, `${CALM}-new`, `${BIG}-old`])
  for (const topic of topics) await expectSame(now, topic, now, `${topic}-new`)
  const old = await recordDigests(now, `${BIG}-old`, 0)
  assert.ok(old.length > 0, 'some of the old topic was committed')
  assertSameRecords(
    old,
    (await recordDigests(held, BIG, 0)).slice(0, old.length),
    'what was read of the old topic',
  )
}

async function fill(
  topic: string,
  {
    partitions,
    ...each
  }: { readonly partitions: number; readonly records: number; readonly valueBytes?: number },
  label: string,
): Promise<void> {
  await driver.createTopic(topic, { replicas: partitions })
  for (let partition = 0; partition < partitions; partition++)
    await driver.write({ topic, partition, label: `${label}-${topic}-${partition}`, ...each })
}

/** A topic of that name can be created as soon as the brokers have forgotten this one. */
async function deleteTopic(topic: string): Promise<void> {
  await driver.deleteTopic(topic)
  await until(`${topic} is gone`, async () => !(await driver.hasTopic(topic)))
}

async function untilCommitted(program: RunningProgram, archive: Archive, topic: string): Promise<void> {
  await until(`something of ${topic} is committed`, async () => {
    if (program.child.exitCode !== null) assertExit(await program.ended, 3)
    return (await committedEnd(archive, { topic, partition: 0 })) > 0n
  })
}

async function backUp(
  archive: Archive,
  topics: readonly string[],
  exitCode: number,
): Promise<BackupDocument> {
  return backupDocumentOf(await expectExit(exitCode, backupArgs(cluster, archive, topics)))
}

/** Both topics have the same partitions with the same records. */
async function expectSame(
  expected: readonly PartitionContent[],
  expectedTopic: string,
  found: readonly PartitionContent[],
  foundTopic: string,
): Promise<void> {
  const partitions = expected.filter(({ topic }) => topic === expectedTopic)
  assert.equal(found.filter(({ topic }) => topic === foundTopic).length, partitions.length, foundTopic)
  for (const { partition } of partitions) {
    assertSameRecords(
      await recordDigests(found, foundTopic, partition),
      await recordDigests(expected, expectedTopic, partition),
      `${foundTopic}/${partition}`,
    )
  }
}

function place(backupId: string): Archive {
  return { folder: join(cluster.folder, 'repository'), backupId }
}
