import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { KafkaBackupError } from '../../packages/core/src/errors/kafka-backup-error.ts'
import type { Cluster } from '../../packages/core/src/kafka/cluster.ts'
import { patchForProduce } from '../../packages/core/src/protocol/batch-patch.ts'
import { type Clock, systemClock } from '../../packages/core/src/runtime/clock.ts'
import { dataBatch } from '../../packages/core/test/verify/archive-writer.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { createTopics } from '../harness/new-topics.ts'
import {
  fastClock,
  interruptAt,
  knownPosition,
  offsetOf,
  openStage,
  openTarget,
  otherCoordinator,
  otherLedger,
  SOURCE,
  type Stage,
} from './restore-stage.ts'

const PATIENCE_MS = 20_000
const running = new AbortController()

let kafka: KafkaCluster
let cluster: Cluster

before(async () => {
  kafka = await startKafkaCluster()
  cluster = openTarget(kafka)
})

after(async () => {
  running.abort()
  await cluster?.close()
  await kafka?.close()
})

test('what is under way when a restore is interrupted is waited for and committed', async () => {
  const stage = await openStage(kafka, cluster, 'interrupted')
  await interruptAt(stage, 4)
  assert.equal(stage.written(), 4 * SOURCE.batchRecords)
  assert.equal(await knownPosition(stage), BigInt(stage.written()))
})

test('a transaction is committed after ten seconds, however little is in it', async () => {
  const stage = await openStage(kafka, cluster, 'slow')
  const isCommitted = () => (stage.ledger.state.progress.get('slow/0')?.position ?? 0n) > 0n
  let sinceMs = 0
  await stage.run({
    clock: fastClock(20),
    async beforeBatch(number) {
      if (number === 1) sinceMs = performance.now()
      if (number !== 2) return
      while (!isCommitted()) {
        assert.ok(performance.now() - sinceMs < PATIENCE_MS, 'what was written is committed')
        await delay(5)
      }
    },
  })
  assert.equal(stage.ledger.state.finished?.outcome, 'complete')
})

/** How a process finds out that it was replaced. */
const BLOWS = [
  ['by the broker', undefined],
  ['when it recovers from a failure', new KafkaBackupError('KB_BROKER_TRANSIENT', 'the connection is gone')],
] as const

for (const [how, failure] of BLOWS)
  test(`a restore that was replaced and finds out ${how} leaves its successor alone`, async () => {
    const stage = await openStage(kafka, cluster, `replaced-${BLOWS.findIndex(([own]) => own === how)}`)
    const coordinator = otherCoordinator(stage)
    let identity = { producerId: -1n, producerEpoch: -1 }
    await assert.rejects(
      stage.run({
        async beforeBatch(number) {
          if (number !== 3) return
          identity = await coordinator.init(null, running.signal)
          const partitions = [{ ...stage.place, basePosition: 0n }]
          await (await otherLedger(stage)).append({ type: 'claimed', ...identity, partitions })
          if (failure) throw failure
        },
      }),
      { code: 'KB_RESTORE_CONFLICT' },
    )
    await coordinator.addPartitions(identity, [stage.place], running.signal)
    await coordinator.end(identity, false, running.signal)
    coordinator.close()
  })

test('a restore that nobody replaced goes on when the coordinator took its transaction away', async () => {
  const stage = await openStage(kafka, cluster, 'fenced')
  const coordinator = otherCoordinator(stage)
  const report = await stage.run({
    async beforeBatch(number) {
      if (number === 3) await coordinator.init(null, running.signal)
    },
  })
  coordinator.close()
  assert.deepEqual([report.recoveries, report.records], [1, Number(SOURCE.records)])
})

/** Time that passes as it does, and at once where the test says so; nobody sleeps for long. */
function leapingClock(): { readonly clock: Clock; leap(durationMs: number): void } {
  let leapedMs = 0
  return {
    clock: {
      nowMs: () => systemClock.nowMs(),
      monotonicMs: () => systemClock.monotonicMs() + leapedMs,
      sleep: (durationMs, signal) => systemClock.sleep(durationMs / 20, signal),
    },
    leap(durationMs) {
      leapedMs += durationMs
    },
  }
}

const MINUTE_MS = 60_000
const passing = () => new KafkaBackupError('KB_BROKER_TRANSIENT', 'the test wants it')

test('a restore that was slow to begin goes on after its first failure', async () => {
  const stage = await openStage(kafka, cluster, 'slow-start')
  const { clock, leap } = leapingClock()
  const report = await stage.run({
    clock,
    async beforeBatch(number) {
      if (number !== 0) return
      leap(10 * MINUTE_MS)
      throw passing()
    },
  })
  assert.deepEqual([report.recoveries, report.records], [1, Number(SOURCE.records)])
})

