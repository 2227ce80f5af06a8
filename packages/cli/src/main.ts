import type { Registry } from '@kafka-backup/core'
import { tolerateClosedOutput } from './closed-output.ts'
import { backupLine } from './command-lines/backup.ts'
import { catLine } from './command-lines/cat.ts'
import { clusterPlanLine } from './command-lines/cluster-plan.ts'
import { compactLine } from './command-lines/compact.ts'
import { completionLine } from './command-lines/completion.ts'
import { configLines } from './command-lines/config.ts'
import { countLine } from './command-lines/count.ts'
import { describeLine } from './command-lines/describe.ts'
import { diffLine } from './command-lines/diff.ts'
import { grepLine } from './command-lines/grep.ts'
import { listLine } from './command-lines/list.ts'
import { manLine } from './command-lines/man.ts'
import { offsetMapLine } from './command-lines/offset-map.ts'
import { offsetResetPlanLine } from './command-lines/offset-reset-plan.ts'
import { offsetResetScriptLine } from './command-lines/offset-reset-script.ts'
import { offsetsReportLine, showOffsetMappingLine } from './command-lines/offsets-report.ts'
import { probeLine } from './command-lines/probe.ts'
import { pruneLine } from './command-lines/prune.ts'
import { repairLine } from './command-lines/repair.ts'
import { restoreLine } from './command-lines/restore.ts'
import { snapshotGroupsLine } from './command-lines/snapshot-groups.ts'
import { statusLine } from './command-lines/status.ts'
import { validateLine } from './command-lines/validate.ts'
import { verifyLine } from './command-lines/verify.ts'
import { runCli } from './run-cli.ts'

/** Composition root: the parts and verbs of this program. */
export async function main(): Promise<void> {
  tolerateClosedOutput()
  const lines = [
    backupLine,
    restoreLine,
    listLine,
    describeLine,
    statusLine,
    validateLine,
    catLine,
    grepLine,
    countLine,
    offsetMapLine,
    snapshotGroupsLine,
    offsetsReportLine,
    showOffsetMappingLine,
    offsetResetPlanLine,
    offsetResetScriptLine,
    verifyLine,
    diffLine,
    clusterPlanLine,
    pruneLine,
    compactLine,
    repairLine,
    probeLine,
    ...configLines,
    completionLine,
    manLine,
  ]
  const exitCode = await runCli(openRegistry, lines, process.argv.slice(2))
  // A result that could not be printed has set it already.
  process.exitCode = process.exitCode || exitCode
}

/** The stores and transforms are loaded for a verb that runs, not for a help. */
async function openRegistry(): Promise<Registry> {
  const { openParts, Registry } = await import('@kafka-backup/core/plugin')
  return new Registry().use(openParts).freeze()
}
