import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaCluster, SourceDriver, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  backupArgs,
  expectComplete,
  expectExit,
  renamed,
  restoreArgs,
} from '../harness/archive.ts'
import { backupDocumentOf, divergenceLines } from '../harness/backup-document.ts'
import { assertSameRecords, recordDigests } from '../harness/record-digests.ts'
import { readTopics } from '../harness/same-content.ts'

const TOPIC = 'orders'
const COMMON = 20
/** Records of each partition written after the copy of the disk was taken, and those written after it was put back. */
const PARTITIONS = [
  { taken: 40, putBack: 40 },
  { taken: 40, putBack: 70 },
  { taken: 40, putBack: 10 },
] as const
const UNTOUCHED = PARTITIONS.length

let cluster: KafkaCluster

describe('when the disk of a broker is put back to an earlier state', () => {
  before(async () => {
    cluster = await startKafkaCluster()
  })

  after(() => cluster?.close())

  // Epochs cannot tell the two histories apart: the metadata was put back too, so the broker counts them on from the same number.
  test('a run finds other batches under the same leader epochs, and keeps both histories', async () => {
    const archive: Archive = { folder: join(cluster.folder, 'repository'), backupId: 'disk' }
    await withDriver(async (driver) => {
      await driver.createTopic(TOPIC, { replicas: PARTITIONS.length + 1 })
      for (let partition = 0; partition <= UNTOUCHED; partition++)
        await driver.write({ topic: TOPIC, partition, label: `common-${partition}`, records: COMMON })
    })
    await cluster.broker(1).stop()
    const copy = join(cluster.folder, 'copy-of-the-disk')
    await cp(cluster.broker(1).logDir, copy, { recursive: true })
    await cluster.broker(1).start()
    await write('taken')
    const held = await readTopics(cluster, [TOPIC])
    await expectExit(0, backupArgs(cluster, archive, [TOPIC]))
    await cluster.broker(1).stop()
    await rm(cluster.broker(1).logDir, { recursive: true })
    await cp(copy, cluster.broker(1).logDir, { recursive: true })
    await cluster.broker(1).start()
    await write('putBack')
    const report = backupDocumentOf(await expectExit(3, backupArgs(cluster, archive, [TOPIC])))
    const [same, longer, shorter, ...more] = divergenceLines(report)
    assert.match(same!, /^orders\/0: log_replaced, lineage 2, common below null, begins at 0, held 60$/)
    assert.match(longer!, /^orders\/1: log_replaced, lineage 2, common below null, begins at 0, held 60$/)
    assert.match(
      shorter!,
      /^orders\/2: log_(?:replaced|truncated), lineage 2, common below null, begins at 0, held 60$/,
    )
    assert.deepEqual([more, report.gaps, report.unread], [[], [], []])
    assert.equal(backupDocumentOf(await expectExit(0, backupArgs(cluster, archive, [TOPIC]))).records, 0)
    await expectComplete(archive)
    await expectExit(0, restoreArgs(cluster, archive, renamed([TOPIC], 'new')))
    await expectExit(0, [...restoreArgs(cluster, archive, renamed([TOPIC], 'old')), '--as-of-commit', '1'])
    const now = await readTopics(cluster, [TOPIC, `${TOPIC}-new`, `${TOPIC}-old`])
    for (let partition = 0; partition <= UNTOUCHED; partition++) {
      const digests = (contents: typeof now, topic: string) => recordDigests(contents, topic, partition)
      assertSameRecords(
        await digests(now, `${TOPIC}-new`),
        await digests(now, TOPIC),
        `newest of ${partition}`,
      )
      assertSameRecords(
        await digests(now, `${TOPIC}-old`),
        await digests(held, TOPIC),
        `oldest of ${partition}`,
      )
    }
  })
})

async function write(when: 'taken' | 'putBack'): Promise<void> {
  await withDriver(async (driver) => {
    for (const [partition, counts] of PARTITIONS.entries())
      await driver.write({ topic: TOPIC, partition, label: `${when}-${partition}`, records: counts[when] })
  })
}

/** Nothing of what a client knows about the broker survives its disk. */
async function withDriver(act: (driver: SourceDriver) => Promise<void>): Promise<void> {
  await using driver = new SourceDriver(cluster)
  await act(driver)
}