test('a restore that fails again and again gives up five minutes after the first failure', async () => {
  const stage = await openStage(kafka, cluster, 'hopeless')
  const { clock, leap } = leapingClock()
  let failures = 0
  const run = stage.run({
    clock,
    async beforeBatch() {
      leap(2 * MINUTE_MS)
      failures++
      throw passing()
    },
  })
  await assert.rejects(run, { code: 'KB_BROKER_TRANSIENT' })
  assert.equal(failures, 4)
})

// Five are under way at most, and what is under way may be lost: at least three were acknowledged.
const FAILING_BATCH = 8

test('a restore that fails for good leaves no transaction open', async () => {
  const stage = await openStage(kafka, cluster, 'damaged')
  await assert.rejects(
    stage.run({
      async beforeBatch(number) {
        if (number === FAILING_BATCH) throw new KafkaBackupError('KB_SEGMENT_CORRUPT', 'a bit was flipped')
      },
    }),
    { code: 'KB_SEGMENT_CORRUPT' },
  )
  const end = await offsetOf(stage, 'high_watermark')
  assert.ok(end >= BigInt(SOURCE.batchRecords), 'records were written')
  // The coordinator says yes before the marker is there; by itself it would wait for a minute.
  const deadlineMs = performance.now() + PATIENCE_MS
  while ((await offsetOf(stage, 'last_stable')) < end) {
    assert.ok(performance.now() < deadlineMs, 'nobody has to wait for the end of a transaction')
    await delay(20)
  }
})

// Whoever is interrupted and has committed all would ask again and again, for as long as it waits to abort what is open.
test('the end of a transaction that has ended otherwise is refused at once', async () => {
  const stage = await openStage(kafka, cluster, 'ended')
  const coordinator = otherCoordinator(stage)
  const identity = await coordinator.init(null, running.signal)
  await coordinator.addPartitions(identity, [stage.place], running.signal)
  await coordinator.end(identity, true, running.signal)
  await assert.rejects(coordinator.end(identity, false, AbortSignal.timeout(PATIENCE_MS)), {
    code: 'KB_TRANSACTION_LOST',
  })
  coordinator.close()
})

test('a restore that finds fewer records than the commits count does not finish', async () => {
  const stage = await openStage(kafka, cluster, 'miscounted', {
    falsify: (segment) => ({
      ...segment,
      parts: segment.parts.map((part) => ({ ...part, records: part.records + 1 })),
    }),
  })
  const failure = { code: 'KB_SEGMENT_CORRUPT', message: /200 records were found, the commits count 201/ }
  await assert.rejects(stage.run({}), failure)
  assert.equal(stage.ledger.state.finished, null)
})

test('a target that ends before what was written is not gone on with', async () => {
  const stage = await openStage(kafka, cluster, 'shortened')
  const { ledger, place } = stage
  const known = { position: 30n, nextOffset: 30n }
  const run = { source: 0, sourceOffset: SOURCE.beginOffset, targetOffset: 0n, records: 30 }
  await ledger.append({ type: 'begun', ...begunOf(stage) })
  const producer = { producerId: 1n, producerEpoch: 0 }
  await ledger.append({ type: 'claimed', ...producer, partitions: [{ ...place, basePosition: 0n }] })
  await ledger.append({ type: 'progress', partitions: [{ ...place, ...known, runs: [run] }] })
  const says = /shortened\/0 ends at offset 0, and this restore had written up to 30: records were lost/
  await assert.rejects(stage.run({}), { code: 'KB_TARGET_CHANGED', message: says })
  assert.equal(await offsetOf(stage, 'high_watermark'), 0n, 'nothing was written')
})

test('a restore of which somebody deleted records meanwhile does not finish', async () => {
  const stage = await openStage(kafka, cluster, 'deleted-from')
  await interruptAt(stage, 4)
  await cluster.deleteRecords([{ ...stage.place, offset: 1n }])
  await assert.rejects(stage.run({}), { code: 'KB_TARGET_CHANGED', message: /begins at offset 1,/ })
  assert.equal(stage.ledger.state.finished, null)
})

test('a restore that was abandoned while it slept cannot write any more', async () => {
  const stage = await openStage(kafka, cluster, 'abandoned')
  let endOffset = -1n
  await assert.rejects(
    stage.run({
      async beforeBatch(number) {
        if (number !== 0) return
        const instead = await stage.begin(false)
        await stage.run({ ledger: await instead.openLedger() })
        endOffset = await offsetOf(stage, 'high_watermark')
      },
    }),
    { code: 'KB_RESTORE_CONFLICT' },
  )
  assert.ok(endOffset > SOURCE.records)
  assert.equal(await offsetOf(stage, 'high_watermark'), endOffset, 'not even what is aborted was added')
})

