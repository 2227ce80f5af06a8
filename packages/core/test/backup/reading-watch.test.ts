import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeletionWatch } from '../../src/backup/deletion-watch.ts'
import type { PartitionWriter } from '../../src/backup/partition-writer.ts'
import { TransactionWait } from '../../src/backup/transaction-wait.ts'

/** What is left when deletion and reading move at these paces, after `seconds` of watching. */
function secondsLeft(pace: {
  margin: number
  deleted: number
  read: number
  seconds: number
}): number | null {
  const watch = new DeletionWatch()
  let left: number | null = null
  for (let second = 0; second <= pace.seconds; second++) {
    const logStart = BigInt(second * pace.deleted)
    left = watch.observe(second * 1_000, logStart, BigInt(pace.margin + second * pace.read))
  }
  return left
}

test('deletion that is faster than reading is told in seconds', () => {
  assert.equal(secondsLeft({ margin: 10_000, deleted: 200, read: 100, seconds: 10 }), 90)
  assert.equal(secondsLeft({ margin: 1_000_000, deleted: 1_000, read: 0, seconds: 300 }), 700)
})

test('deletion that does not come nearer is not told', () => {
  assert.equal(secondsLeft({ margin: 100, deleted: 0, read: 0, seconds: 60 }), null)
  assert.equal(secondsLeft({ margin: 100, deleted: 50, read: 50, seconds: 60 }), null)
  assert.equal(secondsLeft({ margin: 100, deleted: 50, read: 500, seconds: 60 }), null)
})

test('a log start that is not told, or is beyond what was read, gives no figure', () => {
  const watch = new DeletionWatch()
  assert.equal(watch.observe(0, -1n, 10n), null)
  assert.equal(watch.observe(5_000, 20n, 10n), null)
})

test('a pace of long ago is forgotten', () => {
  const watch = new DeletionWatch()
  watch.observe(0, 0n, 1_000n)
  assert.ok(watch.observe(1_000, 500n, 1_000n) !== null)
  let left: number | null = 0
  for (let second = 2; second < 200; second++) left = watch.observe(second * 1_000, 500n, 1_000n)
  assert.equal(left, null)
})

test('a partition waits for a transaction as long as it may, and is announced once', () => {
  const wait = new TransactionWait(10_000)
  const writer = {} as PartitionWriter
  const verdicts = [0, 4_000, 5_000, 6_000, 9_999, 10_000].map((ms) => wait.note(writer, true, ms))
  assert.deepEqual(verdicts, ['waiting', 'waiting', 'announce', 'waiting', 'waiting', 'expired'])
  assert.equal(wait.isBlocked(writer), true)
})

test('what could be read begins the wait anew', () => {
  const wait = new TransactionWait(10_000)
  const writer = {} as PartitionWriter
  wait.note(writer, true, 0)
  assert.equal(wait.note(writer, false, 9_000), 'reading')
  assert.equal(wait.isBlocked(writer), false)
  assert.equal(wait.note(writer, true, 11_000), 'waiting')
  assert.equal(new TransactionWait(0).note(writer, true, 0), 'expired')
})
