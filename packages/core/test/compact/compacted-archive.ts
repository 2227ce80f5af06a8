import { createHash } from 'node:crypto'
import {
  type CompactContext,
  type CompactRequest,
  prepareCompact,
  runCompact,
} from '../../src/compact/compact-run.ts'
import { BackupState } from '../../src/format/backup-state.ts'
import type { Commit } from '../../src/format/commit.ts'
import { appendCommit } from '../../src/repository/commit-log.ts'
import { openBackup } from '../../src/repository/open-backup.ts'
import { SegmentReader } from '../../src/repository/segment-reader.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import {
  AUDIT_0,
  BACKUP,
  dataBatch,
  draft,
  ORDERS_0,
  ORDERS_1,
  ORDERS_TOPIC,
  TRANSFORMS,
  writeSegment,
} from '../verify/archive-writer.ts'

/** Records that each round adds to each partition. */
export const RECORDS = 10
const STREAMS = [ORDERS_0, ORDERS_1, AUDIT_0] as const

/** `rounds` checkpoints of a continuous run: each has one bundle of three partitions, and every third one a segment of orders/0 behind it. */
export async function writeRounds(storage: StorageBackend, rounds: number): Promise<BackupState> {
  const state = new BackupState(BACKUP)
  for (let round = 0; round < rounds; round++) await addRound(storage, state, round)
  return state
}

/** The round with this number, which must be the next. */
export async function addRound(storage: StorageBackend, state: BackupState, round: number): Promise<void> {
  const begin = (stream: number) =>
    state.partition(STREAMS[stream]?.topic ?? '', STREAMS[stream]?.partition ?? 0)?.nextOffset ?? 0n
  const bundle = await writeSegment(storage, {
    streams: STREAMS,
    sequence: round + 1,
    extents: STREAMS.map((_, stream) => ({ beginOffset: begin(stream), holes: [] })),
    frames: STREAMS.map((_, stream) => ({
      stream,
      batches: [dataBatch(begin(stream), RECORDS, { codec: round % 2 === 0 ? 'none' : 'gzip' })],
      mode: 'compressed' as const,
    })),
  })
  const topics = [ORDERS_TOPIC, { name: 'audit', topicId: null, partitions: 1 }]
  const begins = STREAMS.map(({ topic, partition }) => ({ topic, partition, offset: 0n }))
  const first: Partial<Commit> = round === 0 ? { topics, begins } : {}
  await appendCommit(storage, state, draft('run', 'running', { ...first, segments: [bundle] }))
  if (round % 3 !== 2) return
  const segment = await writeSegment(storage, {
    streams: [ORDERS_0],
    sequence: round + 1,
    extents: [{ beginOffset: begin(0), holes: [] }],
    frames: [{ batches: [dataBatch(begin(0), RECORDS)], mode: 'compressed' }],
  })
  await appendCommit(storage, state, draft('run', 'complete', { segments: [segment] }))
}

export const EVERYTHING: CompactRequest = {
  choose: (topics) => topics,
  beforeMs: null,
  segmentMaxBytes: 1024 * 1024,
  isUnbundling: false,
  graceMs: 3_600_000,
}

export function contextOf(storage: StorageBackend, changes: Partial<CompactContext> = {}): CompactContext {
  const { signal } = new AbortController()
  return {
    storage,
    backupId: BACKUP,
    program: 'test',
    random: systemRandom,
    transforms: TRANSFORMS,
    observe: () => undefined,
    signal,
    ...changes,
  }
}

/** Plans and runs. */
export async function compact(
  storage: StorageBackend,
  asked: Partial<CompactRequest> = {},
  changes: Partial<CompactContext> = {},
) {
  const context = contextOf(storage, changes)
  return runCompact(context, await prepareCompact(context, { ...EVERYTHING, ...asked }))
}

/** SHA-256 over all batches of each history, and where it ends. */
export async function contentOf(storage: StorageBackend, asOfCommit?: bigint): Promise<string[]> {
  const state = await openBackup(storage, BACKUP, { asOfCommit })
  const lines: string[] = []
  for (const history of state.partitions()) {
    const hash = createHash('sha256')
    for (const { segment, part } of history.parts) {
      const reader = await SegmentReader.open(storage, BACKUP, segment, TRANSFORMS)
      for (const frame of reader.index.frames.slice(...part.frames))
        hash.update(await reader.readBatches(frame))
    }
    const { topic, partition, lineage, nextOffset } = history
    lines.push(`${topic}/${partition} history ${lineage} to ${nextOffset}: ${hash.digest('hex')}`)
  }
  return lines
}
