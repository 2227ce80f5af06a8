import { KafkaBackupError } from '@kafka-backup/core/errors'
import type { CommanderError } from 'commander'
import type { OutputFormat } from './command.ts'

/** Of whatever is refused before a verb does anything. */
export const NOTHING_STARTED = 'Nothing was started'

/** What commander says of a command line that it cannot parse, as one of our errors. */
export function usageError(
  error: CommanderError,
  args: readonly string[],
  verbs: readonly string[],
): KafkaBackupError {
  const message = error.message
    .replace(/^error: /, '')
    // A secret that somebody tried to give as an option stays theirs.
    .replace(/^(unknown option '--[^'=]*)=.*'/s, "$1=…'")
    .replace(/\n\((Did you mean .*\?)\)$/s, '. $1')
    .replace(/ Expected 0 arguments but got \d+: (.*?)\.?$/s, ' It takes options only, not: $1')
  const verb = verbOf(args, verbs)
  return new KafkaBackupError(
    'KB_USAGE',
    `${message}${/[.?]$/.test(message) ? '' : '.'} Nothing was started`,
    {
      hint: `See: kafka-backup ${verb === undefined ? '' : `${verb} `}--help`,
    },
  )
}

/** The verb that stands first; some have two words. */
function verbOf(args: readonly string[], verbs: readonly string[]): string | undefined {
  const isAt = (at: number) => (name: string) =>
    name.split(' ').every((word, place) => args[at + place] === word)
  const at = args.findIndex((_, place) => verbs.some(isAt(place)))
  return at < 0 ? undefined : verbs.find(isAt(at))
}

/** The format that was asked for, read from a command line that could not be parsed. */
export function wantedFormat(args: readonly string[]): OutputFormat {
  const at = args.lastIndexOf('--output-format')
  const isWanted = (format: OutputFormat) =>
    args.includes(`--output-format=${format}`) || (at >= 0 && args[at + 1] === format)
  return (['json', 'yaml'] as const).find(isWanted) ?? 'table'
}
