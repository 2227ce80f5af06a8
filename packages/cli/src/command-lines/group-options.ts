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

/** Who tells where records are, if not the offset map. */
export const COPY_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--by-header',
    description:
      'look in the cluster: by the headers x-original-offset and x-source-partition of its records, instead of the offset map',
  },
  {
    flags: '--by-timestamp',
    description:
      'look in the cluster: by the times of its records, for a copy without map and headers; skips nothing that is archived, and may read records again',
  },
  {
    flags: '--topic-mapping <rules...>',
    description:
      'with --by-header or --by-timestamp, for a copy whose restore is not known here: names of its topics, such as orders=orders-dr; without it and without such a restore, the same names',
  },
]

/** True when a cluster is asked. */
export function asksCluster({ byHeader, byTimestamp }: Readonly<Record<string, unknown>>): boolean {
  return byHeader === true || byTimestamp === true
}

/** Of the settings of a cluster only how it is reached, and nothing of a restore. */
export function takesConnection(path: string): boolean {
  return (
    /^target\.(?:bootstrap_servers$|security\.)/.test(path) || !/^(?:restore|target|metrics)\./.test(path)
  )
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
    choices: STRATEGIES,
    description: `${STRATEGIES.join(', ')}; without it, from-mapping: what each group wanted next, where the restore put it. as-of is what it had committed, unchanged`,
  },
  { flags: '--to <value>', description: 'the offset of to-offset, or the time of to-timestamp' },
]
