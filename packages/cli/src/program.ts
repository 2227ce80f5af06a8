import type { Setting } from '@kafka-backup/core'
import { Command as CommanderCommand, Option } from 'commander'
import type { CommandLine, OutputFormat } from './command.ts'
import { HELP_LAYOUT } from './help-layout.ts'
import { VERSION } from './program-name.ts'

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

const EXIT_CODES_HELP = `
Exit codes:
  0  complete                   5  conflict
  1  failed                     6  cluster unreachable
  2  usage or configuration     7  storage unreachable, full or unsuitable
  3  incomplete                 8  permission
  4  damaged                   70  defect of this program
                              130  interrupted`

const HELP_COLUMNS_MAX = 100
const GENERAL = 'General options:'
const PLACES = 'What and where:'
const CONNECTION = 'Connections:'
const TUNING = 'Fine tuning:'
const PLACE_FLAGS = new Set([
  'backup-id',
  'repo',
  'path',
  'prefix',
  'bootstrap-servers',
  'topics',
  'exclude-topics',
  'topic-mapping',
  'internal-topics',
  'include-internal-topics',
  'partitions',
  'as-of-commit',
  'from',
  'to',
  'offsets',
  'source-partitions',
  'partition-mapping',
  'repartition',
  'allow-many-to-one',
  'existing-topics',
  'resume',
  'verify',
  'dry-run',
])

/** The settings that a verb has flags for, by the flag. */
export type FlagsOf = (line: CommandLine) => ReadonlyMap<string, Setting>

/** The program with all verbs; `onParsed` gets the verb that was chosen. Errors of usage are thrown, not printed. */
export function buildProgram(
  lines: readonly CommandLine[],
  flagsOf: FlagsOf,
  onParsed: (parsed: ParsedCommand) => void,
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
    .addHelpText('after', EXIT_CODES_HELP)
  for (const line of lines) addCommand(program, line, flagsOf(line), onParsed)
  return program
}

function addCommand(
  program: CommanderCommand,
  line: CommandLine,
  flags: ReadonlyMap<string, Setting>,
  onParsed: (parsed: ParsedCommand) => void,
): void {
  const [family, name] = line.name.includes(' ') ? line.name.split(' ') : [undefined, line.name]
  const verb = (family === undefined ? program : familyOf(program, family))
    .command(name as string, { hidden: line.isHidden === true })
    .summary(line.summary)
    .description(line.description)
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(GENERAL))
    .exitOverride()
    .allowExcessArguments(false)
  const attributes = new Map<string, Setting>()
  for (const [flag, setting] of flags) {
    if (line.takes?.(setting.path) === false) continue
    const option = settingOption(flag, setting)
    attributes.set(option.attributeName(), setting)
    verb.addOption(option)
  }
  for (const { flags: notation, description, isRepeatable } of line.options) {
    const option = new Option(notation, description).helpGroup(PLACES)
    verb.addOption(isRepeatable === true ? option.argParser(appended) : option)
  }
  for (const { flags: notation, description } of line.words ?? []) verb.argument(notation, description)
  for (const option of generalOptions(formatsOf(line))) verb.addOption(option)
  verb.addHelpText('after', examplesHelp(line))
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

const FAMILIES: Readonly<Record<string, string>> = {
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

function settingOption(flag: string, setting: Setting): Option {
  const isBoolean = setting.type.kind === 'boolean'
  const value = isBoolean ? ' [true|false]' : ` <${placeholder(setting)}>`
  const option = new Option(flag + value, helpText(setting))
  option.helpGroup(groupOf(option.name(), setting))
  // Given twice, a list has the items of both; nothing of what somebody asked for may be lost.
  if (isRepeatable(setting)) option.argParser(appended)
  if (setting.status.kind !== 'effective') option.hideHelp()
  return option
}

function appended(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

function isRepeatable({ type }: Setting): boolean {
  return type.kind === 'list' || type.kind === 'pairs' || type.kind === 'sections'
}

function groupOf(flag: string, { path }: Setting): string {
  if (PLACE_FLAGS.has(flag)) return PLACES
  return /^(source|target)\./.test(path) ? CONNECTION : TUNING
}

/** The description of the reference, without its markup, and the default where there is one worth telling. */
function helpText(setting: Setting): string {
  const text = setting.description.replaceAll('`', '')
  const value = setting.default
  const isTold = typeof value === 'string' || typeof value === 'number' || value === true
  return isTold ? `${text} (default: ${value})` : text
}

const UNIT_PLACEHOLDERS = { bytes: 'bytes', milliseconds: 'ms', seconds: 's' } as const

function placeholder(setting: Setting): string {
  if (setting.type.kind === 'choice') {
    const choices = setting.type.choices.join('|')
    return choices.length > 32 ? 'name' : choices
  }
  if (setting.type.kind === 'list') return 'a,b'
  if (setting.type.kind === 'pairs') return 'old=new,…'
  if (setting.type.kind === 'sections') return 'name=value,…'
  if (setting.unit !== undefined) return UNIT_PLACEHOLDERS[setting.unit]
  return setting.type.kind === 'integer' ? 'n' : 'text'
}

function examplesHelp(line: CommandLine): string {
  return `\nExamples:\n${line.examples.map((example) => `  ${example}`).join('\n')}\n${EXIT_CODES_HELP}`
}
