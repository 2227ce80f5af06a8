import type { Argument, Command as CommanderCommand, Option } from 'commander'

/** A command with everything that its help shows, for texts that are made from all of them. */
export interface TreeCommand {
  readonly name: string
  readonly summary: string
  readonly description: string
  readonly options: readonly TreeOption[]
  readonly words: readonly TreeWord[]
  readonly commands: readonly TreeCommand[]
}

/** An option as people write it. */
export interface TreeOption {
  /** Such as `-c` and `--config`, the short one first. */
  readonly names: readonly string[]
  readonly description: string
  /** Heading that the help has it under; '' for none. */
  readonly group: string
  /** Absent: it takes none. */
  readonly value?: TreeValue
}

/** What an option or a command takes. */
export interface TreeValue {
  /** As in the help, without its brackets. */
  readonly placeholder: string
  readonly isOptional: boolean
  /** All texts that it may be; empty: any text. */
  readonly choices: readonly string[]
  /** Of a path. */
  readonly path: 'file' | 'folder' | undefined
}

/** A word behind a command, without an option. */
export interface TreeWord extends TreeValue {
  readonly description: string
  readonly isVariadic: boolean
}

/** What `command` and all below it take, without what its help hides. */
export function commandTree(command: CommanderCommand): TreeCommand {
  const help = command.createHelp()
  const visible = help.visibleCommands(command)
  const own = visible.filter((child) => command.commands.includes(child))
  const names = own.map((child) => child.name())
  // What commander adds by itself shows the help of the others, and takes their names.
  const added = visible.filter((child) => !own.includes(child)).map(commandTree)
  return {
    name: command.name(),
    summary: help.subcommandDescription(command),
    description: command.description(),
    options: help.visibleOptions(command).map(treeOption),
    words: command.registeredArguments.map(treeWord),
    commands: [
      ...own.map(commandTree),
      ...added.map((child) => ({
        ...child,
        words: child.words.map((word) => ({ ...word, choices: names })),
      })),
    ],
  }
}

/** A command and all below it, each with the names that lead to it from the program, without the program's own. */
export function* everyCommand(
  command: TreeCommand,
  path: readonly string[] = [],
): Generator<{ readonly path: readonly string[]; readonly command: TreeCommand }> {
  yield { path, command }
  for (const child of command.commands) yield* everyCommand(child, [...path, child.name])
}

function treeOption(option: Option): TreeOption {
  const [, notation] = /[<[](.+)[\]>]$/.exec(option.flags) ?? []
  return {
    names: [option.short, option.long].filter((name) => typeof name === 'string'),
    description: option.description,
    group: option.helpGroupHeading ?? '',
    ...(notation === undefined
      ? {}
      : { value: treeValue(notation, { isOptional: option.optional, choices: option.argChoices }) }),
  }
}

function treeWord(argument: Argument): TreeWord {
  const { description, required, variadic, argChoices } = argument
  const value = treeValue(argument.name(), { isOptional: !required, choices: argChoices })
  return { ...value, description, isVariadic: variadic }
}

function treeValue(
  notation: string,
  known: { readonly isOptional: boolean; readonly choices: readonly string[] | undefined },
): TreeValue {
  const placeholder = notation.replace(/\.\.\.$/, '')
  const listed = placeholder.includes('|') ? placeholder.split('|') : []
  return {
    placeholder,
    isOptional: known.isOptional,
    choices: known.choices ?? listed,
    path: placeholder === 'file' || placeholder === 'folder' ? placeholder : undefined,
  }
}
