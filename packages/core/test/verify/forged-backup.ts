import assert from 'node:assert/strict'
import { BackupState } from '../../src/format/backup-state.ts'
import { renderManifest } from '../../src/format/manifest.ts'
import type { SegmentRecord } from '../../src/format/segment-record.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { manifestKey } from '../../src/repository/key-layout.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  type SegmentInput,
  validate,
  writeSegment,
} from './archive-writer.ts'
import type { TamperableStore } from './tamperable-store.ts'

/** What a validation finds. */
export async function findingsOf(store: TamperableStore, isDeep = true) {
  return (await validate(store.backend, { isDeep })).findings
}

/** Writes a backup of one segment, whose record may be changed before it is committed. */
export async function writeBackup(
  store: TamperableStore,
  input: Partial<SegmentInput>,
  change: (record: SegmentRecord) => SegmentRecord = (record) => record,
): Promise<SegmentRecord> {
  const segment = change(
    await writeSegment(store.backend, {
      streams: [ORDERS_0],
      sequence: 1,
      extents: [{ beginOffset: 0n, holes: [] }],
      frames: [{ batches: [dataBatch(0n, 3), dataBatch(3n, 4)] }, { batches: [dataBatch(7n, 2)] }],
      ...input,
    }),
  )
  const state = new BackupState(BACKUP)
  const begins = segment.parts.map(({ topic, partition, beginOffset }) => {
    return { topic, partition, offset: beginOffset }
  })
  const topics = [
    { name: 'orders', topicId: ORDERS_0.topicId, partitions: 1 },
    { name: 'audit', topicId: null, partitions: 1 },
  ]
  await appendCommit(
    store.backend,
    state,
    draft('run-1', 'complete', { topics, begins, segments: [segment] }),
  )
  await store.write(manifestKey(BACKUP), renderManifest(state))
  return segment
}

/** Only this segment is damaged, and the first finding says why. */
export async function expectSegmentDamage(
  store: TamperableStore,
  segment: SegmentRecord,
  message: RegExp,
  isDeep: boolean,
): Promise<void> {
  const findings = await findingsOf(store, isDeep)
  assert.deepEqual([...new Set(findings.map((finding) => finding.key))], [segment.key])
  assert.match(findings[0]?.message ?? '', message)
  assert.ok(findings.every((finding) => finding.severity === 'damage' && finding.partitions.length > 0))
}
