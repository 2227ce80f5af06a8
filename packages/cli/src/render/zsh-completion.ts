import { shellWord } from '@kafka-backup/core/runtime'
import type { TreeCommand, TreeOption } from '../command-tree.ts'
import {
  type CompletedCommand,
  completedCommands,
  functionName,
  kindOf,
  shortText,
} from './completion-parts.ts'

/** The script for zsh, as a file that is sourced or found by its function path; the first line tells zsh what it completes. */
export function zshCompletion(tree: TreeCommand): string {
  const commands = completedCommands(tree)
  const name = functionName(tree.name)
  return `#compdef ${tree.name}
# zsh completion for ${tree.name}; printed by: ${tree.name} completion zsh

# Says what can stand behind the command $1.
${name}_command() {
  verbs=() flags=() word_kind=text word_choices=()
  case $1 in
${commands.map(commandCase).join('\n')}
    (*) return 1 ;;
  esac
}

# Says what the option $2 of the command $1 takes; fails when that is nothing.
${name}_value() {
  value_kind=text value_optional=no choices=()
  case "$1 $2" in
${commands.flatMap(valueCases).join('\n')}
    (*) return 1 ;;
  esac
}

${completing(name)}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  ${name} "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef ${name} ${shellWord(tree.name)}
fi
`
}

function commandCase({ path, commands, options, word }: CompletedCommand): string {
  const verbs = commands.map(({ name, summary }) => described(name, summary))
  const flags = options.flatMap(({ names, description }) => names.map((flag) => described(flag, description)))
  const lines = [
    `    (${shellWord(path)})`,
    `      verbs=(${verbs.join(' ')})`,
    `      flags=(${flags.join(' ')})`,
    ...(word
      ? [`      word_kind=${kindOf(word)} word_choices=(${word.choices.map(shellWord).join(' ')})`]
      : []),
    '      ;;',
  ]
  return lines.join('\n')
}

/** A colon ends the name. */
function described(name: string, text: string): string {
  return shellWord(`${name.replaceAll(/[\\:]/g, '\\$&')}:${shortText(text)}`)
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap((option) => valueCase(path, option))
}

function valueCase(path: string, { names, value }: TreeOption): string[] {
  if (!value) return []
  const pattern = names.map((name) => shellWord(`${path} ${name}`)).join('|')
  const parts = [
    `value_kind=${kindOf(value)}`,
    ...(value.isOptional ? ['value_optional=yes'] : []),
    ...(value.choices.length > 0 ? [`choices=(${value.choices.map(shellWord).join(' ')})`] : []),
  ]
  return [`    (${pattern}) ${parts.join(' ')} ;;`]
}

function completing(name: string): string {
  return `# Offers paths of the kind $1, or the texts behind it.
${name}_offer() {
  local kind=$1
  shift
  case $kind in
    (file) _files ;;
    (folder) _files -/ ;;
    (choice) compadd -- "$@" ;;
    (*) return 1 ;;
  esac
}

${name}() {
  local current=\${words[CURRENT]} before='' command_path='' word has_word=no
  local word_kind value_kind value_optional
  local -a verbs flags word_choices choices
  local -i at
  ${name}_command ''
  for (( at = 2; at < CURRENT; at++ )); do
    word=\${(Q)words[at]}
    if [[ $word == -- ]]; then return 1; fi
    if [[ $word == -* ]]; then
      if ${name}_value "$command_path" "$word" && [[ $value_optional == no ]]; then at+=1; fi
    elif (( $#verbs == 0 )); then
      has_word=yes
    else
      command_path=\${command_path:+$command_path }$word
      ${name}_command "$command_path" || return 1
    fi
  done
  if (( CURRENT > 2 )); then before=\${words[CURRENT-1]}; fi
  if [[ $current == --*=* ]]; then
    before=\${current%%=*}
    compset -P 1 '*='
    ${name}_value "$command_path" "$before" || return 1
    ${name}_offer $value_kind "\${choices[@]}"
    return
  fi
  if [[ $before == -* ]] && ${name}_value "$command_path" "$before"; then
    if [[ $value_optional == no || $current != -* ]]; then
      ${name}_offer $value_kind "\${choices[@]}"
      return
    fi
  fi
  if [[ $current == -* ]]; then
    _describe -o option flags
  elif (( $#verbs > 0 )); then
    _describe command verbs
  elif [[ $word_kind != text && $has_word == no ]]; then
    ${name}_offer $word_kind "\${word_choices[@]}"
  elif [[ -z $current ]]; then
    _describe -o option flags
  else
    return 1
  fi
}
`
}