test('a restore whose topic was deleted and created again is begun anew', async () => {
  const stage = await openStage(kafka, cluster, 'recreated')
  await interruptAt(stage, 3)
  assert.equal((await stage.begin(true)).known?.state.restoreId, stage.ledger.state.restoreId)
  await kafka.tools.deleteTopic('recreated')
  await createTopics(kafka, { recreated: { partitions: 1 } })
  const prepared = await stage.begin(true)
  assert.equal(prepared.known, undefined)
  const ledger = await prepared.openLedger()
  const report = await stage.run({ ledger })
  assert.deepEqual([report.isResumed, report.records], [false, Number(SOURCE.records)])
})

// A leader that was just elected may need a moment to show what the coordinator has confirmed.
test('a transaction of an earlier attempt whose end is not in the log yet is waited for', async () => {
  const stage = await openStage(kafka, cluster, 'unended')
  // Of an id of its own: the restore that takes over ends nothing of it.
  const coordinator = otherCoordinator(stage, 'earlier')
  const identity = await coordinator.init(null, running.signal)
  await coordinator.addPartitions(identity, [stage.place], running.signal)
  const batch = dataBatch(SOURCE.beginOffset, SOURCE.batchRecords)
  patchForProduce(batch, 0, { ...identity, baseSequence: 0, isTransactional: true })
  using producer = await RawProducer.open(kafka)
  await producer.send('unended', batch, 'earlier')
  await stage.ledger.append({ type: 'begun', ...begunOf(stage) })
  await stage.ledger.append({
    type: 'claimed',
    ...identity,
    partitions: [{ ...stage.place, basePosition: 0n }],
  })
  let ended: Promise<void> | undefined
  const clock = fastClock(1, () => {
    if (stage.ledger.state.claims.length === 1) ended ??= coordinator.end(identity, true, running.signal)
  })
  const report = await stage.run({ clock })
  assert.ok(ended, 'the log was read again')
  await ended
  coordinator.close()
  assert.equal(report.records, Number(SOURCE.records))
  const markers = 2n
  assert.equal(await offsetOf(stage, 'high_watermark'), SOURCE.records + markers, 'nothing is there twice')
})

test('without transactions a request that arrives late is waited for, and not written again', async () => {
  const stage = await openStage(kafka, cluster, 'late', { mode: 'idempotent' })
  await interruptAt(stage, 1)
  const written = stage.written()
  const { producerId, producerEpoch } = stage.ledger.state.claims[0]!
  let late: Promise<void> | undefined
  const sendLate = async () => {
    const next = dataBatch(SOURCE.beginOffset + BigInt(written), SOURCE.batchRecords)
    patchForProduce(next, 0, { producerId, producerEpoch, baseSequence: written, isTransactional: false })
    using producer = await RawProducer.open(kafka)
    await producer.send('late', next)
  }
  const report = await stage.run({
    clock: fastClock(10, (durationMs) => {
      // Only whoever waits for the ends of logs to stand still asks twice a second.
      if (durationMs === 500) late ??= sendLate()
    }),
  })
  assert.ok(late, 'nothing was believed before it stood still')
  await late
  assert.equal(report.records, Number(SOURCE.records))
  assert.equal(await offsetOf(stage, 'high_watermark'), SOURCE.records)
})

// The last one: the broker is started again.
test('filler that a broker has back after it died behind the last record is deleted again', async () => {
  const stage = await openStage(kafka, cluster, 'sealed', { mode: 'idempotent', isKeepingOffsets: true })
  const starts: bigint[] = []
  const paced: number[] = []
  await stage.run({
    async throttle(records, bytes) {
      assert.ok(bytes > 0)
      paced.push(records)
    },
    cluster: beforeLastLook(stage, async () => {
      starts.push(await offsetOf(stage, 'log_start'))
      await kafka.broker(1).kill()
      await kafka.broker(1).start()
      starts.push(await offsetOf(stage, 'log_start'))
    }),
  })
  assert.deepEqual(starts, [SOURCE.beginOffset, 0n], 'the broker had forgotten it')
  assert.equal(await offsetOf(stage, 'log_start'), SOURCE.beginOffset)
  const [filler, ...batches] = paced
  assert.equal(filler, 0, 'filler waits for its turn too, as bytes')
  assert.ok(batches.every((records) => records === SOURCE.batchRecords))
})

function begunOf({ place }: Stage) {
  const topics = [{ name: place.topic, topicId: null, batchMaxBytes: null }]
  return { topics, partitions: [{ ...place, beginOffset: 0n }] }
}

/** The cluster, with something that happens when all is written and the ends of the logs are asked for. */
function beforeLastLook({ cluster: whole, ledger }: Stage, happen: () => Promise<void>): Cluster {
  let happened: Promise<void> | undefined
  return new Proxy(whole, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      if (key !== 'listOffsets') return value.bind(target)
      return async (...asked: Parameters<Cluster['listOffsets']>) => {
        const position = ledger.state.progress.get('sealed/0')?.position
        if (position === SOURCE.records) happened ??= happen()
        await happened
        return target.listOffsets(...asked)
      }
    },
  })
}
