import type { ResetPlan, StorageBackend } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { planReset } from '@kafka-backup/core/offsets'
import type { CommandContext } from './command.ts'
import { type KnownGroups, readKnownGroups } from './read-offset-report.ts'
import { readToldReport, type ToldReport } from './read-told-report.ts'
import { unfinishedNote } from './render/offset-map-text.ts'
import { strategyOf } from './reset-strategy.ts'
import type { ShownRestore } from './restored-places.ts'
import { toldByOf } from './told-by.ts'

/** A plan, and what it was made from. */
export interface KnownPlan {
  readonly known: KnownGroups
  /** null: topics have their own names. */
  readonly shown: ShownRestore | null
  /** null: topics have their own names. */
  readonly told: ToldReport | null
  readonly plan: ResetPlan
}

/** @throws KB_USAGE, KB_BACKUP_NOT_FOUND, KB_RESTORE_NOT_FOUND, KB_TOPIC_NOT_FOUND, KB_CLUSTER_* */
export async function readResetPlan(context: CommandContext, storage: StorageBackend): Promise<KnownPlan> {
  const strategy = strategyOf(context)
  const toldBy = toldByOf(context)
  if (toldBy !== 'map' && strategy.kind !== 'from_mapping') {
    throw new KafkaBackupError(
      'KB_USAGE',
      '--by-header and --by-timestamp say where from-mapping finds records; the other strategies do not look for any',
    )
  }
  const known = await readKnownGroups(context, storage)
  const isByMap = strategy.kind === 'from_mapping' || (strategy.kind !== 'as_of' && known.shown)
  if (!isByMap) return { known, shown: null, told: null, plan: planReset(known.groups, null, strategy) }
  const told = await readToldReport(context, storage, known)
  return { known, shown: told.shown, told, plan: planReset(known.groups, told.report, strategy) }
}

/** There is nothing that could be set. */
const NOTHING_TO_SET: ReadonlySet<string> = new Set(['not_restored', 'no_offsets', 'share_group'])

/** True when something is left as it is that was to be set, or when what it rests on is not final. */
export function isPlanIncomplete({ plan, shown }: KnownPlan): boolean {
  if (shown && unfinishedNote(shown.ledger) !== null) return true
  return plan.left.some(({ reason }) => !NOTHING_TO_SET.has(reason))
}
