import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackupState } from '../../src/format/backup-state.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { judgeAges, undecidedAges } from '../../src/restore/preflight/record-age.ts'
import { planRestore } from '../../src/restore/restore-plan.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { record } from '../protocol/samples.ts'
import { BACKUP, draft, TRANSFORMS, writeSegment } from '../verify/archive-writer.ts'

const NOW_MS = 1_000_000_000_000
const RETENTION_MS = 3_600_000
const SETTINGS: ReadonlyMap<string, string> = new Map([['retention.ms', String(RETENTION_MS)]])

test('a topic that the restore creates with a retention shorter than the age of a batch is refused', async () => {
  const judge = await archiveOf([NOW_MS - RETENTION_MS - 1, NOW_MS])
  assert.deepEqual(await judge('created'), [
    `copy would be created so that it has retention.ms=${RETENTION_MS} and would delete restored records as soon as they are there`,
  ])
  const young = await archiveOf([NOW_MS - RETENTION_MS, NOW_MS])
  assert.deepEqual(await young('created'), [])
})

test('a retention is held only of a topic that exists', async () => {
  const judge = await archiveOf([NOW_MS - RETENTION_MS - 1, NOW_MS])
  assert.deepEqual(await judge('present', { isHoldingRetention: true }), ['held retention.ms'])
  assert.equal((await judge('created', { isHoldingRetention: true })).length, 1)
})

/** One batch for each time; how old the oldest record is stands in no commit. */
async function archiveOf(timesMs: readonly number[]) {
  const storage = new MemoryBackend('ages')
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const batches = timesMs.map((timeMs, place) =>
    buildBatch({ baseOffset: BigInt(place), records: [record({ timestamp: BigInt(timeMs) })] }),
  )
  const extents = [{ beginOffset: 0n, holes: [] }]
  const segments = [await writeSegment(storage, { streams, extents, frames: [{ batches }], sequence: 1 })]
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: 0n }]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  const plan = planRestore(state, { topics: undefined, topicMapping: new Map([['orders', 'copy']]) })
  const topic = {
    ...plan.topics[0]!,
    minTimestampMs: null,
    isMinExact: false,
    maxTimestampMs: BigInt(NOW_MS),
  }
  const request = { name: 'copy', partitions: 1, replicationFactor: 1, configs: new Map() }
  return async (kind: 'present' | 'created', given: { isHoldingRetention?: boolean } = {}) => {
    const options = { isHoldingRetention: false, nowMs: NOW_MS, ...given }
    const present = kind === 'present' ? [topic] : []
    const created =
      kind === 'created' ? [{ topic, request, settings: SETTINGS, held: [], notes: [], failure: null }] : []
    const facts = { values: new Map([['copy', SETTINGS]]), overrides: new Map() }
    const ages = undecidedAges(present, created, facts, [], options)
    const { signal } = new AbortController()
    const read = { ...options, storage, transforms: TRANSFORMS, signal }
    const { refusals, held } = await judgeAges(plan, read, ages)
    return [
      ...refusals.map(({ topic: name, message }) => `${name} ${message}`),
      ...held.map(({ name }) => `held ${name}`),
    ]
  }
}
