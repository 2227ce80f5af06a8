import { openParts, Registry } from '@kafka-backup/core'
import { tolerateClosedOutput } from './closed-output.ts'
import { backupCommand } from './commands/backup.ts'
import { compactCommand } from './commands/compact.ts'
import { describeCommand } from './commands/describe.ts'
import { listCommand } from './commands/list.ts'
import { offsetMapCommand } from './commands/offset-map.ts'
import { probeCommand } from './commands/probe.ts'
import { pruneCommand } from './commands/prune.ts'
import { repairCommand } from './commands/repair.ts'
import { restoreCommand } from './commands/restore.ts'
import { statusCommand } from './commands/status.ts'
import { validateCommand } from './commands/validate.ts'
import { verifyCommand } from './commands/verify.ts'
import { runCli } from './run-cli.ts'

/** Composition root: the parts and verbs of this program. */
export async function main(): Promise<void> {
  tolerateClosedOutput()
  const registry = new Registry().use(openParts).freeze()
  const commands = [
    backupCommand,
    restoreCommand,
    listCommand,
    describeCommand,
    statusCommand,
    validateCommand,
    offsetMapCommand,
    verifyCommand,
    pruneCommand,
    compactCommand,
    repairCommand,
    probeCommand,
  ]
  const exitCode = await runCli(registry, commands, process.argv.slice(2))
  // A result that could not be printed has set it already.
  process.exitCode = process.exitCode || exitCode
}
