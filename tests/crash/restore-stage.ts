import assert from 'node:assert/strict'
import type { KafkaCluster } from '@kafka-backup/testkit'
import { KafkaBackupError } from '../../packages/core/src/errors/kafka-backup-error.ts'
import type { Observer } from '../../packages/core/src/events/run-event.ts'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import type { HeldSetting, RestoreMode } from '../../packages/core/src/format/restore-ledger.ts'
import type { SegmentRecord } from '../../packages/core/src/format/segment-record.ts'
import { openCluster } from '../../packages/core/src/kafka/client-cluster.ts'
import { type Cluster, type OffsetKind, partitionName } from '../../packages/core/src/kafka/cluster.ts'
import { TransactionCoordinator } from '../../packages/core/src/kafka/transaction-coordinator.ts'
import { patchForProduce } from '../../packages/core/src/protocol/batch-patch.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { type LedgerState, RestoreLedger } from '../../packages/core/src/repository/restore-ledger.ts'
import { beginRestore, type PreparedRestore } from '../../packages/core/src/restore/begin-restore.ts'
import {
  fenceRestore,
  proveTransactions,
  transactionalIdOf,
} from '../../packages/core/src/restore/producer-identities.ts'
import { planRestore, type RestorePlan } from '../../packages/core/src/restore/restore-plan.ts'
import type { TargetPlan } from '../../packages/core/src/restore/restore-preflight.ts'
import {
  type RestoreRequest,
  requestDocument,
  requestSha256,
} from '../../packages/core/src/restore/restore-request.ts'
import { type RestoreReport, runRestore } from '../../packages/core/src/restore/restore-run.ts'
import type { Clock } from '../../packages/core/src/runtime/clock.ts'
import { systemClock } from '../../packages/core/src/runtime/clock.ts'
import { systemRandom } from '../../packages/core/src/runtime/random.ts'
import { MemoryBackend } from '../../packages/core/src/storage/memory/backend.ts'
import {
  BACKUP,
  dataBatch,
  draft,
  TRANSFORMS,
  writeSegment,
} from '../../packages/core/test/verify/archive-writer.ts'
import { RawProducer } from '../fidelity/raw-producer.ts'
import { createTopics } from '../harness/new-topics.ts'

/** Of the source, and where its log begins. */
export const SOURCE = { records: 200n, beginOffset: 7n, batchRecords: 10 } as const
const CLIENT = { clientId: 'test-restore' }
const OFFSETS = { method: 'transactions', gapMax: 1_000, gapOffsets: 0n, estimatedMs: 0 } as const

const TARGET_CHOICE = {
  ...{
    isCreatingTopics: true,
    replicationFactor: -1,
    mayRepeat: false,
  },
  ...{ gapMax: 1_000, fillerMax: 1_000, transforms: TRANSFORMS },
}

/** A restore of one partition inside this process, and what a test may put in its way. */
export interface Stage {
  readonly plan: RestorePlan
  readonly ledger: RestoreLedger
  readonly storage: MemoryBackend
  readonly cluster: Cluster
  readonly place: { readonly topic: string; readonly partition: number }
  /** Records that brokers have confirmed, by this process. */
  written(): number
  run(hindrance: Hindrance): Promise<RestoreReport>
  /** What the program does first when it is started with the same command. */
  begin(isResuming: boolean, instead?: BeginInstead): Promise<PreparedRestore>
}

/** What a process is started with that may be told to hold retention, and may die in the middle. */
export interface BeginInstead {
  readonly cluster?: Cluster
  readonly storage?: MemoryBackend
  readonly fence?: (left: LedgerState) => Promise<void>
  readonly isHoldingRetention?: boolean
  readonly existingTopics?: 'fail' | 'append'
  readonly clock?: Clock
}

/** What happens meanwhile. */
export interface Hindrance {
  /** Called before each batch; the first one is 0. */
  readonly beforeBatch?: (number: number, signal: AbortSignal) => Promise<void>
  /** Instead of `beforeBatch`. */
  readonly throttle?: (records: number, bytes: number) => Promise<void>
  readonly clock?: Clock
  readonly cluster?: Cluster
  /** Of another restore of the same request. */
  readonly ledger?: RestoreLedger
  readonly signal?: AbortSignal
  readonly observe?: Observer
  /** False: others write to the topic too. */
  readonly isExclusive?: boolean
  readonly isVerifying?: boolean
}

/** What is restored, and how. */
export interface StageChoice {
  /** Settings that the restore held when it was left, which are at the topic. */
  readonly heldSettings?: readonly Omit<HeldSetting, 'topic'>[]
  readonly mode?: RestoreMode
  readonly isKeepingOffsets?: boolean
  /** What the commit says of the segment: a writer with a defect. */
  readonly falsify?: (segment: SegmentRecord) => SegmentRecord
}

