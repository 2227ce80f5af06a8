import type { PartitionReading } from '@kafka-backup/core'
import { countRecords, isWanted } from '@kafka-backup/core/read'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { chosenRecords } from '../record-choice.ts'
import { type PartitionCount, recordCountDocument, recordCountText } from '../render/record-count-text.ts'

const INCOMPLETE = 3

/** What `kafka-backup count` does. */
export const countCommand: Command = {
  async run(context) {
    const { registry, signal, words } = context
    const storage = openStorage(context)
    try {
      const { state, readings, window } = await chosenRecords(context, storage, words)
      const source = { storage, backupId: state.backupId, transforms: registry.transformsById(), signal }
      const counts: PartitionCount[] = []
      for (const reading of readings) {
        counts.push({ reading, records: await countRecords(source, reading, window) })
      }
      const shown = { backupId: state.backupId, commit: state.tip?.number ?? 0n, counts }
      return {
        document: recordCountDocument(shown),
        text: recordCountText(shown),
        exitCode: readings.some(isIncomplete) ? INCOMPLETE : 0,
      }
    } finally {
      await storage.close()
    }
  },
}

function isIncomplete({ lacks }: PartitionReading): boolean {
  return lacks.some(isWanted)
}
