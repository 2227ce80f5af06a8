import type { CommandLine } from '../command.ts'
import {
  CHOICE_OPTIONS,
  CRITERIA_OPTIONS,
  PRINT_OPTIONS,
  RECORD_FORMATS,
  TOPICS_WORDS,
} from './record-options.ts'

/** `kafka-backup grep` */
export const grepLine: CommandLine = {
  name: 'grep',
  summary: 'Print the records of a backup that hold a text',
  description:
    'Prints the records that hold a text, or that a regular expression after a tilde (RE2) fits, in their key, value or headers; otherwise it is like cat. The time is linear in what is read, whatever the expression. That no record has it is no failure: it is said on stderr.',
  verb: 'read',
  words: [
    { flags: '<pattern>', description: "a text, or an expression after a tilde: '~error [45][0-9]{2}'" },
    TOPICS_WORDS,
  ],
  formats: RECORD_FORMATS,
  options: [
    ...CHOICE_OPTIONS,
    ...CRITERIA_OPTIONS,
    {
      flags: '--in <a,b>',
      description: 'look only there: key, value, headers (their values)',
      isRepeatable: true,
    },
    ...PRINT_OPTIONS,
  ],
  examples: [
    'kafka-backup grep --repo file:///var/backups --backup-id daily \\',
    '    customer-17 orders',
    'kafka-backup grep --repo file:///var/backups --backup-id daily \\',
    '    \'~"total":[0-9]{6,}\' orders --in value --from -2h --limit 5',
  ],
  load: async () => (await import('../commands/grep.ts')).grepCommand,
}
