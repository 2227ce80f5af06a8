import type { Setting } from '@kafka-backup/core'
import { Command as CommanderCommand, Option } from 'commander'
import type { CommandLine, OutputFormat, ProgramLine } from './command.ts'
import { exitCodesHelp } from './exit-meanings.ts'
import { HELP_LAYOUT } from './help-layout.ts'
import { VERSION } from './program-name.ts'
import { appended, PLACES, settingOption } from './setting-option.ts'

/** A verb that tells of the program, after parsing. */
export interface ParsedProgramLine {
  readonly programLine: ProgramLine
  readonly words: readonly string[]
}

/** A command line after parsing: the verb, its settings given as flags, and its own options. */
export interface ParsedCommand {
  readonly line: CommandLine
  readonly flags: ReadonlyMap<Setting, string | boolean | readonly string[]>
  readonly options: Readonly<Record<string, unknown>>
  /** What stood there without an option, in order. */
  readonly words: readonly string[]
  readonly configFile: string | undefined
  readonly outputFormat: string
  readonly isQuiet: boolean
}

const HELP_COLUMNS_MAX = 100
const GENERAL = 'General options:'

/** The settings that a verb has flags for, by the flag. */
export type FlagsOf = (line: CommandLine) => ReadonlyMap<string, Setting>

/** The program with all verbs; `onParsed` gets the verb that was chosen. Errors of usage are thrown, not printed. */
export function buildProgram(
  lines: readonly (CommandLine | ProgramLine)[],
  flagsOf: FlagsOf,
  onParsed: (parsed: ParsedCommand | ParsedProgramLine) => void,
): CommanderCommand {
  const program = new CommanderCommand('kafka-backup')
    .description('Backup and restore for Apache Kafka: verifiable, byte for byte.')
    .configureOutput({
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(process.stdout.columns ?? 80, HELP_COLUMNS_MAX),
      getErrHelpWidth: () => Math.min(process.stderr.columns ?? 80, HELP_COLUMNS_MAX),
    })
    .configureHelp(HELP_LAYOUT)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'Show the help of a command')
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', exitCodesHelp())
  for (const line of lines) {
    if ('verb' in line) addCommand(program, line, flagsOf(line), onParsed)
    else addProgramLine(program, line, onParsed)
  }
  return program
}

function addProgramLine(
  program: CommanderCommand,
  programLine: ProgramLine,
  onParsed: (parsed: ParsedProgramLine) => void,
): void {
  const verb = addVerb(program, programLine)
  verb.action(() => onParsed({ programLine, words: verb.args }))
}

function addCommand(
  program: CommanderCommand,
  line: CommandLine,
  flags: ReadonlyMap<string, Setting>,
  onParsed: (parsed: ParsedCommand) => void,
): void {
  const verb = addVerb(program, line)
  const attributes = new Map<string, Setting>()
  for (const [flag, setting] of flags) {
    if (line.takes?.(setting.path) === false) continue
    const option = settingOption(flag, setting)
    attributes.set(option.attributeName(), setting)
    verb.addOption(option)
  }
  for (const { flags: notation, description, isRepeatable, choices } of line.options) {
    const option = new Option(notation, description).helpGroup(PLACES)
    if (choices) option.argChoices = [...choices]
    verb.addOption(isRepeatable === true ? option.argParser(appended) : option)
  }
  for (const option of generalOptions(formatsOf(line))) verb.addOption(option)
  verb.action(() => {
    const options: Record<string, unknown> = verb.opts()
    const given = [...attributes].flatMap(([name, setting]) => {
      const value = options[name]
      return typeof value === 'string' || typeof value === 'boolean' || Array.isArray(value)
        ? [[setting, value as string | boolean | readonly string[]] as const]
        : []
    })
    onParsed({
      line,
      flags: new Map(given),
      options,
      words: verb.args,
      configFile: options.config as string | undefined,
      outputFormat: options.outputFormat as string,
      isQuiet: options.quiet === true,
    })
  })
}

/** What every verb has: its place below a family, its help, and the words behind it. */
function addVerb(program: CommanderCommand, line: CommandLine | ProgramLine): CommanderCommand {
  const names = line.name.split(' ')
  const name = names.pop() ?? ''
  const verb = names
    .reduce(familyOf, program)
    .command(name, { hidden: line.isHidden === true })
    .summary(line.summary)
    .description(line.description)
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(GENERAL))
    .exitOverride()
    .allowExcessArguments(false)
    .addHelpText('after', examplesHelp(line))
  for (const { flags: notation, description } of line.words ?? []) verb.argument(notation, description)
  return verb
}

const FAMILIES: Readonly<Record<string, string>> = {
  config: 'Check settings, and show where each of them comes from',
  check: 'Say everything that is wrong with the settings of a verb',
  explain: 'Show the settings that a verb would work with',
  cluster: 'Write down how to set up a cluster as a backup knows its source',
  offsets: 'Say where consumer groups go on after a restore',
  'offset-reset': 'Plan what consumer groups are to be set to, and write a script that sets it',
}

/** The command above verbs of two words; it only shows its help. */
function familyOf(program: CommanderCommand, name: string): CommanderCommand {
  const known = program.commands.find((command) => command.name() === name)
  if (known) return known
  return program
    .command(name)
    .description(FAMILIES[name] ?? '')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
}

/** The formats that a verb prints, the first one by itself. */
export function formatsOf({ formats }: CommandLine): readonly OutputFormat[] {
  return formats ?? ['table', 'json', 'yaml']
}

function generalOptions(formats: readonly OutputFormat[]): Option[] {
  return [
    new Option('-c, --config <file>', 'YAML file with settings; a flag wins over it').helpGroup(GENERAL),
    new Option(`--output-format <${formats.join('|')}>`, 'how the result on stdout looks')
      .default(formats[0])
      .helpGroup(GENERAL),
    new Option('-q, --quiet', 'no progress and no warnings: only the result and errors').helpGroup(GENERAL),
  ]
}

function examplesHelp(line: CommandLine | ProgramLine): string {
  return `\nExamples:\n${line.examples.map((example) => `  ${example}`).join('\n')}\n${exitCodesHelp()}`
}
