import { isReportIncomplete } from '@kafka-backup/core/offsets'
import type { Command } from '../command.ts'
import { openStorage } from '../open-storage.ts'
import { readKnownGroups } from '../read-offset-report.ts'
import { readToldReport } from '../read-told-report.ts'
import { unfinishedNote } from '../render/offset-map-text.ts'
import { reportCsv, reportDocument, reportText } from '../render/offset-report-text.ts'
import { assertClusterAsked, toldByOf } from '../told-by.ts'

const INCOMPLETE = 3

/** What `kafka-backup offsets report` does. */
export const offsetsReportCommand: Command = {
  async run(context) {
    assertClusterAsked(context, toldByOf(context))
    const storage = openStorage(context)
    try {
      const known = await readKnownGroups(context, storage)
      const told = await readToldReport(context, storage, known)
      const isFinal = !told.shown || unfinishedNote(told.shown.ledger) === null
      return {
        // Of many groups each of them is large.
        get document() {
          return reportDocument(known, told)
        },
        get text() {
          return context.options.csv === true ? reportCsv(told.report) : reportText(known, told)
        },
        exitCode: isReportIncomplete(told.report) || !isFinal ? INCOMPLETE : 0,
      }
    } finally {
      await storage.close()
    }
  },
}
