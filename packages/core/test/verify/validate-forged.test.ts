import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrameDescription } from '../../src/format/segment-builder.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { BATCH_FIELD } from '../../src/protocol/record-batch.ts'
import { BACKUP, dataBatch } from './archive-writer.ts'
import { expectSegmentDamage, findingsOf, writeBackup } from './forged-backup.ts'
import { withStore } from './tamperable-store.ts'

/*
 * Archives whose digests are all right and whose content is not: what a writer with a defect, or someone who computes the
 * digests again, would leave. Each case is found by one check and by no other.
 */

test('a batch whose CRC-32C was wrong when it was written is found by a deep validation', () =>
  withStore('memory', async (store) => {
    const batch = dataBatch(0n, 3)
    // In the middle of a value, so that every length still adds up.
    batch[batch.length - 20]! ^= 1
    const segment = await writeBackup(store, { frames: [{ batches: [batch] }] })
    await expectSegmentDamage(store, segment, /^frame 0: CRC-32C/, true)
    assert.deepEqual(await findingsOf(store, false), [])
  }))

test('a batch whose header cannot be right is found although its CRC-32C is', () =>
  withStore('memory', async (store) => {
    const batch = dataBatch(0n, 3, { codec: 'gzip' })
    batch.writeInt32BE(1, BATCH_FIELD.lastOffsetDelta)
    sealBatch(batch, 0)
    const segment = await writeBackup(store, { frames: [{ batches: [batch] }] })
    await expectSegmentDamage(store, segment, /^frame 0: 3 records do not fit 2 offsets/, true)
  }))

test('a bit that no decoder looks at is found by the digest of its frame', () =>
  withStore('memory', async (store) => {
    const segment = await writeBackup(store, {
      frames: [{ batches: [dataBatch(0n, 40)], mode: 'compressed' }],
    })
    const bytes = await store.read(segment.key)
    const frameBegin = bytes.readUInt32LE(4) + 8
    // The unused bit of a Zstandard frame header (RFC 8878, 3.1.1.1.1.3).
    bytes[frameBegin + 4]! ^= 0x10
    await store.write(segment.key, bytes)
    await expectSegmentDamage(store, segment, /^frame 0 .*SHA-256/, true)
  }))

const FALSIFIED: Partial<FrameDescription>[] = [
  { batches: 3 },
  { controlBatches: 1 },
  { records: 6 },
  { abortedRecords: 1 },
  { minTimestampMs: 5n },
  { maxTimestampMs: 1_800_000_000_000n },
  { largestBatchBytes: 1 },
  { codecs: ['gzip'] },
  { leaderEpochs: [[1, 0n]] },
]

for (const falsified of FALSIFIED) {
  const [field] = Object.keys(falsified)
  test(`an index that is wrong about ${field} is found by a deep validation`, () =>
    withStore('memory', async (store) => {
      const batches = [dataBatch(0n, 3), dataBatch(3n, 4)]
      const falsify = (description: FrameDescription) => ({ ...description, ...falsified })
      const segment = await writeBackup(store, { frames: [{ batches, falsify }] })
      await expectSegmentDamage(store, segment, new RegExp(`^frame 0: ${field} is`), true)
    }))
}

test('an index that does not know the smallest timestamp is right about it', () =>
  withStore('memory', async (store) => {
    const falsify = (description: FrameDescription) => ({ ...description, minTimestampMs: null })
    await writeBackup(store, { frames: [{ batches: [dataBatch(0n, 3)], falsify }] })
    assert.deepEqual(await findingsOf(store), [])
  }))

test('offsets that are missing between batches without a hole are found', () =>
  withStore('memory', async (store) => {
    const segment = await writeBackup(store, { frames: [{ batches: [dataBatch(0n, 3), dataBatch(5n, 2)] }] })
    await expectSegmentDamage(store, segment, /offsets 5 to 6, expected 3/, true)
  }))

test('offsets that are missing between frames without a hole are found without reading them', () =>
  withStore('memory', async (store) => {
    const frames = [{ batches: [dataBatch(0n, 3)] }, { batches: [dataBatch(5n, 2)] }]
    const segment = await writeBackup(store, { frames })
    await expectSegmentDamage(store, segment, /frame 1 begins at offset 5, expected 3/, false)
  }))

test('batches that overlap, or that stand in the wrong order, are found', () =>
  withStore('memory', async (store) => {
    for (const batches of [
      [dataBatch(0n, 3), dataBatch(2n, 3)],
      [dataBatch(3n, 3), dataBatch(0n, 3)],
    ]) {
      await store.remove(`${BACKUP}/commits/00000000000000000001.json`)
      await store.remove(`${BACKUP}/topics/orders/partition=0/segment-0000000001-9f2c11ab.zst`)
      const falsify = (description: FrameDescription) => ({
        ...description,
        firstOffset: 0n,
        lastOffset: 5n,
        leaderEpochs: [[0, 0n] as const],
      })
      const segment = await writeBackup(store, { frames: [{ batches, falsify }] })
      await expectSegmentDamage(store, segment, /expected/, true)
    }
  }))

test('a hole where there are batches is found', () =>
  withStore('memory', async (store) => {
    const segment = await writeBackup(store, {
      extents: [{ beginOffset: 0n, holes: [[2n, 4n]] }],
      frames: [{ batches: [dataBatch(0n, 6)] }],
    })
    await expectSegmentDamage(store, segment, /a hole where there are batches/, true)
  }))

test('bytes behind the last batch of a frame are found', () =>
  withStore('memory', async (store) => {
    const batches = [dataBatch(0n, 3), dataBatch(3n, 3).subarray(0, 30)]
    const frames = [
      {
        batches: [Buffer.concat(batches)],
        falsify: (description: FrameDescription) => ({
          ...description,
          rawBytes: batches[0]!.length + 30,
        }),
      },
    ]
    const segment = await writeBackup(store, { frames })
    await expectSegmentDamage(store, segment, /30 bytes behind the last batch/, true)
  }))

test('bytes between the last frame and the index, which no digest covers, are found', () =>
  withStore('memory', async (store) => {
    const extra = Buffer.from('?!')
    const change = (record: SegmentRecord): SegmentRecord => ({
      ...record,
      bytes: record.bytes + extra.length,
      index: { ...record.index, position: record.index.position + extra.length },
    })
    const segment = await writeBackup(store, {}, change)
    const bytes = await store.read(segment.key)
    const end = segment.index.position - extra.length
    await store.write(segment.key, Buffer.concat([bytes.subarray(0, end), extra, bytes.subarray(end)]))
    await expectSegmentDamage(store, segment, /do not end where the index begins/, false)
  }))

test('a header of another sequence or writer than the key is found', () =>
  withStore('memory', async (store) => {
    const segment = await writeBackup(store, { headerSequence: 2 })
    await expectSegmentDamage(store, segment, /another writer or sequence/, false)
  }))
