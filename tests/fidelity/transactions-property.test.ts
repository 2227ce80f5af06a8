import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SeededRandom, seededRandom } from '@kafka-backup/testkit'
import { inlineMinima } from '../../packages/core/src/backup/minimum-finder.ts'
import { PartitionWriter, type WriterContext } from '../../packages/core/src/backup/partition-writer.ts'
import { inlineDigester } from '../../packages/core/src/format/frame-digest.ts'
import type { SegmentRecord } from '../../packages/core/src/format/segment-record.ts'
import { zstdTransform } from '../../packages/core/src/format/zstd-transform.ts'
import { readSourcePieces } from '../../packages/core/src/restore/batch-source.ts'
import { decodeStored } from '../../packages/core/src/restore/frame-pieces.ts'
import { Budget } from '../../packages/core/src/runtime/budget.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { MemoryBackend } from '../../packages/core/src/storage/memory/backend.ts'
import { committedValues, randomHistory, type TransactionHistory } from './transaction-histories.ts'

const SEED = Number(process.env.SEED ?? 1)
const HISTORIES = Number(process.env.HISTORIES ?? 400)
const BACKUP_ID = 'property'
const TRANSFORM = zstdTransform(1)
/** More answers than any history has batches, together for all runs. */
const ANSWERS_MAX = 2_000

/** What the runs over one history left behind. */
interface Written {
  readonly storage: MemoryBackend
  readonly segments: SegmentRecord[]
  readonly gaps: number
  /** Transactions that were open where a frame, a segment or a run ended are tested only if there are such ends. */
  readonly runs: number
}

for (const isCompacted of [false, true]) {
  const what = isCompacted ? 'compacted logs' : 'logs'
  test(`whatever is cut of ${HISTORIES} ${what} into answers, frames, segments and runs, what was committed comes back`, async (t) => {
    const sums = { runs: 0, segments: 0, frames: 0, aborted: 0, visible: 0 }
    for (let index = 0; index < HISTORIES; index++) {
      const seed = SEED * 1_000_000 + index
      const history = randomHistory(seed, isCompacted)
      try {
        const written = await backUp(history, isCompacted, seededRandom(seed + 1))
        const expected = committedValues(history)
        assert.deepEqual(await restoredValues(written), expected)
        const parts = written.segments.flatMap((segment) => segment.parts)
        const [records, aborted] = (['records', 'abortedRecords'] as const).map((name) =>
          parts.reduce((sum, part) => sum + part[name], 0),
        )
        const stored = history.batches.reduce((sum, batch) => sum + batch.values.length, 0)
        assert.deepEqual([written.gaps, records, aborted], [0, expected.length, stored - expected.length])
        sums.runs += written.runs
        sums.segments += written.segments.length
        sums.frames += parts.reduce((sum, { frames }) => sum + frames[1] - frames[0], 0)
        sums.aborted += aborted!
        sums.visible += expected.length
      } catch (error) {
        throw new Error(`SEED=${SEED}: history ${index} of ${what} (seed ${seed})`, { cause: error })
      }
    }
    t.diagnostic(JSON.stringify(sums))
    assert.ok(sums.runs > HISTORIES && sums.segments > sums.runs && sums.frames > sums.segments)
  })
}

/** Backs a history up while it grows: each run ends at the last stable offset that the log had by then. */
async function backUp(
  history: TransactionHistory,
  isCompacted: boolean,
  random: SeededRandom,
): Promise<Written> {
  const storage = new MemoryBackend('property')
  const { batches, lastStableOffsets } = history
  const lengths = [0, random.below(batches.length), random.below(batches.length)].sort((a, b) => a - b)
  const segments: SegmentRecord[] = []
  let gaps = 0
  let runs = 0
  let beginOffset = batches[0]!.baseOffset
  for (const length of [...lengths.slice(1), batches.length]) {
    const targetOffset = lastStableOffsets[length - 1] ?? beginOffset
    if (targetOffset <= beginOffset) continue
    const last = segments.at(-1)?.parts[0]
    const writer = new PartitionWriter(contextOf(storage, runs, random), {
      ...{ topic: 'ledger', topicId: null, partition: 0, beginOffset, targetOffset },
      ...{ isNew: runs === 0, isCompacted, nextSequence: segments.length + 1 },
      ...{ lineage: 1, divergence: null, marginOffsets: 0n, gap: null },
      anchor: last?.lastBatch && !isCompacted ? { ...last.lastBatch, lastOffset: last.lastOffset } : null,
      epochs: { starts: [], nextOffset: beginOffset },
    })
    await readToTarget(writer, history, { length, random })
    await writer.checkpoint(true)
    const work = writer.takeDurable()
    segments.push(...work.segments)
    gaps += work.gaps.length
    runs++
    // What lies behind the last batch of a compacted log is found again by the next run.
    beginOffset = segments.at(-1)?.parts[0]?.nextOffset ?? beginOffset
  }
  return { storage, segments, gaps, runs }
}

