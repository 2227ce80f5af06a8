import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { judgeBytes, undecidedBytes } from '../../src/restore/preflight/partition-bytes.ts'
import { filledTopics } from '../../src/restore/preflight/target-content.ts'
import { planRestore } from '../../src/restore/restore-plan.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { record } from '../protocol/samples.ts'
import { BACKUP, draft, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'

const VALUE = Buffer.alloc(50_000, 'a')
const MAY_GET = ['copy may delete: a partition may get more bytes than that']

test('what a topic decompresses is measured without compression', async () => {
  const judge = await archiveOf('gzip')
  assert.deepEqual(await judge(40_000, { compression: 'uncompressed' }), MAY_GET)
  assert.deepEqual(await judge(40_000, { compression: 'producer' }), [])
  assert.deepEqual(await judge(100_000, { compression: 'uncompressed' }), [])
})

test('headers that are added count', async () => {
  const judge = await archiveOf('none', true)
  assert.deepEqual(await judge(50_100), MAY_GET)
  assert.deepEqual(await (await archiveOf('none'))(50_100), [])
})

test('what a topic holds already counts where records are added to it', async () => {
  const judge = await archiveOf('none')
  const filled = ['copy may delete: how many bytes its partitions hold already is not known']
  assert.deepEqual(await judge(1_000_000, { end: 5n }), filled)
  assert.deepEqual(await judge(1_000_000, { end: 0n }), [])
})

/** One batch with one record of 50,000 bytes. */
async function archiveOf(codec: 'none' | 'gzip', isAdding = false) {
  const storage = new MemoryBackend('bytes')
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const batches = [buildBatch({ baseOffset: 0n, records: [record({ value: VALUE })], codec })]
  const extents = [{ beginOffset: 0n, holes: [] }]
  const segments = [await writeSegment(storage, { streams, extents, frames: [{ batches }], sequence: 1 })]
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const headers = { isStripping: false, isAdding, sourceCluster: null }
  const plan = planRestore(state, { topics: undefined, topicMapping: new Map([['orders', 'copy']]), headers })
  return async (retentionBytes: number, given: { compression?: string; end?: bigint } = {}) => {
    const { compression = 'producer', end = 0n } = given
    const settings = new Map([
      ['retention.bytes', String(retentionBytes)],
      ['compression.type', compression],
    ])
    const facts = { values: new Map([['copy', settings]]), overrides: new Map() }
    const offsets = { starts: new Map([['copy/0', 0n]]), ends: new Map([['copy/0', end]]) }
    const filled = filledTopics(plan.topics, [{ topic: 'copy', partition: 0 }], offsets)
    const found = undecidedBytes(plan.topics, [], facts, filled)
    const { signal } = new AbortController()
    const read = { storage, transforms: TRANSFORMS, signal, isHoldingRetention: false }
    const { refusals } = await judgeBytes(plan, read, found, [])
    return refusals.map(({ topic, message }) =>
      `${topic} ${message}`.replace(
        `has retention.bytes=${retentionBytes} and may delete records`,
        'may delete',
      ),
    )
  }
}
