import type { OffsetReport, ResetPlan, StorageBackend } from '@kafka-backup/core'
import { planReset } from '@kafka-backup/core/offsets'
import { requiredRestore } from './chosen-restore.ts'
import type { CommandContext } from './command.ts'
import { type KnownGroups, readKnownGroups } from './read-offset-report.ts'
import { unfinishedNote } from './render/offset-map-text.ts'
import { strategyOf } from './reset-strategy.ts'
import type { ShownRestore } from './restored-places.ts'

/** A plan, and what it was made from. */
export interface KnownPlan {
  readonly known: KnownGroups
  /** null: topics have their own names. */
  readonly shown: ShownRestore | null
  readonly report: OffsetReport | null
  readonly plan: ResetPlan
}

/** @throws KB_USAGE, KB_BACKUP_NOT_FOUND, KB_RESTORE_NOT_FOUND */
export async function readResetPlan(context: CommandContext, storage: StorageBackend): Promise<KnownPlan> {
  const strategy = strategyOf(context)
  const known = await readKnownGroups(context, storage)
  const shown =
    strategy.kind === 'from_mapping' ? requiredRestore(known.shown, known.backupId) : (known.shown ?? null)
  if (strategy.kind === 'as_of' || !shown) {
    return { known, shown: null, report: null, plan: planReset(known.groups, null, strategy) }
  }
  const report = await known.report(shown)
  return { known, shown, report, plan: planReset(known.groups, report, strategy) }
}

/** There is nothing that could be set. */
const NOTHING_TO_SET: ReadonlySet<string> = new Set(['not_restored', 'no_offsets', 'share_group'])

/** True when something is left as it is that was to be set, or when what it rests on is not final. */
export function isPlanIncomplete({ plan, shown }: KnownPlan): boolean {
  if (shown && unfinishedNote(shown.ledger) !== null) return true
  return plan.left.some(({ reason }) => !NOTHING_TO_SET.has(reason))
}
