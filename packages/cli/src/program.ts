import { type Setting, settingFlags } from '@kafka-backup/core'
import { Command as CommanderCommand, Option } from 'commander'
import type { Command } from './command.ts'
import { VERSION } from './program-name.ts'

/** A command line after parsing: the verb, its settings given as flags, and its own options. */
export interface ParsedCommand {
  readonly command: Command
  readonly flags: ReadonlyMap<Setting, string | boolean>
  readonly options: Readonly<Record<string, unknown>>
  readonly configFile: string | undefined
  readonly outputFormat: string
  readonly isQuiet: boolean
}

const EXIT_CODES_HELP = `
Exit codes: 0 complete, 1 failed, 2 usage or configuration, 3 incomplete, 4 damaged, 5 conflict,
6 cluster unreachable, 7 storage, 8 permission, 70 defect of this program, 130 interrupted.`

/** The program with all verbs; `onParsed` gets the verb that was chosen. Errors of usage are printed by commander. */
export function buildProgram(
  commands: readonly Command[],
  onParsed: (parsed: ParsedCommand) => void,
): CommanderCommand {
  const program = new CommanderCommand('kafka-backup')
    .description('Backup and restore for Apache Kafka: verifiable, byte for byte.')
    .version(VERSION, '-V, --version')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES_HELP)
  for (const command of commands) addCommand(program, command, onParsed)
  return program
}

function addCommand(
  program: CommanderCommand,
  command: Command,
  onParsed: (parsed: ParsedCommand) => void,
): void {
  const flags = settingFlags(command.verb)
  const verb = program
    .command(command.name)
    .summary(command.summary)
    .description(command.description)
    .exitOverride()
    .allowExcessArguments(false)
    .option('-c, --config <file>', 'YAML file with settings; flags win over it')
    .option('--output-format <format>', 'table or json; stdout carries only the result', 'table')
    .option('-q, --quiet', 'no progress, no warnings: only the result and errors')
  for (const option of command.options) verb.option(option.flags, option.description)
  const attributes = new Map<string, Setting>()
  for (const [flag, setting] of flags) {
    const option = settingOption(flag, setting)
    attributes.set(option.attributeName(), setting)
    verb.addOption(option)
  }
  verb.addHelpText('after', examplesHelp(command))
  verb.action((options: Record<string, unknown>) => {
    const given = [...attributes].flatMap(([name, setting]) => {
      const value = options[name]
      return typeof value === 'string' || typeof value === 'boolean' ? [[setting, value] as const] : []
    })
    onParsed({
      command,
      flags: new Map(given),
      options,
      configFile: options.config as string | undefined,
      outputFormat: options.outputFormat as string,
      isQuiet: options.quiet === true,
    })
  })
}

function settingOption(flag: string, setting: Setting): Option {
  const isBoolean = setting.type.kind === 'boolean'
  const value = isBoolean ? ' [boolean]' : ` <${placeholder(setting)}>`
  const option = new Option(flag + value, setting.description)
  if (setting.status.kind !== 'effective') option.hideHelp()
  return option
}

function placeholder(setting: Setting): string {
  if (setting.type.kind === 'choice') return setting.type.choices.join('|')
  if (setting.type.kind === 'list') return 'a,b'
  if (setting.type.kind === 'pairs') return 'old=new,…'
  if (setting.unit !== undefined) return setting.unit
  return setting.type.kind === 'integer' ? 'number' : 'text'
}

function examplesHelp(command: Command): string {
  return `\nExamples:\n${command.examples.map((example) => `  ${example}`).join('\n')}\n${EXIT_CODES_HELP}`
}
