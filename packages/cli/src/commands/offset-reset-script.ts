import { requireCluster } from '@kafka-backup/core/config'
import type { Command, CommandContext } from '../command.ts'
import { writeNewScript } from '../new-script.ts'
import { openStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { isPlanIncomplete, type KnownPlan, readResetPlan } from '../read-reset-plan.ts'
import { carriedText, groupsAsOf } from '../render/offset-report-text.ts'
import { leftTexts, planDocument, strategyText } from '../render/reset-plan-text.ts'
import { renderResetScript } from '../render/reset-script.ts'
import { plural } from '../render/units.ts'

const INCOMPLETE = 3

/** What `kafka-backup offset-reset script` does. */
export const offsetResetScriptCommand: Command = {
  async run(context) {
    const storage = openStorage(context)
    try {
      const { bootstrapServers } = requireCluster(context.loaded.config, 'target')
      const isExecuting = context.options.execute === true
      const known = await readResetPlan(context, storage)
      const script = renderResetScript(known.plan, { bootstrapServers, isExecuting, origin: originOf(known) })
      const file = context.options.output as string | undefined
      if (file !== undefined) await writeNewScript(file, script)
      const exitCode = isPlanIncomplete(known) ? INCOMPLETE : 0
      const document = {
        ...planDocument(known),
        kind: 'offset_reset_script',
        executes: isExecuting,
        file: file ?? null,
      }
      if (file !== undefined) return { document, text: writtenText(file, known, isExecuting), exitCode }
      sayLeft(context, known)
      // The end of the line comes with whoever prints it.
      return { document: { ...document, script }, text: script.trimEnd(), exitCode }
    } finally {
      await storage.close()
    }
  },
}

function originOf({ known, shown, told, plan }: KnownPlan): string[] {
  const restore = shown
    ? [`Restore ${shown.ledger.restoreId} into cluster ${shown.ledger.opened.clusterId}`]
    : []
  const by =
    told && told.toldBy !== 'map' ? [`By ${told.toldBy} of records in cluster ${told.clusterId}`] : []
  return [
    `Written by ${PROGRAM} from backup ${known.backupId}`,
    groupsAsOf(known),
    ...restore,
    ...by,
    strategyText(plan.strategy),
    ...plan.carried.map(carriedText),
  ]
}

function writtenText(file: string, { plan }: KnownPlan, isExecuting: boolean): string {
  const does = isExecuting ? 'sets' : 'tries to set, without changing anything,'
  const head = `Written to ${file}: it ${does} offsets of ${plural(plan.groups.length, 'consumer group')}`
  return [head, ...plan.carried.map(carriedText), ...leftTexts(plan.left)].join('\n')
}

function sayLeft(context: CommandContext, { plan }: KnownPlan): void {
  const lines = [...plan.carried.map(carriedText), ...leftTexts(plan.left)]
  for (const line of lines.filter((text) => text !== '')) context.say(line)
}
