import { shellWord } from '@kafka-backup/core/runtime'
import type { TreeCommand, TreeOption } from '../command-tree.ts'
import { type CompletedCommand, completedCommands, functionName, kindOf } from './completion-parts.ts'

/**
 * The script for bash 3.2 and later, which needs nothing but bash. Candidates are compared as texts and never evaluated, so that
 * neither what is typed nor a file name can run anything.
 */
export function bashCompletion(tree: TreeCommand): string {
  const commands = completedCommands(tree)
  const name = functionName(tree.name)
  return `# bash completion for ${tree.name}; printed by: ${tree.name} completion bash

# Says what can stand behind the command $1.
${name}_command() {
  commands=() options=() word_kind=text words=()
  case $1 in
${commands.map(commandCase).join('\n')}
    *) return 1 ;;
  esac
}

# Says what the option $2 of the command $1 takes; fails when that is nothing.
${name}_value() {
  value_kind=text value_optional=no values=()
  case "$1 $2" in
${commands.flatMap(valueCases).join('\n')}
    *) return 1 ;;
  esac
}

${matching(name)}
${walking(name)}
${completing(name)}
complete -F ${name} ${shellWord(tree.name)}
`
}

function commandCase({ path, commands, options, word }: CompletedCommand): string {
  const parts = [
    `commands=(${commands.map((child) => shellWord(child.name)).join(' ')})`,
    `options=(${options.flatMap(({ names }) => names.map(shellWord)).join(' ')})`,
    ...(word ? [`word_kind=${kindOf(word)}`, `words=(${word.choices.map(shellWord).join(' ')})`] : []),
  ]
  return `    ${shellWord(path)}) ${parts.join(' ')} ;;`
}

function valueCases({ path, options }: CompletedCommand): string[] {
  return options.flatMap((option) => {
    const line = valueCase(path, option)
    return line === undefined ? [] : [line]
  })
}

function valueCase(path: string, { names, value }: TreeOption): string | undefined {
  if (!value) return
  const pattern = names.map((name) => shellWord(`${path} ${name}`)).join('|')
  const parts = [
    `value_kind=${kindOf(value)}`,
    ...(value.isOptional ? ['value_optional=yes'] : []),
    ...(value.choices.length > 0 ? [`values=(${value.choices.map(shellWord).join(' ')})`] : []),
  ]
  return `    ${pattern}) ${parts.join(' ')} ;;`
}

function matching(name: string): string {
  return `# Offers what begins with $current: paths of the kind $1, or those of the texts behind it.
${name}_offer() {
  local kind=$1 text
  shift
  case $kind in
    file | folder)
      local action=-f
      if [ "$kind" = folder ]; then action=-d; fi
      # Makes bash quote them. Bash 3 has no such command.
      compopt -o filenames 2>/dev/null
      while IFS= read -r text; do COMPREPLY+=("$text"); done < <(compgen "$action" -- "$current")
      ;;
    *)
      for text in "$@"; do
        if [ "\${text:0:\${#current}}" != "$current" ]; then continue; fi
        printf -v text '%q' "$text"
        COMPREPLY+=("$text")
      done
      ;;
  esac
}
`
}

function walking(name: string): string {
  return `# Finds the command that the words before the cursor lead to; fails when there is none.
${name}_walk() {
  ${name}_command ''
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [ "$word" = '--' ]; then return 1; fi
    case $word in
      -*)
        if [ "\${COMP_WORDS[at+1]}" = '=' ]; then
          at=$((at + 2))
        elif ${name}_value "$path" "$word" && [ "$value_optional" = no ]; then
          at=$((at + 1))
        fi
        ;;
      *)
        if [ "\${#commands[@]}" -eq 0 ]; then
          has_word=yes
        else
          path=\${path:+$path }$word
          ${name}_command "$path" || return 1
        fi
        ;;
    esac
  done
}
`
}

function completing(name: string): string {
  return `${name}() {
  COMPREPLY=()
  local current=\${COMP_WORDS[COMP_CWORD]} before='' at path='' word has_word=no
  local commands options word_kind words value_kind value_optional values
  if [ "$COMP_CWORD" -gt 0 ]; then before=\${COMP_WORDS[COMP_CWORD-1]}; fi
  # Bash takes an equals sign for a word of its own.
  if [ "$current" = '=' ]; then
    current=''
  elif [ "$before" = '=' ] && [ "$COMP_CWORD" -gt 1 ]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  ${name}_walk || return 0
  case $before in
    -*)
      if ${name}_value "$path" "$before"; then
        case "$value_optional $current" in
          'yes -'*) ;;
          *)
            ${name}_offer "$value_kind" "\${values[@]}"
            return 0
            ;;
        esac
      fi
      ;;
  esac
  case $current in
    -*) ${name}_offer choice "\${options[@]}" ;;
    *)
      if [ "\${#commands[@]}" -gt 0 ]; then
        ${name}_offer choice "\${commands[@]}"
      elif [ "$word_kind" != text ] && [ "$has_word" = no ]; then
        ${name}_offer "$word_kind" "\${words[@]}"
      elif [ "$current" = '' ]; then
        ${name}_offer choice "\${options[@]}"
      fi
      ;;
  esac
}
`
}