function contextOf(storage: MemoryBackend, run: number, random: SeededRandom): WriterContext {
  return {
    ...{ storage, backupId: BACKUP_ID, writer: String(run + 1).padStart(8, '0'), clock: systemClock },
    ...{ transform: TRANSFORM, isCompressing: random.chance(0.5), compressionSlots: new Budget(2) },
    ...{ digester: inlineDigester, minima: inlineMinima, minimumPatienceMs: 0 },
    ...{ frameMinBytes: random.pick([1, 200, 1_000]), isEndless: false },
    ...{ segmentMaxBytes: random.pick([300, 2_000, 1_000_000]), segmentMaxIntervalMs: 0 },
    ...{ onSegmentClosed: () => undefined, onFrameWritten: () => undefined },
  }
}

async function readToTarget(
  writer: PartitionWriter,
  history: TransactionHistory,
  { length, random }: { readonly length: number; readonly random: SeededRandom },
): Promise<void> {
  for (let answers = 0; !writer.intake.isAtTarget; answers++) {
    assert.ok(answers < ANSWERS_MAX, 'the reading goes on')
    const { fetchOffset } = writer.intake
    const answer = answerOf(history, fetchOffset, { length, random })
    // Some brokers list what has ended already: nothing of it may be taken up again.
    const isSloppy = fetchOffset > writer.plan.beginOffset && random.chance(0.3)
    if (isSloppy)
      answer.aborted.push(...answerOf(history, writer.plan.beginOffset, { length, random }).aborted)
    if (answer.buffer.length === 0) await writer.enqueue(writer.intake.declareEnd())
    else await writer.enqueue(writer.intake.accept(answer))
    if (random.chance(0.15)) await writer.checkpoint(random.chance(0.8))
  }
}

/** What a leader whose log has `length` batches answers to a fetch of committed data. */
function answerOf(
  { batches, transactions, lastStableOffsets }: TransactionHistory,
  fetchOffset: bigint,
  { length, random }: { readonly length: number; readonly random: SeededRandom },
) {
  const stable = lastStableOffsets[length - 1]!
  const rest = batches.filter(
    ({ bytes, baseOffset, lastOffset }) =>
      bytes.length > 0 && lastOffset >= fetchOffset && baseOffset < stable,
  )
  const sent = rest.slice(0, 1 + random.below(6))
  // The broker bounds its list by a sparse index: it may name more than overlaps the data.
  const bound = (sent.at(-1)?.lastOffset ?? fetchOffset) + BigInt(random.below(30))
  const listed = transactions.filter(
    ({ isAborted, markerAt, markerOffset, firstOffset }) =>
      isAborted && markerAt < length && markerOffset >= fetchOffset && firstOffset <= bound,
  )
  const aborted = listed.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
  if (random.chance(0.5)) aborted.reverse()
  // A response that is full ends within a batch.
  const partial = rest[sent.length]?.bytes.subarray(0, random.below(60)) ?? Buffer.alloc(0)
  const buffer = Buffer.concat([...sent.map(({ bytes }) => bytes), partial])
  return { buffer, begin: 0, end: buffer.length, aborted, logStartOffset: batches[0]!.baseOffset }
}

async function restoredValues({ storage, segments }: Written): Promise<string[]> {
  const whole = { beginOffset: null, endOffset: null }
  const parts = segments.map((segment) => ({ segment, part: segment.parts[0]!, ...whole }))
  const transforms = new Map([[TRANSFORM.id, TRANSFORM]])
  const { signal } = new AbortController()
  const options = { storage, backupId: BACKUP_ID, transforms, signal }
  const wish = { window: null, isByRecord: false }
  const values: string[] = []
  for await (const piece of readSourcePieces(options, parts, wish, { left: 0n })) {
    const { records } = piece.kind === 'batch' ? decodeStored(piece) : piece
    for (const record of records) values.push(`${record.value}`)
  }
  return values
}
