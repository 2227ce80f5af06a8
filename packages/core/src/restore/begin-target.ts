import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { type RestoreLedger, readLedgers } from '../repository/restore-ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import { type RetryPolicy, retry } from '../runtime/retry.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { holdTarget, prepareTarget, purgeTarget, releaseTarget } from './prepare-target.ts'
import type { RestorePlan } from './restore-plan.ts'
import type { TargetPlan } from './restore-preflight.ts'

/** What is done to the target before the first record, and who writes it down. */
export interface BeginTargetOptions {
  readonly plan: RestorePlan
  readonly target: TargetPlan
  readonly ledger: RestoreLedger
  readonly storage: StorageBackend
  readonly cluster: Cluster
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A topic that was just created may have no leader to ask yet. */
const END_RETRY: RetryPolicy = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 30_000 }

/**
 * Topics, held settings, and where the first records will stand. What an earlier run did of it is not done again.
 * @throws KB_RESTORE_CONFLICT when another process has gone on with the restore
 */
export async function beginTarget(options: BeginTargetOptions): Promise<void> {
  const { ledger, cluster, target, plan, clock, signal } = options
  if (ledger.state.begun) return holdAgain(options)
  await ledger.assertTip(signal)
  // What its ledger says, and not only what the preflight found: it may have taken over what another restore held.
  await prepareTarget(cluster, target, ledger.state.opened.heldSettings, signal)
  const names = plan.topics.map((topic) => topic.targetTopic)
  const places = plan.works.flatMap((work) => work.targets)
  const kept = keptBegins(plan)
  const { topics, ends } = await retry(
    async () => ({
      topics: (await cluster.describe(names)).topics,
      ends: await cluster.listOffsets('high_watermark', places),
    }),
    { policy: END_RETRY, clock, signal },
  )
  const begun = ledger.append(
    {
      type: 'begun',
      topics: names.map((name) => ({
        name,
        topicId: topics.find((topic) => topic.name === name)?.topicId ?? null,
        batchMaxBytes: target.batchMaxBytes.get(name) ?? null,
      })),
      partitions: places.map((place) => ({
        ...place,
        beginOffset: kept.get(partitionName(place)) ?? ends.get(partitionName(place)) ?? 0n,
      })),
    },
    signal,
  )
  await begun.catch(async (error) => {
    await undoHolds(options, error)
    throw error
  })
}

/**
 * Somebody may have put a setting back while nobody went on with the restore: then it is held again, as its ledger says. What was purged may be
 * there again.
 */
async function holdAgain(options: BeginTargetOptions): Promise<void> {
  const { ledger, cluster, target, signal } = options
  if (target.heldSettings.length === 0 && target.purges.size === 0) return
  await ledger.assertTip(signal)
  await holdTarget(cluster, target.heldSettings)
  await purgeTarget(cluster, target)
  await ledger.assertTip(signal).catch(async (error) => {
    await undoHolds(options, error)
    throw error
  })
}

/**
 * Whoever slept until here may have set again what its successor had put back: a restore that has ended holds nothing. One that goes
 * on will put it back itself, and so will a restore that was begun in its place.
 */
async function undoHolds(
  { ledger, storage, cluster, signal }: BeginTargetOptions,
  error: unknown,
): Promise<void> {
  const { backupId, clusterId, heldSettings } = ledger.state.opened
  if (!isKafkaBackupError(error, 'KB_RESTORE_CONFLICT') || heldSettings.length === 0) return
  const ledgers = await readLedgers(storage, backupId, signal)
  const open = ledgers.filter(
    ({ opened, finished, isAbandoned }) =>
      opened.clusterId === clusterId && finished === null && !isAbandoned,
  )
  const isHeld = (own: HeldSetting) =>
    open.some(({ opened }) =>
      opened.heldSettings.some(({ topic, name }) => topic === own.topic && name === own.name),
    )
  await releaseTarget(
    cluster,
    heldSettings.filter((own) => !isHeld(own)),
  )
}

/** Where the log of each partition has to begin; empty unless records keep their offsets. */
function keptBegins({ isKeepingOffsets, works, partitions }: RestorePlan): ReadonlyMap<string, bigint> {
  if (!isKeepingOffsets) return new Map()
  return new Map(
    works.flatMap(({ sources, targets }) => {
      const [place, source] = [targets[0], partitions[sources[0] ?? -1]]
      return place && source ? [[partitionName(place), source.offsets.beginOffset] as const] : []
    }),
  )
}
