import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwaitedPartitions } from '../../src/backup/awaited-partitions.ts'
import { recoveryPoint } from '../../src/backup/measure-lag.ts'
import { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { Standing } from '../../src/backup/standing.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { contextOf, planOf } from './new-writer.ts'

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

test('the recovery point of a run is that of its oldest partition, none while one knows none, and no matter of what was deleted', () => {
  const context = contextOf(new MemoryBackend('test'))
  const writers = [300, 100, null].map(
    (pointMs, partition) => new PartitionWriter(context, planOf(partition), pointMs),
  )
  const awaited = new AwaitedPartitions()
  const pointOf = () => recoveryPoint({ writers, awaited }, ({ standing }) => standing.recoveryPointMs)
  assert.equal(pointOf(), null)
  writers[2]?.giveUp('access_denied', 'no right')
  assert.equal(pointOf(), null)
  writers[2]?.giveUp('topic_deleted', 'gone')
  assert.equal(pointOf(), 100)
  awaited.see([{ topic: 't', partition: 3 }], () => 50)
  assert.equal(pointOf(), 50, 'that of what cannot be read yet, too')
  awaited.see([], () => 50)
  assert.equal(pointOf(), 100)
})
