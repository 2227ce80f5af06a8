import {
  KafkaBackupError,
  type LedgerState,
  openCluster,
  planOfLedger,
  type RestorePlan,
  readLedgers,
  requestOfDocument,
  requireBackupId,
  requireCluster,
  type StorageBackend,
  type VerifiedPartition,
  verifyRestore,
} from '@kafka-backup/core'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { CLIENT_ID } from '../program-name.ts'
import { formatDuration, plural } from '../render/units.ts'
import { restoreSelectorOf } from '../restore-selector.ts'

const PROGRESS_EVERY_RECORDS = 10_000

/** `kafka-backup verify` */
export const verifyCommand: Command = {
  name: 'verify',
  summary: 'Compare a restored copy with the archive, record by record',
  description:
    'Reads what an earlier restore wrote back from the cluster and compares every record with the archive: key, value, headers, timestamp, and the offset that the offset map gives. The first record that differs is named with both offsets. Checking the archive against itself is what validate does.',
  verb: 'restore',
  options: [
    { flags: '--against-cluster', description: 'compare with the cluster (the only comparison there is)' },
    {
      flags: '--restore <id>',
      description: 'the restore; without it, the newest finished one into this cluster',
    },
  ],
  examples: [
    'kafka-backup verify --against-cluster --repo file:///var/backups \\',
    '    --backup-id daily --bootstrap-servers dr:9092',
  ],
  async run(context) {
    if (context.options.againstCluster !== true) {
      throw new KafkaBackupError('KB_USAGE', 'say what the archive is compared with: --against-cluster', {
        hint: 'To check the archive against its own digests: kafka-backup validate --deep',
      })
    }
    const storage = openStorage(context)
    try {
      return await compare(context, storage)
    } finally {
      await storage.close()
    }
  },
}

async function compare(context: CommandContext, storage: StorageBackend): Promise<CommandResult> {
  const { loaded, registry, clock, signal, options } = context
  const backupId = requireBackupId(loaded.config)
  const target = requireCluster(loaded.config, 'target')
  const security = target.security ? { security: target.security } : {}
  const cluster = openCluster({ bootstrapServers: target.bootstrapServers, clientId: CLIENT_ID, ...security })
  try {
    const { clusterId } = await cluster.describe([])
    const ledger = await chosenLedger(storage, backupId, clusterId, { wanted: options.restore, signal })
    const plan = await planAgain(storage, ledger, signal)
    const beganMs = clock.monotonicMs()
    const partitions = await verifyRestore({
      storage,
      backupId,
      transforms: registry.transformsById(),
      cluster,
      clientId: CLIENT_ID,
      ...security,
      clock,
      signal,
      plan,
      restoreId: ledger.restoreId,
      onVerified: trackProgress(context, plan.records),
    })
    return resultOf(ledger, partitions, clock.monotonicMs() - beganMs)
  } finally {
    await cluster.close()
  }
}

/** What the restore was asked for, against the backup as it was then. */
function planAgain(storage: StorageBackend, ledger: LedgerState, signal: AbortSignal): Promise<RestorePlan> {
  const request = requestOfDocument(ledger.opened.request)
  return planOfLedger(storage, ledger, restoreSelectorOf(request), signal)
}

function trackProgress({ observe }: CommandContext, totalOffsets: number): (records: number) => void {
  let records = 0
  return (more) => {
    records += more
    if (records % PROGRESS_EVERY_RECORDS !== 0) return
    const progress = { records, rawBytes: 0, storedBytes: 0, doneOffsets: records, totalOffsets }
    observe({ type: 'progressed', progress })
  }
}

function resultOf(
  ledger: LedgerState,
  partitions: readonly VerifiedPartition[],
  durationMs: number,
): CommandResult {
  const records = partitions.reduce((sum, entry) => sum + entry.records, 0)
  return {
    document: {
      kind: 'verification_report',
      version: 1,
      backup_id: ledger.opened.backupId,
      restore_id: ledger.restoreId,
      cluster_id: ledger.opened.clusterId,
      outcome: 'complete',
      records,
      duration_ms: Math.round(durationMs),
      partitions: partitions.map(({ topic, partition, records: own, sha256 }) => {
        return { topic, partition, records: own, sha256 }
      }),
    },
    text: `Complete    ${plural(records, 'record')} of restore ${ledger.restoreId} are in the target as they are in the archive · ${formatDuration(durationMs)}`,
    exitCode: 0,
  }
}

/** An unfinished restore can be named, but is not chosen by itself: what it lacks is no difference. */
async function chosenLedger(
  storage: StorageBackend,
  backupId: string,
  clusterId: string,
  { wanted, signal }: { readonly wanted: unknown; readonly signal: AbortSignal },
): Promise<LedgerState> {
  const byAge = await readLedgers(storage, backupId, signal)
  const fitting = byAge
    .filter(({ opened }) => opened.clusterId === clusterId)
    .filter(({ restoreId, finished }) => (wanted === undefined ? finished !== null : restoreId === wanted))
  const ledger = fitting.at(-1)
  if (ledger) return ledger
  const what = wanted === undefined ? 'has no finished restore' : `knows no restore ${String(wanted)}`
  throw new KafkaBackupError('KB_RESTORE_NOT_FOUND', `backup ${backupId} ${what} into cluster ${clusterId}`)
}
