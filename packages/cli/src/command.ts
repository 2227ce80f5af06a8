import type { Clock, ConfigSources, LoadedConfig, Observer, Random, Registry } from '@kafka-backup/core'
import type { TreeCommand } from './command-tree.ts'

/** What surrounds a command. stdout carries the result only; everything else goes to stderr. */
export interface CommandContext {
  readonly loaded: LoadedConfig
  readonly registry: Registry
  readonly outputFormat: OutputFormat
  readonly clock: Clock
  readonly random: Random
  readonly observe: Observer
  /** Prints a line to stderr, unless the user wants quiet. */
  say(text: string): void
  /** Aborted with KB_INTERRUPTED by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Options of the command that are no settings, by name in camelCase. */
  readonly options: Readonly<Record<string, unknown>>
  /** What stands there without an option, in order. */
  readonly words: readonly string[]
}

/** How results are printed; those of most verbs as a table or as one document. */
export type OutputFormat = 'table' | 'json' | 'yaml' | 'ndjson' | 'raw' | 'hex'

/** Result of a command: what a program reads, what a person reads, and the exit code. One of the two is asked for, once. */
export interface CommandResult {
  readonly document: unknown
  readonly text: string
  readonly exitCode: number
}

/** Of a command that has printed its result on the way. */
export type PrintedResult = Pick<CommandResult, 'exitCode'>

/** An option that is no setting, in commander's notation. */
export interface CommandOption {
  readonly flags: string
  readonly description: string
  /** Given twice, it has both texts, as a list. */
  readonly isRepeatable?: boolean
  /** The texts that it may have, where its notation does not list them. */
  readonly choices?: readonly string[]
}

/** One verb as the command line knows it: all that its help and its flags need, without loading what it does. */
export interface CommandLine {
  /** One word, or two: of a family of verbs, such as `offset-reset plan`. */
  readonly name: string
  /** Not in the list of verbs: a second name for what another one does. */
  readonly isHidden?: boolean
  readonly summary: string
  readonly description: string
  /**
   * Which settings it takes: those of a backup, of a restore, of a source cluster alone, where the repository is, also what `status` looks
   * at, or also a target that is compared.
   */
  readonly verb: 'backup' | 'restore' | 'groups' | 'read' | 'status' | 'compare'
  /** What it is loaded as when it runs with these options, so that settings which it leaves alone keep it from nothing; absent: `verb`. */
  readonly verbWith?: (options: Readonly<Record<string, unknown>>) => CommandLine['verb']
  /** Which of the verb's settings it has flags for, by their paths; absent: all. */
  readonly takes?: (path: string) => boolean
  readonly options: readonly CommandOption[]
  /** What it takes without an option, in commander's notation, such as `[topics...]`; absent: nothing. */
  readonly words?: readonly CommandOption[]
  /** Formats of its result, the first one without being asked; absent: table and json. */
  readonly formats?: readonly OutputFormat[]
  /** Lines that can be pasted. */
  readonly examples: readonly string[]
  /** What it does. It is loaded when it runs: the engine takes far longer to load than a help to print. */
  load(): Promise<Command | SettingsCommand>
  /** Of a {@link SettingsCommand}: wrong settings are what it tells of, and keep it from nothing. */
  readonly isAboutSettings?: boolean
}

/** What a verb does that looks at settings and uses none of them. */
export interface SettingsCommand {
  examine(
    sources: ConfigSources,
    context: Pick<CommandContext, 'registry' | 'options' | 'say'>,
  ): Promise<CommandResult>
}

/** A verb that tells of the program itself, such as `completion`: it has no settings, asks nobody, and prints a text. */
export interface ProgramLine
  extends Pick<CommandLine, 'name' | 'isHidden' | 'summary' | 'description' | 'words' | 'examples'> {
  load(): Promise<ProgramText>
}

/** A text that is made from the commands that the program has. */
export interface ProgramText {
  /** `words`: what stands behind the verb. @throws KB_USAGE */
  render(tree: TreeCommand, words: readonly string[]): string
}

/** What a verb does. */
export interface Command {
  run(context: CommandContext): Promise<CommandResult | PrintedResult>
}
