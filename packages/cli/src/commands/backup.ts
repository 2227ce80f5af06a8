import type {
  BackupPlan,
  BackupReport,
  BackupRunOptions,
  BackupTuning,
  Cluster,
  Config,
  ContinuousOptions,
  GroupReading,
  Lease,
  Observer,
  OffsetStateKeeper,
  OpenedStore,
  StorageUsage,
} from '@kafka-backup/core'
import { prepareBackup, readGroups, runBackup } from '@kafka-backup/core/backup'
import { isPartitionChosen, matchTopics, requireBackupId, requireCluster } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { combineObservers } from '@kafka-backup/core/events'
import { RunMetrics } from '@kafka-backup/core/observe'
import { openBackup } from '@kafka-backup/core/repository'
import { askUntilStopped } from '../ask-until-stopped.ts'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { offsetStateKeeper } from '../keep-offset-state.ts'
import { MetricsFile } from '../metrics-file.ts'
import { assertNewPlace } from '../new-place.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openWritableStorage, VOLATILE_WARNING } from '../open-storage.ts'
import { CLIENT_ID, PROGRAM } from '../program-name.ts'
import {
  backupDocument,
  backupHeadline,
  backupPlanDocument,
  backupPlanText,
  backupReportText,
} from '../render/backup-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'
import { withLease } from '../with-lease.ts'

/** What `kafka-backup backup` does. */
export const backupCommand: Command = {
  async run(context) {
    const metrics = context.options.dryRun === true ? undefined : metricsOf(context)
    let isComplete = false
    try {
      const result = await backUp(context, metrics)
      isComplete = result.exitCode === 0
      return result
    } finally {
      await closeMetrics(context, metrics, isComplete)
    }
  },
}

async function backUp(context: CommandContext, metrics: MetricsFile | undefined): Promise<CommandResult> {
  const { config } = context.loaded
  const offsetState = offsetStateKeeper(context)
  const observers = [context.observe, offsetState.observe, ...(metrics ? [metrics.observe] : [])]
  const observe = combineObservers(observers)
  const opened = await beforeWriting(async () =>
    openWritableStorage({ ...context, observe }, config.backup.shutdownTimeoutMs),
  )
  const { storage, usage } = opened
  const source = requireCluster(config, 'source')
  const security = source.security ? { security: source.security } : {}
  const { bootstrapServers } = source
  const cluster = openConfiguredCluster(source)
  try {
    const again = () => askUntilStopped(context.signal, cluster, () => prepare(context, opened, cluster))
    const prepared = await beforeWriting(again)
    if (context.options.dryRun === true) {
      return {
        document: backupPlanDocument(prepared.plan),
        text: backupPlanText(prepared.plan, storage.location),
        exitCode: 0,
      }
    }
    const run = withLease(
      context,
      storage,
      { prepared, prepare: again },
      ({ lookedAtMs, plan, state, groups }, lease) => {
        if (storage.capabilities.isVolatile) context.say(`Warning: ${VOLATILE_WARNING}`)
        context.say(backupHeadline(plan, storage.location, config.backup.isContinuous))
        offsetState.begin({ storage, state, clusterId: plan.clusterId })
        return runBackup({
          plan,
          state,
          storage,
          cluster,
          clientId: CLIENT_ID,
          ...security,
          bootstrapServers,
          program: PROGRAM,
          transform: context.registry.transform(containerOf(config), config.backup.compressionLevel),
          tuning: tuningOf(config),
          topicSettings: config.backup.topicSettings,
          isDescribingCluster: config.backup.isDescribingCluster,
          ...(config.backup.isContinuous ? { continuous: continuousOf(config, lookedAtMs) } : {}),
          ...groupsOf(config, groups),
          clock: context.clock,
          random: context.random,
          observe: combineObservers([observe, coveringWhatJoins(lease)]),
          signal: context.signal,
        })
      },
    )
    const report = await keeping(offsetState, run)
    return result(report, usage())
  } finally {
    await cluster.close()
    await storage.close()
  }
}

function groupsOf({ backup }: Config, reading: GroupReading | undefined): Pick<BackupRunOptions, 'groups'> {
  return reading ? { groups: { reading, intervalMs: backup.consumerGroupIntervalMs } } : {}
}

function coveringWhatJoins(lease: Lease): Observer {
  return (event) => {
    if (event.type === 'partition_joined') lease.cover([event])
  }
}

async function keeping(offsetState: OffsetStateKeeper, run: Promise<BackupReport>): Promise<BackupReport> {
  const report = await run.catch(async (error: unknown) => {
    await offsetState.end('failed', error)
    throw error
  })
  await offsetState.end(report.outcome)
  return report
}

