import type { CommandOption } from '../command.ts'

export const AS_OF_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--as-of <time>',
    description: 'groups as the backup knew them at this time, such as 2026-11-21T01:30:00Z or -2h',
  },
  {
    flags: '--as-of-commit <number>',
    description: 'groups as of this commit; without both, the newest ones',
  },
]

export const GROUPS_OPTION: CommandOption = {
  flags: '-g, --groups <names...>',
  description:
    'only these consumer groups, separated by blanks or commas; without it, all that the backup knows',
}

export const RESTORE_OPTION: CommandOption = {
  flags: '--restore <id>',
  description:
    'the restore that is meant, as offset-map --list shows it; without it, the newest finished one',
}

/** Names of strategies as they are written. */
export const STRATEGIES = [
  'from-mapping',
  'as-of',
  'to-earliest',
  'to-latest',
  'to-offset',
  'to-timestamp',
] as const

export const STRATEGY_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--strategy <name>',
    description: `${STRATEGIES.join(', ')}; without it, from-mapping: what each group wanted next, where the restore put it. as-of is what it had committed, unchanged`,
  },
  { flags: '--to <value>', description: 'the offset of to-offset, or the time of to-timestamp' },
]
