import { everyCommand, type TreeCommand, type TreeOption, type TreeValue } from '../command-tree.ts'

/** One command as the scripts of all shells need it. */
export interface CompletedCommand {
  /** The names that lead to it, with blanks between; '' for the program itself. */
  readonly path: string
  readonly commands: readonly TreeCommand[]
  readonly options: readonly TreeOption[]
  /** What the first word without an option may be, if that is known. */
  readonly word: TreeValue | undefined
}

/** Every command of the program, and what can stand behind it. */
export function completedCommands(tree: TreeCommand): readonly CompletedCommand[] {
  return [...everyCommand(tree)].map(({ path, command }) => ({
    path: path.join(' '),
    commands: command.commands,
    options: command.options,
    word: command.words.find(({ choices, path: kind }) => choices.length > 0 || kind !== undefined),
  }))
}

/** How a script says what kind of text a value is. */
export function kindOf({ choices, path }: TreeValue): 'file' | 'folder' | 'choice' | 'text' {
  return path ?? (choices.length > 0 ? 'choice' : 'text')
}

/** The first sentence, on one line: more than that has no place beside a name. */
export function shortText(description: string): string {
  const line = description.replaceAll(/\s+/g, ' ').trim()
  const [sentence = line] = /^.*?[^.](?=\. [A-Z])/.exec(line) ?? []
  return sentence.replace(/\.$/, '')
}

/** The name of a program as part of the name of a function. */
export function functionName(program: string): string {
  return `_${program.replaceAll(/[^A-Za-z0-9]/g, '_')}`
}
