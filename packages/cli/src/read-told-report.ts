import type { Cluster, FoundCopy, HeaderReport, OffsetReport, StorageBackend } from '@kafka-backup/core'
import { mappedTopics, requireCluster, topicMappingOf } from '@kafka-backup/core/config'
import { readCommitted } from '@kafka-backup/core/kafka'
import { copyByNames, copyOfRestore, reportByHeaders, reportByTimes } from '@kafka-backup/core/offsets'
import { chosenRestore, requiredRestore } from './chosen-restore.ts'
import type { CommandContext } from './command.ts'
import { openConfiguredCluster } from './open-configured-cluster.ts'
import { CLIENT_ID } from './program-name.ts'
import type { KnownGroups } from './read-offset-report.ts'
import type { ShownRestore } from './restored-places.ts'
import { type ToldBy, toldByOf } from './told-by.ts'

/** A report, and who told it. */
export interface ToldReport {
  readonly toldBy: ToldBy
  /** null: only names of topics were known. */
  readonly shown: ShownRestore | null
  /** Of the copy. */
  readonly clusterId: string
  readonly report: OffsetReport
  /** Records that were looked at, by topic of the target; empty, unless headers have told. */
  readonly counts: HeaderReport['counts']
}

/**
 * Asks who the options say. `shown`: the restore that is meant where the map tells.
 * @throws KB_USAGE, KB_RESTORE_NOT_FOUND, KB_TOPIC_NOT_FOUND, KB_CLUSTER_* …
 */
export async function readToldReport(
  context: CommandContext,
  storage: StorageBackend,
  known: KnownGroups,
): Promise<ToldReport> {
  const toldBy = toldByOf(context)
  if (toldBy !== 'map') return askCluster(context, storage, known, toldBy)
  const shown = requiredRestore(known.shown, known.backupId)
  const { clusterId } = shown.ledger.opened
  return { toldBy, shown, clusterId, report: await known.report(shown), counts: new Map() }
}

async function askCluster(
  context: CommandContext,
  storage: StorageBackend,
  known: KnownGroups,
  toldBy: 'headers' | 'timestamps',
): Promise<ToldReport> {
  const { clock, signal, registry, loaded } = context
  const target = requireCluster(loaded.config, 'target')
  const security = target.security ? { security: target.security } : {}
  const cluster = openConfiguredCluster(target)
  try {
    const { clusterId } = await cluster.describe([])
    const { copy, shown } = await findCopy(context, known, { cluster, clusterId })
    const { groups, backupId, newest: state } = known
    const isRestored = await known.isRestoredHistory()
    const base = { toldBy, shown, clusterId }
    if (toldBy === 'timestamps') {
      const archive = { storage, backupId, transforms: registry.transformsById(), signal }
      const report = await reportByTimes(groups, copy, { cluster, archive, state }, isRestored)
      return { ...base, report, counts: new Map() }
    }
    const reading = { cluster, clientId: CLIENT_ID, ...security, clock, signal }
    const read = (place: { topic: string; partition: number }, beginOffset: bigint, endOffset: bigint) =>
      readCommitted(reading, { ...place, beginOffset, endOffset }, () => undefined)
    return { ...base, ...(await reportByHeaders(groups, copy, { cluster, read }, isRestored)) }
  } finally {
    await cluster.close()
  }
}

/** What the newest finished restore into this cluster has written, or the one that was named; without one, by names. */
async function findCopy(
  { options }: CommandContext,
  known: KnownGroups,
  { cluster, clusterId }: { readonly cluster: Cluster; readonly clusterId: string },
): Promise<{ readonly copy: FoundCopy; readonly shown: ShownRestore | null }> {
  const { newest, backupId } = known
  const rules = topicMappingOf((options.topicMapping ?? []) as readonly string[])
  const own = known.ledgers.filter(({ opened }) => opened.clusterId === clusterId)
  const shown = rules.size > 0 ? undefined : chosenRestore(own, options.restore, backupId)
  if (shown) return { copy: await copyOfRestore(cluster, await known.restoreOf(shown)), shown }
  const names = mappedTopics(rules, [...newest.topics.keys()])
  return { copy: await copyByNames(cluster, newest, names), shown: null }
}
