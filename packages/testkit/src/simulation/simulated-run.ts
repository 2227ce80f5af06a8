import './deterministic-builtins.ts'
import type { Observer } from '@kafka-backup/core/events'
import {
  type Cluster,
  inlineMinima,
  openBackup,
  prepareBackup,
  type RequestHooks,
  readGroups,
  runBackup,
  type StorageBackend,
  validateBackup,
  withResilience,
  zstdTransform,
} from '@kafka-backup/core/internal'
import type { SeededRandom } from '../seeded-random.ts'
import type { FaultPlan } from './faults.ts'
import type { HistoryOptions } from './history-options.ts'
import type { SimulatedBucket } from './simulated-bucket.ts'
import { simulatedCluster } from './simulated-cluster.ts'
import { openSimulatedLinks } from './simulated-connection.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { openSimulatedStore } from './simulated-store.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

export const BACKUP_ID = 'simulated'

/** Everything that a run of the program meets. */
export interface RunSurroundings {
  readonly options: HistoryOptions
  readonly process: SimulatedProcess
  readonly topics: SimulatedTopics
  readonly openBackend: (hooks: RequestHooks) => StorageBackend
  readonly faults: FaultPlan
  readonly random: SeededRandom
  readonly stop: AbortSignal
  readonly isChosen: (topic: string, partition: number) => boolean
  /** It goes on until it is stopped. */
  readonly isContinuous: boolean
  readonly observe: Observer
}

export type BackupPlan = Awaited<ReturnType<typeof prepareBackup>>
export type BackupReport = Awaited<ReturnType<typeof runBackup>>

/** What a run came to that was neither killed nor failed. */
export interface EndedRun {
  readonly plan: BackupPlan
  readonly report: BackupReport
}

/** So few that most runs pack, and go on with what is packed. */
const PACKED_PARTS_MIN = 3
const TRANSACTION_WAIT_MS = 20_000
const GROUP_INTERVAL_MS = 1_000
/** Of Zstandard. */
export const LEVEL = 1
const COMPRESSION_MAX_MS = 20

/** One run of the engine, as the command makes it, with every edge in the simulation. */
export async function runSimulatedBackup(around: RunSurroundings): Promise<EndedRun> {
  const { options, process, topics, faults, stop: signal, isChosen } = around
  const { clock, random } = process
  const { storage } = withResilience(around.openBackend, { clock, random, stop: signal })
  // The engine asks for nothing but what a reading cluster has.
  const cluster = simulatedCluster(topics, process, faults) as Cluster
  const state = await openBackup(storage, BACKUP_ID, { signal })
  const lookedAtMs = clock.nowMs()
  const names = await cluster.topicNames()
  const choice = { topics: names, isChosen, isolation: 'read_committed' } as const
  const { isReadingGroups } = options
  const reading = isReadingGroups ? await readGroups({ cluster, clock, signal }, storage, state) : null
  const plan = await prepareBackup(cluster, state, choice, clock, signal, random)
  const { fetchVersion, refreshIntervalMs } = options
  const chooseTopics = (all: readonly string[]) => all
  const report = await runBackup({
    plan,
    state,
    storage,
    cluster,
    openLink: openSimulatedLinks({ topics, process, faults, random: around.random, fetchVersion }),
    // A thread would answer when it likes; a simulation repeats itself.
    minima: inlineMinima,
    clientId: 'simulation',
    bootstrapServers: ['simulated:9001'],
    program: 'simulation',
    transform: timedTransform(process),
    tuning: {
      segmentMaxBytes: options.segmentMaxBytes,
      segmentMaxIntervalMs: options.segmentMaxIntervalMs,
      checkpointIntervalMs: options.checkpointIntervalMs,
      fetchMaxBytes: options.fetchMaxBytes,
      fetchMaxWaitMs: 500,
      connectionsPerBroker: options.connectionsPerBroker,
      rackId: '',
      transactionWaitMs: TRANSACTION_WAIT_MS,
      deletionWarningMs: 0,
      isCompressing: options.isCompressing,
      isCheckpointingOnStop: true,
      frameMinBytes: options.frameMinBytes,
      packedPartsMin: PACKED_PARTS_MIN,
    },
    ...(around.isContinuous ? { continuous: { chooseTopics, isChosen, refreshIntervalMs, lookedAtMs } } : {}),
    topicSettings: options.isCapturingSettings ? 'captured' : undefined,
    clock,
    random,
    ...(reading ? { groups: { reading, intervalMs: GROUP_INTERVAL_MS } } : {}),
    observe: around.observe,
    signal,
  })
  await storage.close()
  return { plan, report }
}

/** Compression that takes its time, some frames more than others. */
function timedTransform({ clock, random }: SimulatedProcess): ReturnType<typeof zstdTransform> {
  const transform = zstdTransform(LEVEL)
  return {
    ...transform,
    async encode(chunks, mode) {
      if (mode === 'compressed') await clock.sleep(random.fraction() * COMPRESSION_MAX_MS)
      return transform.encode(chunks, mode)
    },
  }
}

/** What the program's own validation says of the archive. */
export async function validateSimulated(
  process: SimulatedProcess,
  bucket: SimulatedBucket,
  faults: FaultPlan,
) {
  const storage = openSimulatedStore({ bucket, process, faults })
  const transforms = new Map([['zstd', zstdTransform(LEVEL)]])
  return validateBackup({ storage, backupId: BACKUP_ID, transforms, isDeep: true, clock: process.clock })
}
