import {
  type BackupTuning,
  type Cluster,
  type Config,
  openBackup,
  openCluster,
  openLocation,
  prepareBackup,
  requireBackupId,
  requireCluster,
  requireRepositoryUrl,
  runBackup,
  type StorageBackend,
} from '@kafka-backup/core'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { CLIENT_ID, PROGRAM } from '../program-name.ts'
import {
  backupDocument,
  backupHeadline,
  backupPlanDocument,
  backupPlanText,
  backupReportText,
} from '../render/backup-text.ts'

/** `kafka-backup backup` */
export const backupCommand: Command = {
  name: 'backup',
  summary: 'Read topics of a cluster into a repository',
  description:
    'Reads the chosen topics from where the backup ends up to what is there now, and commits what is safely stored as it goes. Run it again to add what is new: a run that was stopped or killed goes on where its last commit ended.',
  verb: 'backup',
  options: [{ flags: '--dry-run', description: 'Show what would be read and write nothing' }],
  examples: [
    'kafka-backup backup --bootstrap-servers broker:9092 --topics orders,payments \\',
    '    --repo file:///var/backups --backup-id daily',
    "kafka-backup backup --config backup.yaml --topics 'payments-*' --dry-run",
  ],
  async run(context) {
    const { config } = context.loaded
    const storage = await beforeWriting(async () =>
      openLocation(requireRepositoryUrl(config), context.registry.storages),
    )
    const source = requireCluster(config, 'source')
    const cluster = openCluster({ bootstrapServers: source.bootstrapServers, clientId: CLIENT_ID })
    try {
      const { state, plan } = await beforeWriting(() => prepare(context, storage, cluster))
      if (context.options.dryRun === true) {
        return {
          document: backupPlanDocument(plan),
          text: backupPlanText(plan, storage.location),
          exitCode: 0,
        }
      }
      context.say(backupHeadline(plan, storage.location))
      const report = await runBackup({
        plan,
        state,
        storage,
        cluster,
        clientId: CLIENT_ID,
        bootstrapServers: source.bootstrapServers,
        program: PROGRAM,
        transform: context.registry.transform(containerOf(config), config.backup.compressionLevel),
        tuning: tuningOf(config),
        clock: context.clock,
        random: context.random,
        observe: context.observe,
        signal: context.signal,
      })
      return result(report)
    } finally {
      await cluster.close()
      await storage.close()
    }
  },
}

async function prepare(context: CommandContext, storage: StorageBackend, cluster: Cluster) {
  const { config } = context.loaded
  const source = requireCluster(config, 'source')
  const state = await openBackup(storage, requireBackupId(config), { signal: context.signal })
  const where = `on ${source.bootstrapServers.join(',')}`
  const topics = chosenTopics(source.topics, await cluster.topicNames(), where)
  const plan = await prepareBackup(cluster, state, topics, context.clock, context.signal)
  return { state, plan }
}

function result(report: Awaited<ReturnType<typeof runBackup>>): CommandResult {
  const exitCodes = { complete: 0, incomplete: 3, interrupted: 130, failed: 1, running: 1 }
  return {
    document: backupDocument(report),
    text: backupReportText(report),
    exitCode: exitCodes[report.outcome],
  }
}

/** Data that is not compressed is stored in raw Zstandard blocks, so `none` has no container of its own. */
function containerOf(config: Config): string {
  return config.backup.compression === 'lz4' ? 'lz4' : 'zstd'
}

function tuningOf(config: Config): BackupTuning {
  const { backup } = config
  return {
    segmentMaxBytes: backup.segmentMaxBytes,
    segmentMaxIntervalMs: backup.segmentMaxIntervalMs,
    checkpointIntervalMs: backup.checkpointIntervalMs,
    fetchMaxBytes: backup.fetchMaxBytes,
    fetchMaxWaitMs: backup.fetchMaxWaitMs,
    connectionsPerBroker: requireCluster(config, 'source').connectionsPerBroker,
    isCompressing: backup.compression !== 'none',
  }
}
