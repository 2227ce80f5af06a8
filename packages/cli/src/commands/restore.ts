import {
  type ClusterSettings,
  openCluster,
  openExistingBackup,
  openLocation,
  planRestore,
  preflightRestore,
  requireBackupId,
  requireCluster,
  requireRepositoryUrl,
  requireBackupId,
  requireCluster,
  requireRepositoryUrl,
  runRestore,
} from '@kafka-backup/core'
import { chosenTopics } from '../chosen-topics.ts'
import type { Command } from '../command.ts'
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
    'Writes the committed records of a backup into topics that are empty or do not exist, each to the partition it came from. Everything that speaks against it is said before the first write.',
  verb: 'restore',
  options: [],
  examples: [
    'kafka-backup restore --repo file:///var/backups --backup-id daily --bootstrap-servers dr:9092',
    'kafka-backup restore --repo file:///var/backups --backup-id daily --bootstrap-servers dr:9092 --topics orders --topic-mapping orders=orders-restored --dry-run',
  ],
  async run(context) {
    const { config } = context.loaded
    const storage = openLocation(requireRepositoryUrl(config), context.registry.storages)
    const target = requireCluster(config, 'target')
    const cluster = openCluster({ bootstrapServers: target.bootstrapServers, clientId: CLIENT_ID })
    try {
      const state = await openExistingBackup(storage, requireBackupId(config), { signal: context.signal })
      const topics = chosenTopics(patternsOf(target), [...state.topics.keys()], `in backup ${state.backupId}`)
      const plan = planRestore(state, { topics, topicMapping: config.restore.topicMapping })
      const targetPlan = await preflightRestore(cluster, plan, {
        isCreatingTopics: config.restore.createTopics,
        replicationFactor: config.restore.defaultReplicationFactor,
        nowMs: context.clock.nowMs(),
      })
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

/** Without a choice everything that was backed up is restored, internal topics that were asked for included. */
function patternsOf(target: ClusterSettings) {
  const { include, exclude } = target.topics
  return { include: include.length > 0 ? include : ['*'], exclude, includeInternal: true }
}
