import type { LedgerState } from '@kafka-backup/core'
import { KafkaBackupError } from '@kafka-backup/core/errors'

export interface Place {
  readonly topic: string
  readonly partition: number
}

/** The restore whose map is looked at. */
export interface ShownRestore {
  readonly ledger: LedgerState
  /** Of its backup. */
  readonly isNewest: boolean
}

/** Names that are listed in a hint. */
const LISTED_MAX = 20

/** @throws KB_TOPIC_NOT_FOUND, KB_USAGE for a place that the restore reads nothing from */
export function assertSource(shown: ShownRestore, place: Place): void {
  assertAmong(shown, place, { places: shown.ledger.opened.sources, did: 'takes nothing from', does: 'takes' })
}

/** @throws KB_TOPIC_NOT_FOUND, KB_USAGE for a place that the restore writes nothing to */
export function assertTarget(shown: ShownRestore, place: Place): void {
  const { restoreId, begun } = shown.ledger
  if (!begun) throw new KafkaBackupError('KB_USAGE', `restore ${restoreId} has written nothing yet`)
  assertAmong(shown, place, { places: begun.partitions, did: 'writes nothing to', does: 'writes to' })
}

/** Nothing is known of such an offset, which is another answer than that no record of it was restored. */
function assertAmong(
  { ledger: { restoreId }, isNewest }: ShownRestore,
  { topic, partition }: Place,
  { places, did, does }: { readonly places: readonly Place[]; readonly did: string; readonly does: string },
): void {
  const own = places.filter((entry) => entry.topic === topic).map((entry) => entry.partition)
  if (own.includes(partition)) return
  const others = isNewest ? ' It is the newest one; --list shows the others.' : ''
  if (own.length === 0) {
    const topics = [...new Set(places.map((entry) => entry.topic))]
    throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `restore ${restoreId} ${did} topic "${topic}"`, {
      context: { topic },
      hint: `The restore ${does}: ${listed(topics)}.${others}`,
    })
  }
  throw new KafkaBackupError(
    'KB_USAGE',
    `restore ${restoreId} ${did} partition ${partition} of topic ${topic}`,
    {
      context: { topic, partition },
      hint: `Of this topic the restore ${does}: ${listed(own.map(String))}.${others}`,
    },
  )
}

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX
  return more > 0 ? `${names.slice(0, LISTED_MAX).join(', ')} and ${more} more` : names.join(', ')
}
