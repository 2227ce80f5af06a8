import type { PreparedRepair, RepairReport } from '@kafka-backup/core'
import { requireBackupId } from '@kafka-backup/core/config'
import { prepareRepair, runRepair } from '@kafka-backup/core/verify'
import { durationMs } from '../amounts.ts'
import { beforeWriting } from '../before-writing.ts'
import type { Command, CommandContext } from '../command.ts'
import { confirmNames, promptOf } from '../confirm.ts'
import { DEFAULT_GRACE } from '../default-grace.ts'
import { openMeteredStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { repairDocument, repairPlanDocument, repairPlanText, repairText } from '../render/repair-text.ts'
import { storageDocument, storageText } from '../render/storage-text.ts'

const DAMAGED = 4

/** What `kafka-backup repair` does. */
export const repairCommand: Command = {
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
