import { everyCommand, type TreeCommand, type TreeOption, type TreeWord } from '../command-tree.ts'
import { EXIT_MEANINGS } from '../exit-meanings.ts'

/** The manual page of the program in the macros of man(7): every command with its options, as its help has them. */
export function manPage(tree: TreeCommand, version: string): string {
  const name = tree.name
  const verbs = [...everyCommand(tree)].filter(({ path }) => path.length > 0)
  const lines = [
    `.TH ${macroWord(name.toUpperCase())} 1 "" ${macroWord(`${name} ${version}`)}`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(tree.description.replace(/[.:].*$/s, ''))}`,
    '.SH SYNOPSIS',
    `.B ${roff(name)}`,
    '.I command',
    '[\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    ...paragraph(tree.description),
    ...tree.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...verbs.flatMap(({ path, command }) => commandLines([name, ...path].join(' '), command)),
    '.SH SETTINGS',
    ...paragraph(
      'Most options are settings, which a file and the environment can have, too. An option counts before an environment variable, that before the file of --config, and the file before the default.',
    ),
    '.SH EXIT STATUS',
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, ...paragraph(meaning)]),
  ]
  return `${lines.join('\n')}\n`
}

function commandLines(name: string, command: TreeCommand): string[] {
  const words = command.words.map(wordNotation)
  const options = command.options.length > 0 && command.commands.length === 0 ? ['[\\fIoptions\\fR]'] : []
  return [
    `.SS ${macroWord(name)}`,
    [`\\fB${roff(name)}\\fR`, ...options, ...words].join(' '),
    '.PP',
    ...paragraph(command.description),
    ...groups(command.options).flatMap(([heading, some]) => [
      ...(heading === '' ? [] : ['.PP', ...paragraph(heading)]),
      ...some.flatMap(optionLines),
    ]),
  ]
}

/** Options by their headings, in the order in which the headings come first. */
function groups(options: readonly TreeOption[]): readonly (readonly [string, readonly TreeOption[]])[] {
  return [...Map.groupBy(options, ({ group }) => group)]
}

function optionLines({ names, value, description }: TreeOption): string[] {
  const shown = names.map((name) => `\\fB${roff(name)}\\fR`).join(', ')
  const placeholder = value ? ` \\fI${roff(value.placeholder)}\\fR` : ''
  const notation = value?.isOptional === true ? ` [${placeholder.trim()}]` : placeholder
  // Where the notation is only a name, the texts that it may be are said here.
  const isListed = value === undefined || value.choices.length === 0 || value.placeholder.includes('|')
  const choices = isListed ? [] : paragraph(`One of: ${value.choices.join(', ')}.`)
  return ['.TP', `${shown}${notation}`, ...paragraph(description), ...choices]
}

function wordNotation({ placeholder, isOptional, isVariadic }: TreeWord): string {
  const word = `\\fI${roff(placeholder)}\\fR${isVariadic ? '...' : ''}`
  return isOptional ? `[${word}]` : word
}

/** Text on one line; man breaks it. What begins with a dot or a quote would be a request. */
function paragraph(text: string): string[] {
  const line = roff(text.replaceAll(/\s+/g, ' ').trim())
  return line === '' ? [] : [/^[.']/.test(line) ? `\\&${line}` : line]
}

/** A hyphen is one to type, not one of a text; beyond ASCII only names of characters are safe. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll(
      /\P{ASCII}/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}

/** An argument of a macro, where a quote ends it. */
function macroWord(text: string): string {
  return `"${roff(text).replaceAll('"', '\\(dq')}"`
}
