import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type KafkaCluster,
  type KafkaVersion,
  type PartitionContent,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import {
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
  UNCOMPACTED,
} from '../harness/archive.ts'
import { countRecords, expectSameRecords, readTopics } from '../harness/same-content.ts'
import { EAGER_CLEANER, fillAgain, KINDS, prepareSource } from './every-kind-of-topic.ts'

/** What a suite adds to the round trip that each of them makes. */
export interface RoundTripOptions {
  /** Of a second backup of the same topics. */
  readonly compression: 'lz4' | 'none'
  /** Version of a second cluster that the backup is restored into too. */
  readonly otherVersion?: KafkaVersion
}

interface BackupDocument {
  readonly outcome: string
  readonly records: number
  readonly gaps: readonly unknown[]
}

interface RestoreDocument {
  readonly records: number
  readonly partitions: readonly { readonly topic: string; readonly reencoded_batches: number }[]
}

const TOPICS = KINDS.map(({ topic }) => topic)

/** Every kind of topic goes into an archive in two runs, comes back under another name, and Kafka's own consumer compares. */
export function describeRoundTrip(version: KafkaVersion, options: RoundTripOptions): void {
  describe(`a round trip on Kafka ${version}`, () => {
    let cluster: KafkaCluster
    let contents: PartitionContent[]
    const place = (backupId: string) => ({ folder: join(cluster.folder, 'repository'), backupId })

    before(async () => {
      cluster = await startKafkaCluster({ version, properties: EAGER_CLEANER })
      await prepareSource(cluster)
    })

    after(() => cluster?.close())

    test('is backed up in two runs, the second with what was added', async () => {
      const archive = place('daily')
      const first = await expectExit(0, backupArgs(cluster, archive, TOPICS))
      await fillAgain(cluster, 2)
      const second = await expectExit(0, backupArgs(cluster, archive, TOPICS))
      const [one, two] = [first.json<BackupDocument>(), second.json<BackupDocument>()]
      assert.deepEqual([one.outcome, two.outcome, one.gaps, two.gaps], ['complete', 'complete', [], []])
      assert.ok(one.records > 0 && two.records > 0, 'both runs found records')
      assert.equal((await expectComplete(archive)).records, one.records + two.records)
    })

    test(`is backed up again with --compression ${options.compression}`, async () => {
      const archive = place(options.compression)
      await expectExit(0, [...backupArgs(cluster, archive, TOPICS), '--compression', options.compression])
      await expectComplete(archive)
    })

    test('is restored from both backups, beside the source', async () => {
      const end = await expectExit(0, [
        ...restoreArgs(cluster, place('daily'), renamed(TOPICS, 'daily')),
        ...UNCOMPACTED,
      ])
      const again = restoreArgs(cluster, place(options.compression), renamed(TOPICS, 'again'))
      await expectExit(0, [...again, ...UNCOMPACTED])
      contents = await readTopics(cluster, [...TOPICS, ...TOPICS.flatMap((topic) => copiesOf(topic))])
      const report = end.json<RestoreDocument>()
      assert.equal(
        countRecords(
          contents,
          TOPICS.map((topic) => `${topic}-daily`),
        ),
        report.records,
      )
      // Without these the topics were not what they are meant to be.
      for (const topic of ['compacted', 'append-time', 'shortened']) {
        const own = report.partitions.filter((entry) => entry.topic === `${topic}-daily`)
        assert.ok(
          own.some((entry) => entry.reencoded_batches > 0),
          `${topic} was encoded again`,
        )
      }
    })

    for (const { topic, what } of KINDS) {
      test(`brings back ${what}`, async () => {
        for (const copy of copiesOf(topic))
          await expectSameRecords(new Map([[topic, copy]]), contents, contents)
      })
    }

    const { otherVersion } = options
    if (otherVersion !== undefined) {
      test(`brings everything back on another cluster of Kafka ${otherVersion}`, async () => {
        await using other = await startKafkaCluster({ version: otherVersion })
        const names = new Map(TOPICS.map((topic) => [topic, topic]))
        await expectExit(0, [...restoreArgs(other, place('daily'), names), ...UNCOMPACTED])
        await expectSameRecords(names, contents, await readTopics(other, TOPICS))
      })
    }
  })
}

/** What a topic was restored into. */
function copiesOf(topic: string): string[] {
  return [`${topic}-daily`, `${topic}-again`]
}
