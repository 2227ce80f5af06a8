import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnchorBatch } from '../../src/backup/backup-plan.ts'
import type { BatchIntake } from '../../src/backup/batch-intake.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { cursorOn, expectCode, record } from '../protocol/samples.ts'
import { answerOf, newIntake } from './new-intake.ts'

const VALUES = ['a', 'b', 'c']

function batchAt(baseOffset: bigint, values: readonly string[] = VALUES): Buffer {
  return buildBatch({ baseOffset, records: values.map((value) => record({ value: Buffer.from(value) })) })
}

function anchorOn(batch: Buffer): AnchorBatch {
  const { baseOffset, lastOffset, crc } = cursorOn(batch)
  return { baseOffset, lastOffset, crc }
}

/** Has read [0, 10), of which the anchor is [7, 10), and wants [10, 13). */
function readingOn(anchor: AnchorBatch): BatchIntake {
  return newIntake({ beginOffset: 10n, targetOffset: 13n, isCompacted: false, frameMinBytes: 1, anchor })
}

function accept(intake: BatchIntake, ...batches: readonly Buffer[]) {
  const bytes = Buffer.concat(batches)
  return intake.accept(answerOf(bytes, 0, bytes.length, []))
}

test('the batch that was read last is fetched again, compared and not taken twice', () => {
  const anchor = batchAt(7n)
  const intake = readingOn(anchorOn(anchor))
  assert.deepEqual([intake.fetchOffset, intake.nextOffset, intake.isAtTarget], [9n, 10n, false])
  const next = batchAt(10n)
  const [frame] = accept(intake, anchor, next)
  assert.ok(frame?.kind === 'frame')
  assert.ok(Buffer.concat(frame.chunks).equals(next))
  assert.deepEqual([intake.fetchOffset, intake.isAtTarget], [13n, true])
})

test('an answer with the anchor alone leaves a partition without news at its target', () => {
  const anchor = batchAt(7n)
  const intake = newIntake({
    beginOffset: 10n,
    targetOffset: 10n,
    isCompacted: false,
    frameMinBytes: 1,
    anchor: anchorOn(anchor),
  })
  assert.equal(intake.isAtTarget, false)
  assert.deepEqual(accept(intake, anchor), [])
  assert.equal(intake.isAtTarget, true)
})

test('other bytes, or other bounds, at the same offset are a log that was replaced, and nothing is taken', () => {
  const anchor = anchorOn(batchAt(7n))
  for (const other of [
    batchAt(7n, ['a', 'b', 'x']),
    batchAt(8n, ['b', 'c']),
    batchAt(6n, ['a', 'b', 'c', 'd', 'e']),
  ]) {
    const intake = readingOn(anchor)
    expectCode('KB_SOURCE_REPLACED', () => accept(intake, other, batchAt(10n)))
    assert.deepEqual([intake.nextOffset, intake.pendingBytes], [10n, 0])
  }
})

test('a batch that the cleaner thinned out is no proof, and one that it removed is not missed', () => {
  const anchor = anchorOn(batchAt(7n))
  const thinned = buildBatch({
    baseOffset: 7n,
    lastOffsetDelta: 2,
    records: [record({ value: Buffer.from('a') })],
  })
  for (const answer of [[thinned, batchAt(10n)], [batchAt(10n)]]) {
    const intake = readingOn(anchor)
    assert.equal(accept(intake, ...answer).length, 1)
    assert.equal(intake.nextOffset, 13n)
  }
})

test('a part of a batch proves nothing, and the comparison stays due', () => {
  const anchor = batchAt(7n)
  const intake = readingOn(anchorOn(anchor))
  assert.deepEqual(accept(intake, anchor.subarray(0, 40)), [])
  assert.equal(intake.fetchOffset, 9n)
})

test('an anchor that the source deleted is given up', () => {
  const intake = readingOn(anchorOn(batchAt(7n)))
  intake.forgetAnchor()
  assert.equal(intake.fetchOffset, 10n)
})

test('a batch that the log start cuts in two, and that begins within what was read, is of another log', () => {
  const epochs = { starts: [[0, 36n]] as const, nextOffset: 43n }
  const reading = () =>
    newIntake({ beginOffset: 44n, targetOffset: 50n, isCompacted: false, frameMinBytes: 1, epochs })
  const answerWith = (batch: Buffer) => ({ ...answerOf(batch, 0, batch.length, []), logStartOffset: 44n })
  const replaced = reading()
  expectCode('KB_SOURCE_REPLACED', () => replaced.accept(answerWith(batchAt(42n))))
  assert.deepEqual([replaced.nextOffset, replaced.flush()], [44n, undefined])
  const [frame] = reading().accept(answerWith(batchAt(43n)))
  assert.ok(frame?.kind === 'frame')
  assert.deepEqual([frame.beginOffset, frame.statistics.records], [44n, 2])
})
