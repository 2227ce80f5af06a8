import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, RunProgress } from '@kafka-backup/core'
import { type ProgressTarget, RunObserver } from '../../src/render/run-observer.ts'

const REDRAW = '\r\u001b[K'

/** A clock that stands still until it is told to go on, and a screen that remembers what was written. */
class Stage implements Clock, ProgressTarget {
  readonly isTerminal: boolean
  readonly columns: number
  readonly written: string[] = []
  readonly observer: RunObserver
  #nowMs = 5_000

  constructor(options: { isTerminal: boolean; columns?: number; verb?: 'backup' | 'restore' | 'read' }) {
    this.isTerminal = options.isTerminal
    this.columns = options.columns ?? 80
    this.observer = new RunObserver(this, this, options.verb ?? 'backup')
  }

  write(text: string): void {
    this.written.push(text)
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(): Promise<void> {
    throw new Error('an observer never waits')
  }

  progressAfter(durationMs: number, progress: Partial<RunProgress> = {}): void {
    this.#nowMs += durationMs
    this.observer.observe({
      type: 'progressed',
      progress: {
        records: 1_000,
        rawBytes: 2_000_000,
        storedBytes: 500_000,
        doneOffsets: 1_000,
        totalOffsets: 4_000,
        ...progress,
      },
    })
  }
}

test('on a pipe there is one plain line every ten seconds', () => {
  const stage = new Stage({ isTerminal: false })
  for (let second = 1; second <= 25; second++) stage.progressAfter(1_000)
  assert.equal(stage.written.length, 2)
  assert.equal(stage.written[0], '25 %   200 kB/s   1,000 records   2.0 MB   ETA 30.0 s\n')
  stage.observer.end()
  assert.equal(stage.written.length, 2, 'nothing to clean up')
})

test('on a terminal one line is rewritten five times a second at most', () => {
  const stage = new Stage({ isTerminal: true })
  for (let at = 0; at < 100; at++) stage.progressAfter(10)
  assert.equal(stage.written.length, 5)
  for (const text of stage.written) {
    assert.ok(text.startsWith(`${REDRAW}  ███`))
    assert.doesNotMatch(text, /\n/)
  }
  stage.observer.end()
  assert.equal(stage.written.at(-1), REDRAW)
  stage.observer.end()
  assert.equal(stage.written.length, 6, 'cleaned up once')
})

test('a note stands on a line of its own, above the line that is rewritten', () => {
  const stage = new Stage({ isTerminal: true })
  stage.progressAfter(300)
  stage.observer.observe({ type: 'retry_scheduled', what: 'orders/3', reason: 'no leader', attempt: 2 })
  assert.deepEqual(stage.written.slice(1), [REDRAW, 'Retrying orders/3 (attempt 2): no leader\n'])
})

test('a line never is as wide as the terminal, however narrow that is', () => {
  for (let columns = 1; columns <= 200; columns++) {
    const stage = new Stage({ isTerminal: true, columns })
    stage.progressAfter(300, { records: 123_456_789, rawBytes: 987_654_321_000 })
    const line = stage.written[0]?.slice(REDRAW.length) ?? ''
    assert.ok(line.length > 0 && line.length <= Math.max(columns - 1, 1), `${line.length} of ${columns}`)
  }
})

test('the bar is empty at the beginning and full at the end, also when there is nothing to do', () => {
  const barOf = (progress: Partial<RunProgress>): string => {
    const stage = new Stage({ isTerminal: true, columns: 120 })
    stage.progressAfter(300, progress)
    return /[█░]+/.exec(stage.written[0] ?? '')?.[0] ?? ''
  }
  assert.equal(barOf({ doneOffsets: 0 }), '░'.repeat(28))
  assert.equal(barOf({ doneOffsets: 2_000 }), '█'.repeat(14) + '░'.repeat(14))
  assert.equal(barOf({ doneOffsets: 4_000 }), '█'.repeat(28))
  assert.equal(barOf({ doneOffsets: 5_000 }), '█'.repeat(28))
  assert.equal(barOf({ doneOffsets: 0, totalOffsets: 0 }), '█'.repeat(28))
})

test('what is told of a gap and of stopping', () => {
  const stage = new Stage({ isTerminal: false, verb: 'restore' })
  const gap = { topic: 'orders', partition: 2, firstOffset: 5n, endOffset: 9n }
  stage.observer.observe({ type: 'gap_declared', ...gap, reason: 'deleted_before_read' })
  stage.observer.observe({ type: 'stop_requested' })
  stage.observer.observe({ type: 'segment_closed', key: 'k', bytes: 1 })
  assert.deepEqual(stage.written, [
    'Gap: orders/2 offsets 5-8 were deleted on the source before they could be read\n',
    'Stopping: what is under way is being committed. Press Ctrl-C again to stop at once.\n',
  ])
})

test('what is told of histories, unread offsets, deletion and transactions is one line each', () => {
  const stage = new Stage({ isTerminal: false })
  const name = { topic: 'orders', partition: 2 }
  stage.observer.observe({
    type: 'divergence_declared',
    ...name,
    lineage: 2,
    reason: 'topic_recreated',
    beginOffset: 0n,
    commonEndOffset: null,
    previousEndOffset: 9n,
  })
  const unread = { firstOffset: 5n, endOffset: 9n, reason: 'access_denied', detail: 'no ACL' }
  stage.observer.observe({ type: 'partition_unread', ...name, ...unread })
  stage.observer.observe({ type: 'deletion_near', ...name, secondsLeft: 42, marginOffsets: 1_234n })
  const blocked = { type: 'transaction_blocks', ...name, producerId: 4_000n, firstOffset: 7n } as const
  stage.observer.observe({ ...blocked, transactionalId: 'pay-1', sinceMs: 0 })
  stage.observer.observe({ ...blocked, transactionalId: null, sinceMs: null })
  assert.deepEqual(stage.written, [
    'New history: orders/2: the topic was deleted and created again (the backup held what is below 9): history 2 begins at offset 0\n',
    'Not read: orders/2 offsets 5-8: no ACL\n',
    'Deletion is near: orders/2 is deleted on the source 1,234 offsets behind this run, which it reaches in about 42.0 s. Raise retention.ms of the topic, or back up fewer topics at a time.\n',
    'Waiting for a transaction: orders/2 from offset 7 is held back by producer 4000 (transactional.id pay-1) since 1970-01-01T00:00:00.000Z\n',
    'Waiting for a transaction: orders/2 from offset 7 is held back by producer 4000\n',
  ])
})

test('the recovery point of a run without an end gets older while no checkpoint measures it', () => {
  const stage = new Stage({ isTerminal: false })
  const lag = { offsets: 0, most: null, recoveryPointMs: 4_000 }
  stage.observer.observe({ type: 'lag_measured', lag: { ...lag, recoveryAgeMs: 1_000 } })
  stage.progressAfter(40_000)
  stage.observer.observe({ type: 'lag_measured', lag: { ...lag, recoveryAgeMs: 2_000 } })
  stage.progressAfter(10_000)
  stage.observer.observe({ type: 'lag_measured', lag: { ...lag, recoveryAgeMs: null } })
  stage.progressAfter(10_000)
  assert.deepEqual(stage.written, [
    '0 offsets behind   recovery point 41.0 s old   1,000 records   2.0 MB\n',
    '0 offsets behind   recovery point 12.0 s old   1,000 records   2.0 MB\n',
    '0 offsets behind   no recovery point yet   1,000 records   2.0 MB\n',
  ])
})

test('offsets that are taken before the first record move the line, and it says what they are', () => {
  const stage = new Stage({ isTerminal: false, verb: 'restore' })
  const filling = { takenOffsets: 3_000_000, totalOffsets: 12_000_000 }
  stage.progressAfter(10_000, { records: 0, rawBytes: 0, doneOffsets: 0, filling })
  stage.progressAfter(10_000, { filling: { ...filling, takenOffsets: 12_000_000 } })
  assert.deepEqual(stage.written, [
    '25 % of the offsets without a record   3,000,000 offsets taken   ETA 30.0 s\n',
    '25 %   100 kB/s   12,000,000 offsets taken   1,000 records   2.0 MB   ETA 1 m 00 s\n',
  ])
})