/** Opens the cluster for restores that are run by this process. */
export function openTarget({ bootstrapServers }: Pick<KafkaCluster, 'bootstrapServers'>): Cluster {
  return openCluster({ bootstrapServers, ...CLIENT })
}

/** Creates the target topic, and opens the ledger of its restore; nothing is written to the topic yet. */
export async function openStage(
  kafka: Pick<KafkaCluster, 'bootstrapServers' | 'clusterId'>,
  cluster: Cluster,
  topic: string,
  { mode = 'transactions', isKeepingOffsets = false, heldSettings = [], falsify }: StageChoice = {},
): Promise<Stage> {
  await createTopics(kafka, { [topic]: { partitions: 1, config: { 'retention.ms': '-1' } } })
  const storage = new MemoryBackend(topic)
  const state = await writeBackup(storage, falsify)
  const request = requestOf(topic, isKeepingOffsets)
  const { topicMapping } = request
  const plan = planRestore(state, { topics: undefined, topicMapping, isKeepingOffsets })
  const held = heldSettings.map((own) => ({ topic, ...own }))
  const opened = { ...openedEntry(plan, request, kafka.clusterId, mode), heldSettings: held }
  const ledger = await RestoreLedger.open(storage, opened, 1, { writer: '00000001', clock: systemClock })
  let written = 0
  return {
    ...{ plan, ledger, storage, cluster, place: { topic, partition: 0 } },
    written: () => written,
    run({ beforeBatch, ...hindrance }) {
      let batches = 0
      return runRestore({
        ...{ plan, ledger, storage, cluster, transforms: TRANSFORMS, ...CLIENT },
        target: targetPlan(plan, kafka.clusterId, mode),
        ...{ produceTimeoutMs: 30_000, connectionsPerBroker: 1, concurrentPartitions: 1 },
        ...{ transactionMaxBytes: 1_000_000_000, progressIntervalMs: 0 },
        ...{ isVerifying: false, isExclusive: true, clock: systemClock },
        throttle: async (_records, _bytes, signal) => beforeBatch?.(batches++, signal),
        observe(event) {
          if (event.type === 'progressed') written = event.progress.records
        },
        signal: new AbortController().signal,
        ...hindrance,
      })
    },
    begin: (isResuming, { isHoldingRetention = false, existingTopics = 'fail', ...instead } = {}) => {
      const signal = new AbortController().signal
      const reach = { cluster, ...CLIENT, clock: systemClock, signal }
      return beginRestore({
        ...{ ...reach, storage, request, isResuming, backupId: BACKUP, random: systemRandom },
        select: (_state, window) => ({ topics: undefined, topicMapping, isKeepingOffsets, window }),
        target: {
          ...TARGET_CHOICE,
          ...{ isHoldingRetention, existingTopics },
          requestedMode: mode,
          mayUseTransactions: async () => true,
        },
        fence: (left) => fenceRestore(reach, left),
        prove: (restore) => proveTransactions(reach, restore),
        ...instead,
      })
    },
  }
}

/** The transactions of the restore, as another process would use them; or those of somebody else. */
export function otherCoordinator({ cluster, ledger }: Stage, foreignId?: string): TransactionCoordinator {
  const transactionalId = foreignId ?? transactionalIdOf(BACKUP, ledger.state.restoreId)
  return new TransactionCoordinator({
    ...{ ...CLIENT, cluster, clock: systemClock, transactionalId, transactionTimeoutMs: 60_000 },
  })
}

/** The ledger of the restore, as another process reads it. */
export function otherLedger({ storage, ledger }: Stage): Promise<RestoreLedger> {
  return RestoreLedger.findById(storage, BACKUP, ledger.state.restoreId, {
    ...{ writer: '00000002', clock: systemClock },
  })
}

/** Interrupts the restore before this batch. */
export function interruptAt(stage: Stage, batch: number): Promise<void> {
  const interruption = new AbortController()
  const { signal } = interruption
  const run = stage.run({
    signal,
    async beforeBatch(number) {
      if (number === batch) interruption.abort(new KafkaBackupError('KB_INTERRUPTED', 'stopped'))
      signal.throwIfAborted()
    },
  })
  return assert.rejects(run, { code: 'KB_INTERRUPTED' })
}

/** Where the ledger says that the stream stands, as another process reads it. */
export async function knownPosition(stage: Stage): Promise<bigint | undefined> {
  return (await otherLedger(stage)).state.progress.get(partitionName(stage.place))?.position
}

/** Of the target partition, now. */
export async function offsetOf({ cluster, place }: Stage, kind: OffsetKind): Promise<bigint> {
  return (await cluster.listOffsets(kind, [place])).get(partitionName(place)) ?? -1n
}

