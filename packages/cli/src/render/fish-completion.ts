import type { TreeCommand, TreeOption, TreeValue } from '../command-tree.ts'
import { completedCommands, functionName, kindOf, shortText } from './completion-parts.ts'

/** The script for fish. */
export function fishCompletion(tree: TreeCommand): string {
  const commands = completedCommands(tree)
  const at = `_${functionName(tree.name)}_at`
  const families = commands.filter((command) => command.commands.length > 0)
  const program = `complete -c ${fishWord(tree.name)}`
  const lines = commands.flatMap(({ path, commands: children, options, word }) => {
    const isHere = `-n ${fishWord(`${at} ${fishWord(path)}`)}`
    return [
      ...children.map(
        ({ name, summary }) =>
          `${program} ${isHere} -a ${candidates([name])} -d ${fishWord(shortText(summary))}`,
      ),
      ...(word ? [`${program} ${isHere} ${valueWords(word)}`] : []),
      ...options.map((option) => `${program} ${isHere} ${optionOf(option)}`),
    ]
  })
  return `# fish completion for ${tree.name}; printed by: ${tree.name} completion fish

# True when the words before the cursor lead to the command $argv[1], and to none below it.
function ${at}
  set -l found
  for word in (commandline -opc)[2..-1]
    if string match -q -- '-*' $word
      continue
    end
    switch "$found"
      case ${families.map(({ path }) => fishWord(path)).join(' ')}
        set -a found $word
      case '*'
        break
    end
  end
  test "$found" = "$argv[1]"
end

${program} -f
${lines.join('\n')}
`
}

function optionOf({ names, description, value }: TreeOption): string {
  const flags = names.map((name) =>
    name.startsWith('--') ? `-l ${fishWord(name.slice(2))}` : `-s ${fishWord(name.slice(1))}`,
  )
  return [...flags, ...(value ? [valueWords(value)] : []), `-d ${fishWord(shortText(description))}`].join(' ')
}

/** With -r fish waits for a value; one that may be left out is completed behind an equals sign. */
function valueWords(value: TreeValue): string {
  const kind = kindOf(value)
  const isRequired = value.isOptional ? [] : ['-r']
  if (kind === 'file') return [...isRequired, '-F'].join(' ')
  if (kind === 'folder') return [...isRequired, "-f -a '(__fish_complete_directories)'"].join(' ')
  return [...isRequired, '-f', ...(kind === 'choice' ? [`-a ${candidates(value.choices)}`] : [])].join(' ')
}

/** Fish expands the text once more when it completes. */
function candidates(texts: readonly string[]): string {
  return fishWord(texts.map(fishWord).join(' '))
}

/** A word for fish, whatever it holds. */
function fishWord(text: string): string {
  return /^[A-Za-z0-9_/.:@%+=-]+$/.test(text)
    ? text
    : `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
