import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type KafkaCluster, plantLog, startKafkaCluster } from '@kafka-backup/testkit'
import type { Cluster } from '../../packages/core/src/kafka/cluster.ts'
import { patchForProduce, sealBatch } from '../../packages/core/src/protocol/batch-patch.ts'
import { BATCH_FIELD } from '../../packages/core/src/protocol/record-batch.ts'
import { type LedgerState, readLedgers } from '../../packages/core/src/repository/restore-ledger.ts'
import { type Clock, systemClock } from '../../packages/core/src/runtime/clock.ts'
import type { MemoryBackend } from '../../packages/core/src/storage/memory/backend.ts'
import { BACKUP, dataBatch } from '../../packages/core/test/verify/archive-writer.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { retentionOf } from '../harness/retention.ts'
import { until } from '../harness/until.ts'
import {
  fastClock,
  leaveOpen,
  offsetOf,
  openStage,
  openTarget,
  otherCoordinator,
  SOURCE,
  type Stage,
} from './restore-stage.ts'

/** Fifteen seconds and a minute and a half are what a restore waits; the transactions here may be open for a minute. */
const HASTE = 20
const DAY_MS = '86400000'
const HELD = [{ name: 'retention.ms', held: '-1', original: DAY_MS }]
const STRANGER = 'payments-app'
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

test('what a killed restore of another choice left open is aborted before the first record', async () => {
  const stage = await openStage(kafka, cluster, 'left')
  await leaveOpen(kafka, stage)
  const stable: bigint[] = []
  const report = await stage.run({
    isExclusive: false,
    async beforeBatch(number) {
      if (number === 0) stable.push(await offsetOf(stage, 'last_stable'))
    },
  })
  assert.deepEqual([report.outcome, report.records], ['complete', Number(SOURCE.records)])
  // The records that were left and the marker that ends them.
  assert.deepEqual(stable, [BigInt(SOURCE.batchRecords) + 1n])
  await expectReadable(stage)
})

for (const [how, isTold] of [
  ['is aborted when it does not end by itself', true],
  ['is aborted also where the brokers do not tell what is open', false],
] as const)
  test(`what a restore of another choice opens meanwhile ${how}`, async () => {
    const stage = await openStage(kafka, cluster, isTold ? 'meanwhile' : 'untold')
    await stage.run({
      ...{ isExclusive: false, clock: fastClock(HASTE) },
      cluster: isTold ? cluster : withCalls(cluster, { openTransactions: async () => [] }),
      async beforeBatch(number) {
        if (number === 2) await leaveOpen(kafka, stage)
      },
    })
    await expectReadable(stage)
  })

test('a restore is not complete before the transaction of a stranger has ended, and says whose it is', async () => {
  const stage = await openStage(kafka, cluster, 'shared')
  const coordinator = otherCoordinator(stage, STRANGER)
  const identity = await coordinator.init(null, running.signal)
  await coordinator.addPartitions(identity, [stage.place], running.signal)
  const batch = dataBatch(0n, 1)
  patchForProduce(batch, 0, { ...identity, baseSequence: 0, isTransactional: true })
  using producer = await RawProducer.open(kafka)
  await producer.send('shared', batch, STRANGER)
  const warned = await stage.begin(false, { existingTopics: 'append', clock: laterClock(60_000) })
  assert.match(
    warned.target.warnings.join(),
    new RegExp(`see nothing of shared/0 from offset 0 on: producer ${identity.producerId} \\(${STRANGER}\\)`),
  )
  const young = await stage.begin(false, { existingTopics: 'append', clock: laterClock(0) })
  assert.deepEqual(young.target.warnings, [], 'those of producers that are at work come and go')
  const told: unknown[] = []
  const hindrance = { isExclusive: false, clock: fastClock(HASTE) } as const
  const says = new RegExp(
    `readers of committed records do not see all of them:\\n- shared/0 below offset \\d+: producer ${identity.producerId} \\(${STRANGER}\\) has a transaction open at offset 0, began 20\\S+; the brokers abort it soon after 20`,
  )
  await assert.rejects(
    stage.run({
      ...hindrance,
      observe: (event) => event.type === 'transaction_blocks' && told.push(event.producerId),
    }),
    { code: 'KB_RECORDS_HIDDEN', message: says },
  )
  assert.deepEqual(told, [identity.producerId], 'it is told once')
  assert.equal(stage.ledger.state.finished, null)
  const endOffset = await offsetOf(stage, 'high_watermark')
  await coordinator.end(identity, true, running.signal)
  coordinator.close()
  const report = await stage.run({ isExclusive: false })
  assert.deepEqual([report.outcome, report.writtenRecords], ['complete', 0])
  const marker = 1n
  assert.equal(await offsetOf(stage, 'high_watermark'), endOffset + marker, 'nothing was written again')
  await expectReadable(stage)
})

/** What opening a ledger in the place of another one does, in order: put back, abandon, fence, open. */
const STEPS = ['put back', 'abandoned', 'fenced', 'opened'] as const

