import { shellWord } from '@kafka-backup/core/runtime'
import type { SetupPlan, SetupStep } from '../setup-steps.ts'
import { commentText, isAscii, SCRIPT_TOOLS, scriptHead } from './script-tools.ts'

/** What a script is written for. */
export interface SetupScriptOptions {
  /** Of the cluster that is set up, as `host:port`. */
  readonly bootstrapServers: readonly string[]
  /** False: it only says what it would do. */
  readonly isExecuting: boolean
  /** Lines that say what it was made from; any text. */
  readonly origin: readonly string[]
}

const TOOLS = ['kafka-topics', 'kafka-acls', 'kafka-configs'] as const

/** What follows the tools. `mode` is set above it. */
const BODY = String.raw`done_steps=0
failed_steps=0

# What is done, for people, and with which tool and words.
step() {
  what=$1
  shift
  if [ "$mode" = tell ]; then
    printf 'Would do: %s\n' "$what"
    done_steps=$((done_steps + 1))
  elif said=$(call_tool "$@"); then
    printf 'Done: %s\n' "$what"
    done_steps=$((done_steps + 1))
  else
    printf 'NOT DONE: %s\n%s\n' "$what" "$said" >&2
    failed_steps=$((failed_steps + 1))
  fi
}

left_out() {
  printf 'Left out: %s\n' "$1"
}

finish() {
  if [ "$mode" = tell ]; then
    printf '\nSteps: %d. Nothing was changed. A script that is written with --execute does them.\n' "$done_steps"
  else
    printf '\nSteps done: %d. Not done: %d.\n' "$done_steps" "$failed_steps"
  fi
  [ "$failed_steps" = 0 ] || exit 1
}
`

/**
 * A POSIX shell script that does the steps of a plan with Kafka's own tools. Whatever names hold, they stay words of it. It can be run again: what
 * exists is left as it is.
 */
export function renderSetupScript({ steps, left }: SetupPlan, options: SetupScriptOptions): string {
  const { bootstrapServers, isExecuting, origin } = options
  const what = isExecuting
    ? 'SETS UP topics, ACLs and client quotas'
    : 'Says how topics, ACLs and client quotas would be set up, and changes nothing'
  const used = TOOLS.filter((name) => steps.some(({ tool }) => tool === name))
  const lines = [
    ...scriptHead(what, TOOLS),
    ...origin.map((line) => `# ${commentText(line)}`),
    '# Names are taken as they are, and not every script needs every function:',
    '# shellcheck disable=SC1003,SC2016,SC2317,SC2329',
    'set -eu',
    `servers=${shellWord(bootstrapServers.join(','))}`,
    `mode=${isExecuting ? 'execute' : 'tell'}`,
    `names_are_ascii=${steps.every(({ words }) => words.every(isAscii)) ? 'yes' : 'no'}`,
    '',
    SCRIPT_TOOLS,
    ...used.map((name) => `${variableOf(name)}=$(find_tool ${name}) || exit 1`),
    BODY,
    ...steps.map(callOf),
    ...left.map(({ what: thing, reason }) => `left_out ${shellWord(`${lineOf(thing)}: ${lineOf(reason)}`)}`),
    'finish',
  ]
  return `${lines.join('\n')}\n`
}

function callOf({ tool, words, what }: SetupStep): string {
  const call = `"$${variableOf(tool)}" ${words.map(shellWord).join(' ')}`
  return `step ${shellWord(lineOf(what))} ${call}`
}

/** Texts for people are one line without what commands a terminal. */
function lineOf(text: string): string {
  return commentText(text).replaceAll('\\"', '"').replaceAll('\\\\', '\\')
}

function variableOf(tool: SetupStep['tool']): string {
  return tool.replace('-', '_')
}