async function prepare(context: CommandContext, opened: OpenedStore, cluster: Cluster) {
  const { config } = context.loaded
  const { storage } = opened
  const source = requireCluster(config, 'source')
  const state = await openBackup(storage, requireBackupId(config), { signal: context.signal })
  if (!state.tip) await assertNewPlace(opened, context.signal)
  const where = `on ${source.bootstrapServers.join(',')}`
  const lookedAtMs = context.clock.nowMs()
  const names = await cluster.topicNames()
  await assertVisible(cluster, matchTopics(source.topics, names).missing, where)
  const topics = chosenTopics(source.topics, names, where)
  const { partitions, isolationLevel: isolation } = config.backup
  assertTopicsChosen([...partitions.ofTopic.keys()], topics, where)
  const isChosen = (topic: string, partition: number) => isPartitionChosen(partitions, topic, partition)
  const choice = { topics, isChosen, isolation }
  const { clock, signal } = context
  // Before the plan fixes where the run ends: nothing that a group has read may lie behind it.
  const isReadingGroups = config.backup.hasConsumerGroups && context.options.dryRun !== true
  const groups = isReadingGroups ? await readGroups({ cluster, clock, signal }, storage, state) : undefined
  const plan = await prepareBackup(cluster, state, choice, clock, signal)
  assertPartitionsChosen(topics, plan, where)
  return { lookedAtMs, state, plan, groups }
}

function metricsOf({ loaded: { config } }: CommandContext): MetricsFile | undefined {
  if (config.metricsFile === undefined) return undefined
  return new MetricsFile(config.metricsFile, new RunMetrics({ backup_id: requireBackupId(config) }))
}

/** Brokers leave out of their lists what the account may not see; asked by name, they say so. */
async function assertVisible(cluster: Cluster, missing: readonly string[], where: string): Promise<void> {
  if (missing.length === 0) return
  const { absent } = await cluster.survey(missing)
  const denied = missing.find((name) => absent.get(name) === 'denied')
  if (denied === undefined) return
  throw new KafkaBackupError(
    'KB_CLUSTER_PERMISSION',
    `the account may not see topic "${denied}" ${where}, if there is one`,
    {
      context: { topic: denied },
      hint: 'Grant the account Describe, DescribeConfigs and Read on the topic; check the spelling, too.',
    },
  )
}

/** A misspelt topic in a choice of partitions would leave the right one whole. */
function assertTopicsChosen(named: readonly string[], topics: readonly string[], where: string): void {
  const stray = named.find((name) => !topics.includes(name))
  if (stray === undefined) return
  throw new KafkaBackupError(
    'KB_CONFIG_INVALID',
    `partitions are chosen of topic "${stray}", which is not among the topics to back up ${where}`,
    { context: { topic: stray } },
  )
}

function assertPartitionsChosen(topics: readonly string[], plan: BackupPlan, where: string): void {
  const read = new Set(plan.partitions.map(({ topic }) => topic))
  const empty = topics.find((topic) => !read.has(topic))
  if (empty === undefined) return
  throw new KafkaBackupError('KB_CONFIG_INVALID', `no chosen partition of topic "${empty}" exists ${where}`, {
    context: { topic: empty },
  })
}

async function closeMetrics(
  context: CommandContext,
  metrics: MetricsFile | undefined,
  isComplete: boolean,
): Promise<void> {
  metrics?.end(isComplete, context.clock.nowMs())
  const complaint = await metrics?.close()
  if (complaint !== undefined) context.say(`Warning: ${complaint}`)
}

function result(report: Awaited<ReturnType<typeof runBackup>>, usage: StorageUsage): CommandResult {
  const exitCodes = { complete: 0, incomplete: 3, interrupted: 130, failed: 1, running: 1 }
  return {
    document: { ...backupDocument(report), storage: storageDocument(usage) },
    text: [backupReportText(report), storageText(usage)].join('\n'),
    exitCode: exitCodes[report.outcome],
  }
}

/** Data that is not compressed is stored in raw Zstandard blocks, so `none` has no container of its own. */
function containerOf(config: Config): string {
  return config.backup.compression === 'lz4' ? 'lz4' : 'zstd'
}

/** Topics that are gone are no longer missed: the run has begun, and its report tells of them. */
function continuousOf(config: Config, lookedAtMs: number): ContinuousOptions {
  const { partitions, topicRefreshIntervalMs: refreshIntervalMs } = config.backup
  const { topics: patterns } = requireCluster(config, 'source')
  return {
    chooseTopics: (names) => matchTopics(patterns, names).topics,
    isChosen: (topic, partition) => isPartitionChosen(partitions, topic, partition),
    refreshIntervalMs,
    lookedAtMs,
  }
}

function tuningOf(config: Config): BackupTuning {
  const { backup } = config
  const { connectionsPerBroker, rackId } = requireCluster(config, 'source')
  return {
    segmentMaxBytes: backup.segmentMaxBytes,
    segmentMaxIntervalMs: backup.segmentMaxIntervalMs,
    checkpointIntervalMs: backup.checkpointIntervalMs,
    fetchMaxBytes: backup.fetchMaxBytes,
    fetchMaxWaitMs: backup.fetchMaxWaitMs,
    connectionsPerBroker,
    rackId,
    transactionWaitMs: backup.transactionWaitMs,
    deletionWarningMs: backup.deletionWarningMs,
    isCompressing: backup.compression !== 'none',
    isCheckpointingOnStop: backup.isCheckpointingOnStop,
  }
}
