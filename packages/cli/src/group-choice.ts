import type { GroupRecord } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'
import { quotedText } from './render/shown-name.ts'

/** Names that are listed in a hint. */
const LISTED_MAX = 20

/** Groups by their exact names. A name with commas is taken as it is where there is such a group. @throws KB_USAGE */
export function chosenGroups(all: readonly GroupRecord[], asked: unknown): readonly GroupRecord[] {
  if (asked === undefined) return all
  const known = new Set(all.map(({ group }) => group))
  const wanted = new Set(
    (asked as readonly string[]).flatMap((text) => (known.has(text) ? [text] : text.split(','))),
  )
  const missing = [...wanted].filter((name) => !known.has(name))
  if (missing.length === 0) return all.filter(({ group }) => wanted.has(group))
  throw new KafkaBackupError(
    'KB_USAGE',
    `the backup knows no consumer group ${missing.map(quotedText).join(', ')}`,
    {
      hint: known.size === 0 ? 'It knows none at all.' : `It knows: ${listed([...known])}`,
    },
  )
}

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX
  const shown = names.slice(0, LISTED_MAX).map(quotedText).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}
