import { isReportIncomplete } from '@kafka-backup/core/offsets'
import { requiredRestore } from '../chosen-restore.ts'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { readKnownGroups } from '../read-offset-report.ts'
import { unfinishedNote } from '../render/offset-map-text.ts'
import { reportCsv, reportDocument, reportText } from '../render/offset-report-text.ts'

const INCOMPLETE = 3

/** What `kafka-backup offsets report` does. */
export const offsetsReportCommand: Command = {
  async run(context) {
    const storage = openStorage(context)
    try {
      const known = await readKnownGroups(context, storage)
      const shown = requiredRestore(known.shown, known.backupId)
      const report = await known.report(shown)
      return {
        document: reportDocument(known, shown, report),
        text: context.options.csv === true ? reportCsv(report) : reportText(known, shown, report),
        exitCode: isReportIncomplete(report) || unfinishedNote(shown.ledger) !== null ? INCOMPLETE : 0,
      }
    } finally {
      await storage.close()
    }
  },
}
