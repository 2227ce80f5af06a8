import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  fillTopics,
  type KafkaCluster,
  readRecords,
  type SeenRecord,
  startKafkaCluster,
} from '@kafka-backup/testkit'
import { BatchCursor } from '../../packages/core/src/protocol/record-batch.ts'
import { type Archive, backupArgs, expectExit, restoreArgs, validateArgs } from '../harness/archive.ts'
import { readCommits } from '../harness/committed-batches.ts'
import { createTopics } from '../harness/new-topics.ts'

interface Document {
  readonly outcome: string
  readonly gaps: readonly {
    readonly partition: number
    readonly first_offset: string
    readonly end_offset: string
    readonly reason: string
    readonly quarantine?: { readonly key: string; readonly detail: string }
  }[]
  readonly unread: readonly {
    readonly partition: number
    readonly first_offset: string
    readonly reason: string
  }[]
}

interface StruckBatch {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** As damaged. */
  readonly bytes: Buffer
}

const TOPIC = 'orders'
const WHOLE = 3
const NAMES = new Map([[TOPIC, 'orders-restored']])
const BATCH_FIELD = { length: 8, body: 61 } as const

/** What is done to the log of each partition, by the batch (counted from the end when negative) and the byte in it. */
const DAMAGE = [
  { batch: 3, byte: BATCH_FIELD.body + 5, what: 'a record in the middle' },
  { batch: -1, byte: BATCH_FIELD.body + 5, what: 'the last batch' },
  { batch: 3, byte: BATCH_FIELD.length, what: 'a length, so that nothing behind it can be found' },
] as const

let cluster: KafkaCluster
let archive: Archive
/** A backup that has everything from before the damage. */
let held: Archive
let original: SeenRecord[]
const damaged: StruckBatch[] = []

describe('batches that are damaged on the disk of the source', () => {
  before(async () => {
    cluster = await startKafkaCluster()
    archive = { folder: join(cluster.folder, 'repository'), backupId: 'daily' }
    held = { ...archive, backupId: 'held' }
    await createTopics(cluster, { [TOPIC]: { partitions: DAMAGE.length + 1 } })
    await fillTopics(cluster, [{ topic: TOPIC, records: 4_000, batchBytes: 8_192 }])
    original = await readAll(TOPIC)
    await expectExit(0, backupArgs(cluster, held, [TOPIC]))
    await cluster.broker(1).stop()
    for (const [partition, { batch, byte }] of DAMAGE.entries()) {
      const file = join(cluster.broker(1).logDir, `${TOPIC}-${partition}`, '00000000000000000000.log')
      const log = await readFile(file)
      damaged.push(strike(log, batch, byte))
      await writeFile(file, log)
    }
    await cluster.broker(1).start()
  })

  after(() => cluster?.close())

  test('are declared, kept as they came, and everything else is in the backup', async () => {
    const end = await expectExit(3, backupArgs(cluster, archive, [TOPIC]))
    const { outcome, gaps, unread } = end.json<Document>()
    assert.equal(outcome, 'incomplete')
    assert.deepEqual(
      gaps.map((gap) => [gap.partition, gap.first_offset, gap.end_offset, gap.reason]),
      [0, 1].map((partition) => {
        const { baseOffset, lastOffset } = struck(partition)
        return [partition, `${baseOffset}`, `${lastOffset + 1n}`, 'damaged_in_log']
      }),
    )
    for (const { partition, quarantine } of gaps) {
      assert.match(quarantine?.detail ?? '', /CRC-32C does not match/)
      const kept = await readFile(join(archive.folder, quarantine?.key ?? ''))
      assert.ok(kept.equals(struck(partition).bytes), 'the batch as it is on the disk')
      assert.match(
        end.stderr,
        new RegExp(`^Gap: orders/${partition} offsets .* damaged in the source log`, 'm'),
      )
    }
    assert.deepEqual(
      unread.map((entry) => [entry.partition, entry.first_offset, entry.reason]),
      [[2, `${struck(2).baseOffset}`, 'damaged_in_log']],
    )
  })

  test('are nothing that the next run stumbles over, and it looks again at what it could not pass', async () => {
    const { gaps, unread } = (await expectExit(3, backupArgs(cluster, archive, [TOPIC]))).json<Document>()
    assert.deepEqual([gaps.length, unread.length], [0, 1])
  })

  test('are nothing to a backup that has them whole', async () => {
    const { outcome, gaps } = (await expectExit(0, backupArgs(cluster, held, [TOPIC]))).json<Document>()
    assert.deepEqual([outcome, gaps], ['complete', []])
  })

  test('are checked by validate like everything else', async () => {
    const end = await expectExit(3, validateArgs(archive))
    assert.deepEqual(end.json<{ findings: unknown[] }>().findings, [])
  })

  test('leave a restore that says what is missing and has all the rest', async () => {
    await expectExit(3, restoreArgs(cluster, archive, NAMES))
    const restored = await readAll('orders-restored')
    for (let partition = 0; partition <= WHOLE; partition++) {
      const lost = damaged[partition]
      const isThere = ({ offset }: SeenRecord): boolean => {
        if (!lost || offset < lost.baseOffset) return true
        return partition !== 2 && offset > lost.lastOffset
      }
      const expected = original.filter((record) => record.partition === partition && isThere(record))
      const found = restored.filter((record) => record.partition === partition)
      assert.deepEqual(found.map(textOf), expected.map(textOf), `partition ${partition}`)
      assert.ok(expected.length > (partition === 2 ? 10 : 500))
    }
  })

  test('are missed when somebody takes them out of quarantine', async () => {
    const [gap] = (await readCommits(archive)).flatMap(({ gaps }) => gaps as Document['gaps'])
    const key = gap?.quarantine?.key ?? ''
    const file = join(archive.folder, key)
    const bytes = await readFile(file)
    bytes[70] = (bytes[70] ?? 0) ^ 1
    await writeFile(file, bytes)
    const end = await expectExit(4, validateArgs(archive))
    assert.ok(end.stdout.includes(key))
  })
})

/** Flips a bit of a batch in a log. */
function strike(log: Buffer, number: number, byte: number): StruckBatch {
  const batches: StruckBatch[] = []
  const cursor = new BatchCursor(log)
  while (cursor.next()) {
    const { baseOffset, lastOffset, bytes } = cursor
    batches.push({ baseOffset, lastOffset, bytes })
  }
  const batch = batches.at(number)
  assert.ok(batch && batches.length > 6, `${batches.length} batches`)
  batch.bytes[byte] = (batch.bytes[byte] ?? 0) ^ 0x80
  return { ...batch, bytes: Buffer.from(batch.bytes) }
}

function struck(partition: number): StruckBatch {
  const batch = damaged[partition]
  assert.ok(batch)
  return batch
}

async function readAll(topic: string): Promise<SeenRecord[]> {
  const records: SeenRecord[] = []
  for await (const record of readRecords(cluster, [topic])) records.push(record)
  return records
}

function textOf({ timestamp, content }: SeenRecord): string {
  return `${timestamp}\t${content}`
}
