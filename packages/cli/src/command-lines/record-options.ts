import type { CommandOption, OutputFormat } from '../command.ts'

export const TOPICS_WORDS: CommandOption = {
  flags: '[topics...]',
  description: "names, globs, or expressions after a tilde; '*' is every topic of the backup",
}

/** Which records, in the words of a restore. */
export const CHOICE_OPTIONS: readonly CommandOption[] = [
  { flags: '--topics <a,b>', description: 'the same as topics without an option', isRepeatable: true },
  { flags: '--exclude-topics <a,b>', description: 'not these topics', isRepeatable: true },
  {
    flags: '--partitions <a,b>',
    description: 'only these partitions: 0, 0-3, orders:1',
    isRepeatable: true,
  },
  {
    flags: '--offsets <a,b>',
    description: 'only these offsets, inclusive: orders/3:100-200, orders/3:100-, orders/3:-200',
    isRepeatable: true,
  },
  {
    flags: '--from <time>',
    description: 'records from this time on, inclusive: 2026-11-21T01:30:00Z, milliseconds, -2h, now',
  },
  { flags: '--to <time>', description: 'records up to this time, inclusive' },
  { flags: '--as-of <time>', description: 'the backup as it was at this time' },
  { flags: '--as-of-commit <number>', description: 'the backup as it was after this commit' },
]

export const CRITERIA_OPTIONS: readonly CommandOption[] = [
  { flags: '--key <text>', description: 'only records with this key' },
  {
    flags: '--header <name=value>',
    description: 'only records with this header; given twice, with both',
    isRepeatable: true,
  },
]

export const PRINT_OPTIONS: readonly CommandOption[] = [
  { flags: '--limit <n>', description: 'stop after so many records' },
  {
    flags: '--decode <json|consumer-offsets>',
    description:
      'keys and values as JSON documents where they are some; consumer-offsets: those of __consumer_offsets',
  },
  {
    flags: '--delimiter <text>',
    description: 'with raw, what follows each value, with \\n, \\t, \\0 and \\x1f (default: a line end)',
  },
]

export const RECORD_FORMATS: readonly OutputFormat[] = ['table', 'ndjson', 'raw', 'hex']
