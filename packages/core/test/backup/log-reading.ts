import assert from 'node:assert/strict'
import { type CutFrame, FRAME_MAX_BYTES, type MissingOffsets } from '../../src/backup/batch-intake.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { Prng } from '../protocol/prng.ts'
import { answerOf, type ChosenIntake, newIntake } from './new-intake.ts'
import { answerAt, entriesIn, type PartitionLog, statisticsOf, type TakenItem } from './partition-log.ts'

/** How a log is read. `spoils` may damage an answer before it is taken. */
export interface Reading {
  readonly log: PartitionLog
  readonly options: ChosenIntake
  readonly random: Prng
  readonly answerMaxBytes: number
  readonly spoils?: (bytes: Buffer) => void
}

/** Copies a frame out of its buffer, which is overwritten afterwards as the next response would. */
export function taken(item: CutFrame | MissingOffsets): TakenItem {
  return item.kind === 'frame' ? { ...item, bytes: Buffer.concat(item.chunks) } : item
}

/** Reads to the target as a fetch loop does, with nothing of an answer left behind. */
export function readToTarget({ log, options, random, answerMaxBytes, spoils }: Reading): TakenItem[] {
  const intake = newIntake(options)
  const items: TakenItem[] = []
  const lastOffset = log.entries.at(-1)!.lastOffset
  for (let round = 0; !intake.isAtTarget && intake.nextOffset <= lastOffset; round++) {
    assert.ok(round < 2_000, 'no progress')
    const { bytes, aborted } = answerAt(log, intake.nextOffset, random.below(answerMaxBytes), random)
    const before = { nextOffset: intake.nextOffset, pendingBytes: intake.pendingBytes }
    spoils?.(bytes)
    const foreseen = intake.foresee(bytes, 0, bytes.length)
    try {
      items.push(...intake.accept(answerOf(bytes, 0, bytes.length, aborted)).map(taken))
    } catch (error) {
      assert.ok(isKafkaBackupError(error) && spoils !== undefined, String(error))
      assert.deepEqual({ nextOffset: intake.nextOffset, pendingBytes: intake.pendingBytes }, before)
    }
    const mayStopAtHole = !options.isCompacted && aborted.length > 0
    if (spoils === undefined && !mayStopAtHole) {
      assert.equal(foreseen.isAtTarget, intake.isAtTarget)
      if (!foreseen.isAtTarget) assert.equal(foreseen.nextOffset, intake.nextOffset)
    }
    bytes.fill(0xdd)
  }
  const rest = intake.flush()
  if (rest) {
    assert.equal(rest.isBorrowed, false)
    items.push(taken(rest))
  }
  assert.equal(intake.flush(), undefined)
  assert.equal(intake.pendingBytes, 0)
  return items
}

export function framesOf(items: readonly TakenItem[]) {
  return items.filter((item) => item.kind === 'frame')
}

/** Everything that must hold of what was taken, from the log alone. */
export function expectFaithful(items: readonly TakenItem[], { log, options }: Reading): void {
  const { beginOffset, targetOffset, isCompacted, frameMinBytes } = options
  const wanted = log.entries.filter(
    (entry) => entry.lastOffset >= beginOffset && entry.baseOffset < targetOffset,
  )
  const frames = framesOf(items)
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes))
  assert.ok(bytes.equals(Buffer.concat(wanted.map((entry) => entry.bytes))), 'the same bytes, once, in order')

  const gaps: (readonly [bigint, bigint])[] = []
  let nextOffset = beginOffset
  for (const entry of wanted) {
    if (entry.baseOffset > nextOffset) gaps.push([nextOffset, entry.baseOffset])
    nextOffset = entry.lastOffset + 1n
  }
  const isCutShort = log.entries.at(-1)!.baseOffset >= targetOffset
  if (!isCompacted && isCutShort && nextOffset < targetOffset) gaps.push([nextOffset, targetOffset])
  const missing = items
    .filter((item) => item.kind === 'missing')
    .map((item) => [item.firstOffset, item.endOffset])
  assert.deepEqual(missing, isCompacted ? [] : gaps)
  assert.deepEqual(
    frames.flatMap((frame) => frame.holes),
    isCompacted ? gaps : [],
  )

  const abortedBases = new Set(
    log.entries.filter((entry) => entry.isAborted).map((entry) => entry.baseOffset),
  )
  let expectedBegin = beginOffset
  for (const [index, item] of items.entries()) {
    if (item.kind === 'missing') {
      assert.equal(item.firstOffset, expectedBegin)
      expectedBegin = item.endOffset
      continue
    }
    assert.equal(item.beginOffset, expectedBegin)
    const batches = entriesIn(item.bytes)
    assert.deepEqual(
      item.statistics,
      statisticsOf(batches, (base) => abortedBases.has(base), item.beginOffset),
    )
    for (const [first, end] of item.holes) {
      assert.ok(first >= item.beginOffset && end <= item.statistics.lastOffset, 'a hole lies in its frame')
    }
    assert.equal(item.rawBytes, item.bytes.length)
    assert.ok(item.rawBytes <= FRAME_MAX_BYTES || batches.length === 1)
    const following = items[index + 1]
    const isEarlyCut = following === undefined || following.kind === 'missing'
    const wouldBeTooLarge =
      following?.kind === 'frame' &&
      item.rawBytes + entriesIn(following.bytes)[0]!.byteLength > FRAME_MAX_BYTES
    assert.ok(item.rawBytes >= frameMinBytes || isEarlyCut || wouldBeTooLarge)
    const plainBytes = batches
      .filter((batch) => batch.codec === 'none')
      .reduce((sum, batch) => sum + batch.byteLength, 0)
    assert.equal(item.isCompressible, plainBytes * 2 >= item.rawBytes)
    expectedBegin = item.statistics.lastOffset + 1n
  }
}

/** Names the seed when `action` fails. */
export function assertSeed(seed: number, action: () => void): void {
  try {
    action()
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}