for (const step of STEPS)
  for (const moment of ['before', 'after'] as const)
    test(`a restore that dies right ${moment} the one before it is ${step} loses no held setting`, async () => {
      const topic = `held-${STEPS.indexOf(step)}-${moment}`
      const stage = await openStage(kafka, cluster, topic, { heldSettings: HELD })
      const dying = { isHoldingRetention: true, ...dyingAt(stage, step, moment) }
      const prepared = await stage.begin(false, dying)
      await assert.rejects(prepared.openLedger(), /died/)
      const held = (await openLedgers(stage)).flatMap(({ opened }) => opened.heldSettings)
      const isKept = held.some(({ original }) => original === DAY_MS)
      // What a broker says of a setting may be a moment behind.
      const isPutBack = async () => (await retentionOf(kafka, topic)) === DAY_MS
      if (!isKept) await until('it is put back, as no open ledger knows what it was', isPutBack)
      const again = await stage.begin(false, { isHoldingRetention: true })
      const ledger = await again.openLedger()
      await stage.run({
        ledger,
        async beforeBatch(number) {
          const isHeld = async () => (await retentionOf(kafka, topic)) === '-1'
          if (number === 0) await until('it is held while records are written', isHeld)
        },
      })
      await until('it is put back', isPutBack)
      assert.deepEqual(await openLedgers(stage), [])
    })

// The last one: the broker is started again.
test('a record that is altered in the target before it is compared is named with both offsets', async () => {
  const stage = await openStage(kafka, cluster, 'altered', { mode: 'idempotent' })
  const at = 57n
  let altered: Promise<void> | undefined
  await assert.rejects(
    stage.run({
      isVerifying: true,
      cluster: withCalls(cluster, {
        async listOffsets(...asked: Parameters<Cluster['listOffsets']>) {
          const isWritten = stage.ledger.state.progress.get('altered/0')?.position === SOURCE.records
          // Asked for the last time before records are read back.
          if (isWritten && asked[0] === 'last_stable')
            altered ??= plantLog(kafka, 'altered', 0, alteredAt(at))
          await altered
          return cluster.listOffsets(...asked)
        },
      }),
    }),
    {
      code: 'KB_VALIDATION_FAILED',
      message: /altered\/0: the first record that differs has source offset 64, target offset 57: its value/,
    },
  )
  assert.equal(stage.ledger.state.finished, null)
})

async function expectReadable(stage: Stage): Promise<void> {
  assert.equal(await offsetOf(stage, 'last_stable'), await offsetOf(stage, 'high_watermark'))
}

async function openLedgers({ storage }: Stage): Promise<LedgerState[]> {
  const ledgers = await readLedgers(storage, BACKUP)
  return ledgers.filter(({ finished, isAbandoned }) => finished === null && !isAbandoned)
}

/** A process that dies at a step of giving up the restore before it. */
function dyingAt(stage: Stage, step: (typeof STEPS)[number], moment: 'before' | 'after') {
  const die =
    <T extends unknown[]>(isIt: (...asked: T) => boolean, act: (...asked: T) => Promise<void>) =>
    async (...asked: T): Promise<void> => {
      const isStruck = isIt(...asked)
      if (isStruck && moment === 'before') throw new Error('died')
      await act(...asked)
      if (isStruck) throw new Error('died')
    }
  const { storage } = stage
  const changes = die<Parameters<Cluster['changeTopicSettings']>>(
    () => step === 'put back',
    (...asked) => cluster.changeTopicSettings(...asked),
  )
  const put = die<Parameters<MemoryBackend['put']>>(
    (key) =>
      (step === 'abandoned' && key.includes('-0001/')) || (step === 'opened' && key.includes('-0002/')),
    (...asked) => storage.put(...asked),
  )
  return {
    cluster: withCalls(cluster, { changeTopicSettings: changes }),
    storage: withCalls(storage, { put }),
    ...(step === 'fenced'
      ? {
          fence: die(
            () => true,
            async () => undefined,
          ),
        }
      : {}),
  }
}

/** So much ahead of the one of the brokers. */
function laterClock(byMs: number): Clock {
  return { ...systemClock, nowMs: () => systemClock.nowMs() + byMs }
}

/** The same, with some calls replaced. */
function withCalls<T extends object>(whole: T, calls: Partial<T>): T {
  return new Proxy(whole, {
    get(target, key) {
      const value = Reflect.get(key in calls ? calls : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The log of the target, with another value of the record at this offset. */
function alteredAt(offset: bigint): Buffer {
  const { records, batchRecords, beginOffset } = SOURCE
  const batches = Array.from({ length: Number(records) / batchRecords }, (_, at) => {
    const firstOffset = BigInt(at * batchRecords)
    const batch = dataBatch(beginOffset + firstOffset, batchRecords)
    batch.writeBigInt64BE(firstOffset, BATCH_FIELD.baseOffset)
    const place = Number(offset - firstOffset)
    if (place < 0 || place >= batchRecords) return batch
    batch.write('V', batch.indexOf(`value ${place} `))
    sealBatch(batch, 0)
    return batch
  })
  return Buffer.concat(batches)
}
