import type { ClusterComparison, ClusterView, StorageBackend } from '@kafka-backup/core'
import { readClusterView } from '@kafka-backup/core/backup'
import { requireBackupId, requireCluster } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { compareClusters } from '@kafka-backup/core/verify'
import { openAsOf } from '../as-of-state.ts'
import type { Command, CommandContext } from '../command.ts'
import { openConfiguredCluster } from '../open-configured-cluster.ts'
import { openStorage } from '../open-storage.ts'
import { type KnownCluster, readKnownCluster, viewOf } from '../read-cluster.ts'
import { type ComparedSide, comparisonDocument, comparisonText } from '../render/cluster-diff-text.ts'

/** The words and codes of `verify`. */
const EXIT_CODE: Readonly<Record<ClusterComparison['verdict'], number>> = {
  equal: 0,
  incomplete: 3,
  differs: 4,
}

/** What `kafka-backup diff` does. */
export const diffCommand: Command = {
  async run(context) {
    assertOneOther(context)
    const storage = openStorage(context)
    try {
      const backupId = requireBackupId(context.loaded.config)
      const { asked } = await openAsOf(context, storage, backupId)
      const known = await readKnownCluster(storage, asked, context.signal)
      const isLive = context.options.againstCluster === true
      const other = isLive ? await liveSide(context, known) : await earlierSide(context, storage, backupId)
      const own = sideOf(known)
      const [before, after] = isLive ? [own, other] : [other, own]
      const comparison = compareClusters(before.view, after.view)
      const shown = { backupId, before, after, comparison }
      return {
        document: comparisonDocument(shown),
        text: comparisonText(shown),
        exitCode: EXIT_CODE[comparison.verdict],
      }
    } finally {
      await storage.close()
    }
  },
}

/** @throws KB_USAGE */
function assertOneOther({ options }: CommandContext): void {
  const given = [options.since, options.sinceCommit, options.againstCluster].filter(
    (value) => value !== undefined,
  )
  if (given.length === 1) return
  throw new KafkaBackupError(
    'KB_USAGE',
    given.length === 0
      ? 'say what is compared with: --since, --since-commit or --against-cluster'
      : '--since, --since-commit and --against-cluster are different comparisons: give one of them',
    { hint: 'See: kafka-backup diff --help' },
  )
}

type Side = ComparedSide & { readonly view: ClusterView }

function sideOf(known: KnownCluster): Side {
  const { state, cluster } = known
  return { view: viewOf(known), commit: state.tip?.number ?? 0n, readAtMs: cluster?.readAtMs ?? null }
}

async function earlierSide(
  context: CommandContext,
  storage: StorageBackend,
  backupId: string,
): Promise<Side> {
  const { since: asOf, sinceCommit: asOfCommit } = context.options
  const { asked } = await openAsOf({ ...context, options: { asOf, asOfCommit } }, storage, backupId)
  return sideOf(await readKnownCluster(storage, asked, context.signal))
}

async function liveSide(context: CommandContext, { topics }: KnownCluster): Promise<Side> {
  const cluster = openConfiguredCluster(requireCluster(context.loaded.config, 'target'))
  const readAtMs = BigInt(Math.trunc(context.clock.nowMs()))
  try {
    return { view: await readClusterView(cluster, topics), commit: null, readAtMs }
  } finally {
    await cluster.close()
  }
}
