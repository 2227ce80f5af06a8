import type { OffsetAnswer, SourceAnswer } from '@kafka-backup/core'
import type { ShownRestore } from '../restored-places.ts'
import { shownRestoreText, standingDocument } from './offset-map-text.ts'

interface Place {
  readonly topic: string
  readonly partition: number
}

interface Shown {
  readonly document: unknown
  readonly text: string
  /** One line for each partition on the other side. */
  readonly csv: string
}

interface Safe extends Place {
  readonly offset: bigint
  readonly isEnd: boolean
}

/** Where one offset of the source went. */
export function sourceAnswer(shown: ShownRestore, place: Place, offset: bigint, answer: OffsetAnswer): Shown {
  const { exact, lowestSafe } = answer
  const where = exact ? `${nameOf(exact)} offset ${exact.offset}` : 'no record of this offset was restored'
  return {
    text: [
      shownRestoreText(shown),
      `${nameOf(place)} offset ${offset}: ${where}`,
      ...lowestSafe.map(safeLine),
    ].join('\n'),
    csv: csvOf(['source', 'target'], place, offset, answer),
    document: {
      kind: 'offset_answer',
      version: 1,
      restore_id: shown.ledger.restoreId,
      ...standingDocument(shown.ledger),
      source: { ...place, offset },
      target: exact,
      lowest_safe: lowestSafe.map(safeDocument),
    },
  }
}

/** Where one record of the target came from. */
export function targetAnswer(shown: ShownRestore, place: Place, offset: bigint, answer: SourceAnswer): Shown {
  const { exact, lowestSafe } = answer
  const where = exact ? `${nameOf(exact)} offset ${exact.offset}` : 'no record of this restore is there'
  return {
    text: [
      shownRestoreText(shown),
      `${nameOf(place)} offset ${offset}: ${where}`,
      ...lowestSafe.map(safeLine),
    ].join('\n'),
    csv: csvOf(['target', 'source'], place, offset, answer),
    document: {
      kind: 'offset_answer',
      version: 1,
      restore_id: shown.ledger.restoreId,
      ...standingDocument(shown.ledger),
      target: { ...place, offset },
      source: exact && {
        topic: exact.topic,
        partition: exact.partition,
        lineage: exact.lineage,
        offset: exact.offset,
      },
      lowest_safe: lowestSafe.map((entry) => ({ ...safeDocument(entry), lineage: entry.lineage })),
    },
  }
}

function safeLine(entry: Safe): string {
  const remark = entry.isEnd ? ', the end' : ''
  return `  to miss nothing from there on, read ${nameOf(entry)} from offset ${entry.offset}${remark}`
}

function safeDocument({ topic, partition, offset, isEnd }: Safe) {
  return { topic, partition, offset, at_end: isEnd }
}

function csvOf(
  [asked, other]: readonly [string, string],
  place: Place,
  offset: bigint,
  { exact, lowestSafe }: { readonly exact: (Place & { offset: bigint }) | null; lowestSafe: readonly Safe[] },
): string {
  const side = (name: string) => [`${name}_topic`, `${name}_partition`]
  const head = [
    ...side(asked),
    `${asked}_offset`,
    ...side(other),
    'exact_offset',
    'lowest_safe_offset',
    'at_end',
  ]
  const lines = lowestSafe.map((entry) => {
    const own = exact && nameOf(exact) === nameOf(entry) ? exact.offset : ''
    return [
      place.topic,
      place.partition,
      offset,
      entry.topic,
      entry.partition,
      own,
      entry.offset,
      entry.isEnd,
    ]
  })
  return [head, ...lines].map((line) => line.join(',')).join('\n')
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`
}
