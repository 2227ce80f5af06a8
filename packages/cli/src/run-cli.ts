import type { Registry } from '@kafka-backup/core'
import { CommanderError } from 'commander'
import { saying } from './before-writing.ts'
import type { CommandLine, ProgramLine } from './command.ts'
import { commandTree } from './command-tree.ts'
import { printError } from './print-error.ts'
import { buildProgram, type FlagsOf, type ParsedCommand, type ParsedProgramLine } from './program.ts'
import { NOTHING_STARTED, usageError, wantedFormat } from './usage-error.ts'

const USAGE_ERROR = 2

/**
 * Parses the arguments, runs the verb, prints its result. Returns the exit code; never throws. `openRegistry` is called for a
 * verb that runs.
 */
export async function runCli(
  openRegistry: () => Promise<Registry>,
  lines: readonly (CommandLine | ProgramLine)[],
  args: readonly string[],
): Promise<number> {
  let parsed: ParsedCommand | ParsedProgramLine | undefined
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
  if ('programLine' in parsed) return await tell(parsed, lines)
  // Loaded only now: whoever asks for help, or mistypes, does not wait for the engine.
  const { runCommand } = await import('./run-command.ts')
  return runCommand(openRegistry, parsed)
}

/** Prints what is made from all commands with all of their flags. */
async function tell(
  { programLine, words }: ParsedProgramLine,
  lines: readonly (CommandLine | ProgramLine)[],
): Promise<number> {
  try {
    const { settingFlags } = await import('@kafka-backup/core/settings')
    const program = buildProgram(
      lines,
      ({ verb }) => settingFlags(verb),
      () => undefined,
    )
    const text = await programLine.load()
    process.stdout.write(text.render(commandTree(program), words))
    return 0
  } catch (error) {
    return printError(saying(error, NOTHING_STARTED), 'table')
  }
}

/** The settings of all verbs take longer to load than the help of the program to print, which names none of them. */
async function flagsOfNamed(
  lines: readonly (CommandLine | ProgramLine)[],
  args: readonly string[],
): Promise<FlagsOf> {
  const named = new Set(
    lines
      .filter((line) => 'verb' in line)
      .filter(({ name }) => name.split(' ').every((word) => args.includes(word))),
  )
  if (named.size === 0) return () => new Map()
  const { settingFlags } = await import('@kafka-backup/core/settings')
  return (line) => (named.has(line) ? settingFlags(line.verb) : new Map())
}
