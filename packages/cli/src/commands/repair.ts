import {
  type PreparedRepair,
  prepareRepair,
  type RepairReport,
  requireBackupId,
  runRepair,
} from '@kafka-backup/core'
import { durationMs } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import type { Command, CommandContext } from '../command.ts'
import { confirmNames, promptOf } from '../confirm.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { repairDocument, repairPlanDocument, repairPlanText, repairText } from '../render/repair-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const DEFAULT_GRACE = '24h'
const DAMAGED = 4

/** `kafka-backup repair` */
export const repairCommand: Command = {
  name: 'repair',
  summary: 'Rebuild what is derived from the commits, and say what a lost commit takes with it',
  description:
    'Reads every commit, writes snapshots and manifest.json again where they are missing or damaged, and lists objects that no commit names. It never writes over a commit: of one that is damaged or lost it says which partitions and offsets it concerns, and what can still be restored. Exit code 4: a commit is damaged or lost. Exit code 8: the store refused something.',
  verb: 'read',
  options: [
    {
      flags: '--remove-orphans',
      description: 'Remove what no commit names and is older than the grace',
    },
    {
      flags: '--grace <duration>',
      description: `Age from which an orphan is taken for left behind (default: ${DEFAULT_GRACE}); a run names what it writes within minutes`,
    },
    { flags: '--dry-run', description: 'Print the plan, change nothing' },
    { flags: '--yes', description: 'Do not ask' },
  ],
  examples: [
    'kafka-backup repair --repo file:///var/backups --backup-id daily --dry-run',
    'kafka-backup repair --repo file:///var/backups --backup-id daily \\',
    '    --remove-orphans --yes',
  ],
  async run(context) {
    const { options, loaded, random, clock, signal } = context
    const graceMs = durationMs('--grace', typeof options.grace === 'string' ? options.grace : DEFAULT_GRACE)
    const isRemovingOrphans = options.removeOrphans === true
    const backupId = requireBackupId(loaded.config)
    const { storage, usage } = await beforeWriting(async () => openMeteredStorage(context))
    try {
      const prepared = await beforeWriting(() => prepareRepair({ storage, backupId, signal }))
      const damaged = prepared.plan.lost.length > 0 ? DAMAGED : 0
      if (options.dryRun === true) {
        const document = repairPlanDocument(prepared.plan, clock.nowMs())
        return { document, text: repairPlanText(prepared.plan, clock.nowMs()), exitCode: damaged }
      }
      if (isRemovingOrphans) await beforeWriting(() => confirm(context, prepared))
      const place = { storage, backupId, program: PROGRAM, random, clock, signal }
      const report = await runRepair(place, prepared, { isRemovingOrphans, graceMs })
      return {
        document: { ...repairDocument(report, clock.nowMs()), storage: storageDocument(usage()) },
        text: [repairText(report, clock.nowMs()), storageText(usage())].join('\n'),
        exitCode: damaged || exitCodeOf(report),
      }
    } finally {
      await storage.close()
    }
  },
}

function exitCodeOf({ refused }: RepairReport): number {
  return refused[0]?.error.exitCode ?? 0
}

async function confirm(context: CommandContext, { plan }: PreparedRepair): Promise<void> {
  if (plan.orphans.length === 0) return
  context.say(repairPlanText(plan, context.clock.nowMs()))
  await confirmNames(
    `Objects that no commit of backup ${plan.backupId} names will be gone for good`,
    [plan.backupId],
    promptOf(context),
  )
}