/** By the clock `factor` times as fast, whatever waits for it. */
export function fastClock(factor: number, onSleep: (durationMs: number) => void = () => undefined): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs() * factor,
    sleep(durationMs, signal) {
      onSleep(durationMs)
      return systemClock.sleep(durationMs / factor, signal)
    },
  }
}

async function writeBackup(storage: MemoryBackend, falsify: StageChoice['falsify']): Promise<BackupState> {
  const { records, beginOffset, batchRecords } = SOURCE
  const batches = Array.from({ length: Number(records) / batchRecords }, (_, at) =>
    dataBatch(beginOffset + BigInt(at * batchRecords), batchRecords),
  )
  const streams = [{ topic: 'orders', topicId: null, partition: 0 }]
  const extents = [{ beginOffset, holes: [] }]
  const written = await writeSegment(storage, { streams, extents, frames: [{ batches }], sequence: 1 })
  const state = new BackupState(BACKUP)
  const topics = [{ name: 'orders', topicId: null, partitions: 1 }]
  const begins = [{ topic: 'orders', partition: 0, offset: beginOffset }]
  const segments = [falsify?.(written) ?? written]
  await appendCommit(storage, state, draft('run-1', 'complete', { topics, begins, segments }))
  return state
}

/** What a restore of another choice leaves that was killed in the middle of a transaction: `written` records that nobody sees. */
export async function leaveOpen(
  kafka: Pick<KafkaCluster, 'brokers'>,
  { storage, ledger, place, cluster }: Stage,
  written = SOURCE.batchRecords,
): Promise<string> {
  const { opened } = ledger.state
  const other = await RestoreLedger.open(storage, { ...opened, requestSha256: 'b'.repeat(64) }, 1, {
    ...{ writer: '00000003', clock: systemClock },
  })
  const { restoreId } = other.state
  const transactionalId = transactionalIdOf(BACKUP, restoreId)
  const reach = { ...CLIENT, cluster, clock: systemClock }
  const coordinator = new TransactionCoordinator({ ...reach, transactionalId, transactionTimeoutMs: 60_000 })
  const { signal } = new AbortController()
  const identity = await coordinator.init(null, signal)
  const partitions = [place]
  await other.append({
    type: 'begun',
    topics: [{ name: place.topic, topicId: null, batchMaxBytes: null }],
    partitions: [{ ...place, beginOffset: 0n }],
  })
  await other.append({ type: 'claimed', ...identity, partitions: [{ ...place, basePosition: 0n }] })
  await coordinator.addPartitions(identity, partitions, signal)
  coordinator.close()
  const batch = dataBatch(SOURCE.beginOffset, written)
  patchForProduce(batch, 0, { ...identity, baseSequence: 0, isTransactional: true })
  using producer = await RawProducer.open(kafka)
  await producer.send(place.topic, batch, transactionalId)
  return restoreId
}

function requestOf(topic: string, keepOffsets: boolean): RestoreRequest {
  return {
    ...{ backupId: BACKUP, includeTopics: ['orders'], excludeTopics: [], asOfCommit: null },
    ...{ from: null, to: null, offsetRanges: [], partitions: [], sourceClusterId: null, keepOffsets },
    ...{ topicMapping: new Map([['orders', topic]]), partitionMapping: new Map(), allowManyToOne: false },
    ...{ repartitioning: new Map(), topicConfigOverrides: new Map() },
    ...{ restoreTopicConfigs: true, existingTopicConfigPolicy: 'keep' },
    ...{ includeOriginalOffsetHeader: false, stripOffsetHeaders: false },
  }
}

function openedEntry(plan: RestorePlan, request: RestoreRequest, clusterId: string, mode: RestoreMode) {
  const { commit, commitSha256, planSha256 } = plan
  return {
    ...{ backupId: BACKUP, request: requestDocument(request), requestSha256: requestSha256(request) },
    ...{ commit, commitSha256, planSha256, clusterId, mode, fromMs: null, toMs: null, isShared: false },
    sources: [{ topic: 'orders', partition: 0, lineage: 1 }],
    ...{ createdTopics: [], heldSettings: [] },
  }
}

function targetPlan({ isKeepingOffsets }: RestorePlan, clusterId: string, mode: RestoreMode): TargetPlan {
  return {
    ...{
      clusterId,
      mode,
      brokers: 1,
      newTopics: [],
      modeReason: null,
      heldSettings: [],
      settingNotes: [],
      warnings: [],
    },
    ...{ purges: new Map(), batchMaxBytes: new Map(), topicCodecs: new Map() },
    offsets: isKeepingOffsets ? { ...OFFSETS, fillerOffsets: SOURCE.beginOffset } : null,
  }
}
