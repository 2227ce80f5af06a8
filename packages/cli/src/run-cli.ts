import type { Registry } from '@kafka-backup/core'
import { CommanderError } from 'commander'
import { saying } from './before-writing.ts'
import type { CommandLine } from './command.ts'
import { printError } from './print-error.ts'
import { buildProgram, type FlagsOf, type ParsedCommand } from './program.ts'
import { NOTHING_STARTED, usageError, wantedFormat } from './usage-error.ts'

const USAGE_ERROR = 2

/**
 * Parses the arguments, runs the verb, prints its result. Returns the exit code; never throws. `openRegistry` is called for a
 * verb that runs.
 */
export async function runCli(
  openRegistry: () => Promise<Registry>,
  lines: readonly CommandLine[],
  args: readonly string[],
): Promise<number> {
  let parsed: ParsedCommand | undefined
  try {
    const program = buildProgram(lines, await flagsOfNamed(lines, args), (chosen) => {
      parsed = chosen
    })
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) return printError(error, wantedFormat(args))
    if (error.exitCode === 0) return 0
    // Without a verb commander has printed the help already.
    if (error.code === 'commander.help') return USAGE_ERROR
    const verbs = lines.map((line) => line.name)
    return printError(saying(usageError(error, args, verbs), NOTHING_STARTED), wantedFormat(args))
  }
  if (!parsed) return 0
  // Loaded only now: whoever asks for help, or mistypes, does not wait for the engine.
  const { runCommand } = await import('./run-command.ts')
  return runCommand(openRegistry, parsed)
}

/** The settings of all verbs take longer to load than the help of the program to print, which names none of them. */
async function flagsOfNamed(lines: readonly CommandLine[], args: readonly string[]): Promise<FlagsOf> {
  const named = new Set(lines.filter(({ name }) => name.split(' ').every((word) => args.includes(word))))
  if (named.size === 0) return () => new Map()
  const { settingFlags } = await import('@kafka-backup/core/settings')
  return (line) => (named.has(line) ? settingFlags(line.verb) : new Map())
}
