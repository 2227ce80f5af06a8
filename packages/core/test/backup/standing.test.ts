import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Standing } from '../../src/backup/standing.ts'

const at = (askedAtMs: number, readableEnd: bigint) => ({
  askedAtMs,
  readableEnd,
  highWatermark: readableEnd,
})

test('a recovery point is what was reached when what was read by then was sealed and committed', () => {
  const standing = new Standing()
  standing.note(at(100, 5n), 5n)
  const reached = standing.reachedAtMs
  standing.note(at(200, 9n), 9n)
  standing.seal(reached)
  // A commit of other partitions, before the next segment of this one is durable.
  standing.take()
  standing.settle()
  assert.equal(standing.recoveryPointMs, 100)
  standing.seal(200)
  assert.equal(standing.recoveryPointMs, 100, 'sealed is not committed')
  standing.take()
  assert.deepEqual([standing.recoveryPointMs, standing.committingPointMs], [100, 200])
  standing.settle()
  assert.equal(standing.recoveryPointMs, 200)
})

test('reading that is behind moves the lag and not the recovery point', () => {
  const standing = new Standing(50)
  assert.deepEqual([standing.lagOffsets, standing.isAtEnd, standing.recoveryPointMs], [null, false, 50])
  standing.note(at(100, 20n), 5n)
  assert.deepEqual([standing.lagOffsets, standing.isAtEnd, standing.reachedAtMs], [15n, false, null])
  standing.seal(standing.reachedAtMs)
  standing.take()
  standing.settle()
  assert.equal(standing.recoveryPointMs, 50, 'what was known before stays')
})
