import assert from 'node:assert/strict'
import { BackupState } from '../../src/format/backup-state.ts'
import type { Commit, DivergenceRecord, GapRecord, RunRecord } from '../../src/format/commit.ts'
import type { SegmentPart, SegmentRecord } from '../../src/format/segment-record.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'
import { type RunCommit, randomPart } from './random-commit.ts'

export const DIGEST = 'ab'.repeat(32)
export const RUN: RunRecord = {
  id: 'run-1',
  beganAtMs: 1n,
  targetAtMs: 2n,
  outcome: 'running',
  isolation: 'read_committed',
  unread: [],
}

export function part(
  beginOffset: bigint,
  lastOffset: bigint,
  changes: Partial<SegmentPart> = {},
): SegmentPart {
  return {
    ...randomPart(prng(1), 'orders', 0, 0n),
    lastBatch: null,
    beginOffset,
    firstOffset: beginOffset,
    lastOffset,
    nextOffset: lastOffset + 1n,
    holes: [],
    ...changes,
  }
}

let segmentNumber = 0
export function segment(...parts: SegmentPart[]): SegmentRecord {
  const key = `b/topics/orders/partition=0/segment-${String(++segmentNumber).padStart(10, '0')}-00000001.zst`
  return { key, bytes: 10, index: { position: 0, bytes: 1, sha256: DIGEST }, parts }
}

export function gap(firstOffset: bigint, endOffset: bigint): GapRecord {
  return { topic: 'orders', partition: 0, lineage: 1, firstOffset, endOffset, reason: 'missing_in_log' }
}

/** The log of orders/0 was truncated at 8 when the backup held what is below 10. */
export function divergence(changes: Partial<DivergenceRecord> = {}): DivergenceRecord {
  return {
    topic: 'orders',
    partition: 0,
    lineage: 2,
    reason: 'log_truncated',
    topicId: null,
    beginOffset: 6n,
    commonEndOffset: 8n,
    previousEndOffset: 10n,
    ...changes,
  }
}

export function commit(number: bigint, changes: Partial<Commit> = {}): RunCommit {
  return {
    backupId: 'b',
    number,
    previousSha256: number === 1n ? null : `${number - 1n}`,
    writer: '00000001',
    program: 'test',
    createdAtMs: number * 10n,
    source: { clusterId: 'c', bootstrapServers: [] },
    topics: [],
    begins: [],
    segments: [],
    gaps: [],
    divergences: [],
    artifacts: [],
    ...changes,
    run: changes.run ?? RUN,
  }
}

export const TOPICS = [{ name: 'orders', topicId: null, partitions: 2 }]
export const BEGINS = [{ topic: 'orders', partition: 0, offset: 5n }]

/** A backup with one commit, whose partition orders/0 goes on at 10. */
export function begun(): BackupState {
  const state = new BackupState('b')
  state.apply(commit(1n, { topics: TOPICS, begins: BEGINS, segments: [segment(part(5n, 9n))] }), '1')
  return state
}

export function expectRefused(state: BackupState, wrong: Commit, what: string): void {
  const before = JSON.stringify(shown(state))
  expectCode('KB_COMMIT_CORRUPT', () => state.apply(wrong, '2'), what)
  assert.equal(JSON.stringify(shown(state)), before, what)
}

function shown(state: BackupState): unknown {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? `${field}` : field))
  return [
    text(state.partitions()),
    text(state.tip),
    text(state.runs),
    text([...state.topics]),
    state.isolation,
    state.segments.length,
  ]
}
