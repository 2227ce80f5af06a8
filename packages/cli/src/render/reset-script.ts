import type { GroupReset, ResetPlan, ResetStrategy } from '@kafka-backup/core'
import { shellWord } from '@kafka-backup/core/runtime'
import { RESET_SCRIPT_BODY } from './reset-script-body.ts'
import { commentText, isAscii, SCRIPT_TOOLS, scriptHead } from './script-tools.ts'
import { quotedText } from './shown-name.ts'

/** What a script is written for. */
export interface ScriptOptions {
  /** Of the cluster whose groups are set, as `host:port`. */
  readonly bootstrapServers: readonly string[]
  /** False: it only tries. */
  readonly isExecuting: boolean
  /** Lines that say what it was made from; any text. */
  readonly origin: readonly string[]
}

const HERE = 'END_OF_OFFSETS'

/**
 * A POSIX shell script that sets what a plan says with Kafka's own tool. Whatever names hold, they stay words of it: groups are quoted, names of
 * topics and offsets have no character that a shell or CSV knows.
 */
export function renderResetScript(plan: ResetPlan, options: ScriptOptions): string {
  const { bootstrapServers, isExecuting, origin } = options
  const what = isExecuting
    ? 'SETS OFFSETS of consumer groups'
    : 'Tries to set offsets of consumer groups, and changes nothing'
  const lines = [
    ...scriptHead(what, ['kafka-consumer-groups']),
    ...origin.map((line) => `# ${commentText(line)}`),
    ...plan.left.map(({ group, place, reason }) => {
      const where = place ? ` ${place.topic}/${place.partition}` : ''
      return `# Left as it is: ${quotedText(group)}${where} (${commentText(reason)})`
    }),
    '# Names of groups are taken as they are, and not every script needs every function:',
    '# shellcheck disable=SC1003,SC2016,SC2317,SC2329',
    'set -eu',
    `servers=${shellWord(bootstrapServers.join(','))}`,
    `mode=${isExecuting ? '--execute' : '--dry-run'}`,
    `names_are_ascii=${plan.groups.every(({ group }) => isAscii(group)) ? 'yes' : 'no'}`,
    '',
    SCRIPT_TOOLS,
    RESET_SCRIPT_BODY,
    ...plan.groups.map((reset) => callOf(reset, plan.strategy)),
    'finish',
  ]
  return `${lines.join('\n')}\n`
}

function callOf({ group, topics, offsets }: GroupReset, strategy: ResetStrategy): string {
  if (offsets === null) {
    const words = [...wordsOf(strategy), ...topics.flatMap((topic) => ['--topic', topic])]
    return `move_group ${shellWord(group)} ${words.map(shellWord).join(' ')}`
  }
  const rows = offsets.map(({ topic, partition, offset }) => `${topic},${partition},${offset}`)
  return [`set_offsets ${shellWord(group)} <<'${HERE}'`, ...rows, HERE].join('\n')
}

function wordsOf(strategy: ResetStrategy): string[] {
  switch (strategy.kind) {
    case 'to_offset':
      return ['--to-offset', strategy.offset.toString()]
    case 'to_timestamp':
      return ['--to-datetime', new Date(Number(strategy.timestampMs)).toISOString()]
    case 'to_latest':
      return ['--to-latest']
    default:
      return ['--to-earliest']
  }
}
