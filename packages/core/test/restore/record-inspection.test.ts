import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import type { RecordInput } from '../../src/protocol/record-batch-builder.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { inspectRecords } from '../../src/restore/preflight/record-inspection.ts'
import { topicLimits } from '../../src/restore/preflight/topic-limits.ts'
import { planRestore } from '../../src/restore/restore-plan.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { record } from '../protocol/samples.ts'
import { BACKUP, draft, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'

const WEIGHT = Buffer.alloc(400, 'x')
/** All as heavy, each in another place. */
const HEAVY: readonly (readonly [what: string, parts: Partial<RecordInput>])[] = [
  ['key', { key: WEIGHT }],
  ['value', { value: WEIGHT }],
  ['header', { headers: [{ nameBytes: Buffer.from('trace'), value: WEIGHT }] }],
  ['name of a header', { headers: [{ nameBytes: WEIGHT, value: null }] }],
]

describe('records that a topic does not take', () => {
  for (const [what, parts] of HEAVY)
    test(`a record with a large ${what} is refused where it does not fit alone, to the byte`, async () => {
      const heavy = record(parts)
      const aloneBytes = buildBatch({ baseOffset: 0n, records: [heavy] }).length
      const inspect = await inspectionOf([record(), heavy, record()])
      assert.deepEqual(await inspect(aloneBytes, false), [])
      const refusals = await inspect(aloneBytes - 1, false)
      assert.deepEqual(refusals, [
        `KB_RECORD_TOO_LARGE: copy has max.message.bytes=${aloneBytes - 1}: orders/0, the record at offset 1 does not fit alone, it takes ${aloneBytes} bytes`,
      ])
    })

  test('a record that fits only without the headers that it gets is refused', async () => {
    const heavy = record({ value: WEIGHT })
    // More than the header of a batch, which the choice of frames allows for.
    const roomBytes = buildBatch({ baseOffset: 0n, records: [heavy] }).length + 80
    assert.deepEqual(await (await inspectionOf([heavy]))(roomBytes, false), [])
    const refusals = await (await inspectionOf([heavy], true))(roomBytes, false)
    assert.match(refusals.join(), /does not fit alone, it takes [0-9]+ bytes with the headers that it gets/)
  })

  test('a record without a key is refused where the target is compacted', async () => {
    const inspect = await inspectionOf([
      record({ key: Buffer.from('a') }),
      record({ key: Buffer.alloc(0) }),
      record({ key: null }),
    ])
    assert.deepEqual(await inspect(1_048_588, false), [])
    assert.deepEqual(await inspect(1_048_588, true), [
      'KB_TARGET_UNSUITABLE: copy is compacted and takes no record without a key: orders/0, the record at offset 2 has none',
    ])
  })
})

/** Looks at these records, which are one batch of the archive. */
async function inspectionOf(records: readonly RecordInput[], isAdding = false) {
  const storage = new MemoryBackend('inspection')
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const extents = [{ beginOffset: 0n, holes: [] }]
  const batches = [buildBatch({ baseOffset: 0n, records })]
  const segments = [await writeSegment(storage, { streams, extents, frames: [{ batches }], sequence: 1 })]
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const headers = { isStripping: false, isAdding, sourceCluster: null }
  const plan = planRestore(state, { topics: undefined, topicMapping: new Map([['orders', 'copy']]), headers })
  const { signal } = new AbortController()
  const source = { storage, backupId: BACKUP, transforms: TRANSFORMS, signal }
  return async (maxMessageBytes: number, needsKeys: boolean): Promise<string[]> => {
    const limits = topicLimits(new Map([['max.message.bytes', String(maxMessageBytes)]]))
    const wish = { limits, needsKeys, isCreated: false, written: new Map() }
    const refusals = await inspectRecords(source, plan, plan.topics[0]!, wish)
    return refusals.map(({ code, topic, message }) => `${code}: ${topic} ${message}`)
  }
}
