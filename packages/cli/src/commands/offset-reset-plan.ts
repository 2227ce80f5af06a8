import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { isPlanIncomplete, readResetPlan } from '../read-reset-plan.ts'
import { planCsv, planDocument, planText } from '../render/reset-plan-text.ts'
import { assertClusterAsked, toldByOf } from '../told-by.ts'

const INCOMPLETE = 3

/** What `kafka-backup offset-reset plan` does. */
export const offsetResetPlanCommand: Command = {
  async run(context) {
    assertClusterAsked(context, toldByOf(context))
    const storage = openStorage(context)
    try {
      const known = await readResetPlan(context, storage)
      return {
        document: planDocument(known),
        text: context.options.csv === true ? planCsv(known.plan) : planText(known),
        exitCode: isPlanIncomplete(known) ? INCOMPLETE : 0,
      }
    } finally {
      await storage.close()
    }
  },
}
