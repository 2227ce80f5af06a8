import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type KafkaCluster, plantLog, startKafkaCluster } from '@kafka-backup/testkit'
import type { Cluster } from '../../packages/core/src/kafka/cluster.ts'
import { sealBatch } from '../../packages/core/src/protocol/batch-patch.ts'
import { BATCH_FIELD } from '../../packages/core/src/protocol/record-batch.ts'
import { type LedgerState, readLedgers } from '../../packages/core/src/repository/restore-ledger.ts'
import type { MemoryBackend } from '../../packages/core/src/storage/memory/backend.ts'
import { BACKUP, dataBatch } from '../../packages/core/test/verify/archive-writer.ts'
import { retentionOf } from '../harness/retention.ts'
import { until } from '../harness/until.ts'
import {
  openStage,
  openTarget,
  SOURCE,
  type Stage,
} from './restore-stage.ts'

const DAY_MS = '86400000'
const HELD = [{ name: 'retention.ms', held: '-1', original: DAY_MS }]

let kafka: KafkaCluster
let cluster: Cluster

before(async () => {
  kafka = await startKafkaCluster()
  cluster = openTarget(kafka)
})

after(async () => {
  await cluster?.close()
  await kafka?.close()
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
