import { test } from 'node:test'
import type { SegmentPart, SegmentRecord } from '../../src/format/segment-record.ts'
import { AUDIT_0, BACKUP, dataBatch, ORDERS_0 } from './archive-writer.ts'
import { expectSegmentDamage, writeBackup } from './forged-backup.ts'
import { withStore } from './tamperable-store.ts'

/* Commits that are sealed and whole, and say other things of a segment than its index. */

const CHANGED_PARTS: Partial<SegmentPart>[] = [
  { records: 8 },
  { abortedRecords: 1 },
  { batches: 4 },
  { controlBatches: 1 },
  { storedBytes: 1 },
  { rawBytes: 1 },
  { minTimestampMs: 4n },
  { maxTimestampMs: 4n },
  { leaderEpochs: [[3, 0n]] },
  { largestBatchBytes: 4 },
  { frames: [0, 1] },
  { frames: [1, 2] },
  { frames: [0, 3] },
  { lastOffset: 9n, nextOffset: 10n },
  { partition: 0, topic: 'audit' },
]

for (const changed of CHANGED_PARTS) {
  const shown = Object.entries(changed)
    .map(([field, value]) => `${field} ${value}`)
    .join(', ')
  test(`a commit that says ${shown} against the index is found without reading the data`, () =>
    withStore('memory', async (store) => {
      const change = (record: SegmentRecord): SegmentRecord => ({
        ...record,
        key: changed.topic ? record.key.replace('/topics/orders/', '/topics/audit/') : record.key,
        parts: record.parts.map((part) => ({ ...part, ...changed })),
      })
      const original = `${BACKUP}/topics/orders/partition=0/segment-0000000001-9f2c11ab.zst`
      const segment = await writeBackup(store, {}, change)
      if (segment.key !== original) {
        await store.write(segment.key, await store.read(original))
        await store.remove(original)
      }
      await expectSegmentDamage(store, segment, /./, false)
    }))
}

test('a bundle whose parts were exchanged is found', () =>
  withStore('memory', async (store) => {
    const input = {
      streams: [ORDERS_0, AUDIT_0],
      extents: [
        { beginOffset: 0n, holes: [] },
        { beginOffset: 0n, holes: [] },
      ],
      frames: [
        { stream: 0, batches: [dataBatch(0n, 3)] },
        { stream: 1, batches: [dataBatch(0n, 2)] },
      ],
    }
    const change = (record: SegmentRecord) => ({
      ...record,
      parts: record.parts.map((part, at) => ({ ...part, frames: record.parts[1 - at]!.frames })),
    })
    const segment = await writeBackup(store, input, change)
    await expectSegmentDamage(store, segment, /another stream/, false)
  }))
