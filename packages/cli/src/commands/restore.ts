import {
  type Cluster,
  type ClusterSettings,
  openCluster,
  openExistingBackup,
  planRestore,
  preflightRestore,
  requireBackupId,
  requireCluster,
  runRestore,
  type StorageBackend,
} from '@kafka-backup/core'
import { beforeWriting } from '../before-writing.ts'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command, CommandContext } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { CLIENT_ID } from '../program-name.ts'
import {
  restoreDocument,
  restoreHeadline,
  restorePlanDocument,
  restorePlanText,
  restoreReportText,
} from '../render/restore-text.ts'

/** `kafka-backup restore` */
export const restoreCommand: Command = {
  name: 'restore',
  summary: 'Write a backup into a cluster',
  description:
    'Writes the committed records of a backup into topics that are empty or do not exist yet, each into the partition it came from. What speaks against it is said before anything is written; --dry-run shows the plan.',
  verb: 'restore',
  options: [],
  examples: [
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --dry-run',
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --topics orders \\',
    '    --topic-mapping orders=orders-copy',
    'kafka-backup restore --repo file:///var/backups --backup-id daily \\',
    '    --bootstrap-servers dr:9092 --as-of-commit 7',
  ],
  async run(context) {
    const { config } = context.loaded
    const storage = await beforeWriting(async () => openStorage(context))
    const target = requireCluster(config, 'target')
    const security = target.security ? { security: target.security } : {}
    const cluster = openCluster({
      bootstrapServers: target.bootstrapServers,
      clientId: CLIENT_ID,
      ...security,
    })
    try {
      const { plan, targetPlan } = await beforeWriting(() => prepare(context, storage, cluster))
      if (config.restore.dryRun) {
        return {
          document: restorePlanDocument(plan, targetPlan),
          text: restorePlanText(plan, targetPlan),
          exitCode: 0,
        }
      }
      context.say(restoreHeadline(plan, targetPlan))
      const report = await runRestore({
        plan,
        target: targetPlan,
        storage,
        transforms: context.registry.transformsById(),
        cluster,
        clientId: CLIENT_ID,
        ...security,
        produceTimeoutMs: config.restore.produceTimeoutMs,
        connectionsPerBroker: target.connectionsPerBroker,
        clock: context.clock,
        observe: context.observe,
        signal: context.signal,
      })
      return {
        document: restoreDocument(report),
        text: restoreReportText(report),
        exitCode: report.outcome === 'complete' ? 0 : 3,
      }
    } finally {
      await cluster.close()
      await storage.close()
    }
  },
}

async function prepare(context: CommandContext, storage: StorageBackend, cluster: Cluster) {
  const { config } = context.loaded
  const state = await openExistingBackup(storage, requireBackupId(config), {
    signal: context.signal,
    asOfCommit: config.restore.asOfCommit,
  })
  const patterns = patternsOf(requireCluster(config, 'target'))
  const topics = chosenTopics(patterns, [...state.topics.keys()], `in backup ${state.backupId}`)
  const plan = planRestore(state, { topics, topicMapping: config.restore.topicMapping })
  const targetPlan = await preflightRestore(cluster, plan, {
    isCreatingTopics: config.restore.createTopics,
    replicationFactor: config.restore.defaultReplicationFactor,
    nowMs: context.clock.nowMs(),
    signal: context.signal,
  })
  return { plan, targetPlan }
}

/** Without a choice everything that was backed up is restored, internal topics that were asked for included. */
function patternsOf(target: ClusterSettings) {
  const { include, exclude } = target.topics
  return { include: include.length > 0 ? include : ['*'], exclude, includeInternal: true }
}
