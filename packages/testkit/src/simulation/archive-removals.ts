import { type ArchivedHistory, beginOf, type HistoryPiece } from './archive-history.ts'
import type { CommitDocument, PartDocument, PrunedDocument, SegmentDocument } from './archive-reading.ts'
import type { FindingClass } from './finding.ts'

type Find = (kind: FindingClass, where: string, detail: string) => void
type PartPiece = Extract<HistoryPiece, { kind: 'part' }>

const QUARANTINE = '/quarantine/'

/** Takes out of histories what a commit prunes, and finds what it may not take (docs/format/commit.md, "Fold"). */
export function applyPrune(
  histories: readonly ArchivedHistory[],
  ranges: readonly PrunedDocument[],
  key: string,
  find: Find,
): void {
  for (const range of ranges) {
    const { topic, partition, lineage = 1 } = range
    const where = `${topic}/${partition} lineage ${lineage} in ${key}`
    const history = histories.find(
      (entry) => entry.topic === topic && entry.partition === partition && entry.lineage === lineage,
    )
    if (history) pruneHistory(history, range, (kind, detail) => find(kind, where, detail))
    else find('undeclared', where, 'it prunes a history that is not there')
  }
  for (const { topic, partition } of ranges) {
    const own = histories.filter((entry) => entry.topic === topic && entry.partition === partition)
    const newest = own.at(-1)
    const isAnchored = newest?.pieces.some(({ kind }) => kind === 'part')
    const wasPruned = newest !== undefined && newest.heldOffset > newest.beginOffset
    if (wasPruned && !isAnchored)
      find('lost', `${topic}/${partition} in ${key}`, 'nothing is left to know the log by')
    const firstKept = own.findIndex(({ pieces }) => pieces.some(({ kind }) => kind === 'part'))
    const fromMiddle = own.slice(firstKept + 1).find((entry) => entry.heldOffset > entry.beginOffset)
    if (firstKept >= 0 && fromMiddle)
      find(
        'lost',
        `${topic}/${partition} in ${key}`,
        'something was pruned that an older history stands before',
      )
  }
}

function pruneHistory(
  history: ArchivedHistory,
  { first_offset, end_offset, objects, records }: PrunedDocument,
  find: (kind: FindingClass, detail: string) => void,
): void {
  const end = BigInt(end_offset)
  if (BigInt(first_offset) !== history.heldOffset)
    find('lost', `it prunes from ${first_offset}, and what is held begins at ${history.heldOffset}`)
  const gone = history.pieces.filter((piece) => beginOf(piece) < end)
  const parts = gone.filter((piece) => piece.kind === 'part')
  if (parts.at(-1)?.part.next_offset !== end_offset)
    find('lost', `it prunes up to ${end_offset}, where no part ends`)
  if (parts.some(({ segment }) => segment.parts.length > 1))
    find('lost', 'it prunes a segment that holds other partitions too')
  const named = objects.filter((object) => !object.includes(QUARANTINE))
  if (named.join() !== parts.map(({ segment }) => segment.key).join())
    find('undeclared', `it frees ${named.join(', ')}, and the range has other segments`)
  if (records !== recordsOf(parts)) find('undeclared', `it says ${records} records, not ${recordsOf(parts)}`)
  history.pieces.splice(0, history.pieces.length, ...history.pieces.filter((piece) => !gone.includes(piece)))
  history.heldOffset = end
}

/** Puts the segments of a commit in the place of those that it compacts: they have to hold the same offsets and as many records. */
export function applyCompaction(
  histories: readonly ArchivedHistory[],
  { segments, compacted }: CommitDocument,
  key: string,
  find: Find,
): void {
  const replaced = new Set(compacted!.objects)
  const held = new Set(
    histories.flatMap(({ pieces }) =>
      pieces.flatMap((piece) => (piece.kind === 'part' ? piece.segment.key : [])),
    ),
  )
  for (const object of replaced)
    if (!held.has(object)) find('undeclared', key, `it replaces ${object}, which is not held`)
  const placed = new Set<PartDocument>()
  for (const history of histories) {
    const before = history.pieces.filter((piece) => piece.kind === 'part' && replaced.has(piece.segment.key))
    const after = segments.flatMap((segment) => piecesOf(segment, history))
    for (const { part } of after) placed.add(part)
    if (before.length + after.length === 0) continue
    const where = `${history.topic}/${history.partition} lineage ${history.lineage} in ${key}`
    const [was, is] = [extentsOf(before as PartPiece[]), extentsOf(after)]
    if (was !== is) find('lost', where, `it replaces ${was} with ${is}`)
    const kept = history.pieces.filter((piece) => !before.includes(piece))
    const all = [...kept, ...after].sort((a, b) => Number(beginOf(a) - beginOf(b)))
    history.pieces.splice(0, history.pieces.length, ...all)
  }
  const astray = segments.flatMap(({ parts }) => parts).find((part) => !placed.has(part))
  if (astray) find('undeclared', key, `${astray.topic}/${astray.partition} has no such history`)
}

function piecesOf(segment: SegmentDocument, { topic, partition, lineage }: ArchivedHistory): PartPiece[] {
  const own = segment.parts.filter(
    (part) => part.topic === topic && part.partition === partition && (part.lineage ?? 1) === lineage,
  )
  return own.map((part) => ({ kind: 'part', segment, part }))
}

/** Stretches of offsets without a break, with the number of records in each. */
function extentsOf(pieces: readonly PartPiece[]): string {
  const stretches: { readonly begin: string; end: string; records: number }[] = []
  for (const { part } of [...pieces].sort((a, b) => Number(beginOf(a) - beginOf(b)))) {
    const last = stretches.at(-1)
    if (last?.end === part.begin_offset) {
      last.end = part.next_offset
      last.records += part.records
    } else stretches.push({ begin: part.begin_offset, end: part.next_offset, records: part.records })
  }
  return stretches.map(({ begin, end, records }) => `${begin} to ${end} (${records} records)`).join(', ')
}

function recordsOf(pieces: readonly PartPiece[]): number {
  return pieces.reduce((sum, { part }) => sum + part.records, 0)
}
