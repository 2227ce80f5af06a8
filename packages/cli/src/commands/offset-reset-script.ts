import { writeFile } from 'node:fs/promises'
import { requireCluster } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { Command, CommandContext } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { PROGRAM } from '../program-name.ts'
import { isPlanIncomplete, type KnownPlan, readResetPlan } from '../read-reset-plan.ts'
import { groupsAsOf } from '../render/offset-report-text.ts'
import { leftTexts, planDocument, strategyText } from '../render/reset-plan-text.ts'
import { renderResetScript } from '../render/reset-script.ts'
import { plural } from '../render/units.ts'

const INCOMPLETE = 3
const EXECUTABLE = 0o755

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
      if (file !== undefined) await writeNew(file, script)
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

function originOf({ known, shown, plan }: KnownPlan): string[] {
  const restore = shown
    ? [`Restore ${shown.ledger.restoreId} into cluster ${shown.ledger.opened.clusterId}`]
    : []
  return [
    `Written by ${PROGRAM} from backup ${known.backupId}`,
    groupsAsOf(known),
    ...restore,
    strategyText(plan.strategy),
  ]
}

/** @throws KB_USAGE when there is such a file, or it cannot be created */
async function writeNew(file: string, script: string): Promise<void> {
  try {
    await writeFile(file, script, { flag: 'wx', mode: EXECUTABLE })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'it exists' : code
    throw new KafkaBackupError('KB_USAGE', `the script cannot be written to ${file}: ${why}`, {
      hint: 'Name a new file in a folder that is there, or leave --output out for stdout.',
      cause,
    })
  }
}

function writtenText(file: string, { plan }: KnownPlan, isExecuting: boolean): string {
  const does = isExecuting ? 'sets' : 'tries to set, without changing anything,'
  const head = `Written to ${file}: it ${does} offsets of ${plural(plan.groups.length, 'consumer group')}`
  return [head, ...leftTexts(plan.left)].join('\n')
}

function sayLeft(context: CommandContext, { plan }: KnownPlan): void {
  for (const line of leftTexts(plan.left).filter((text) => text !== '')) context.say(line)
}
