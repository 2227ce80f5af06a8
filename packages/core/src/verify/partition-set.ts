import type { Commit } from '../format/commit.ts'
import { foldSteps } from '../format/fold-step.ts'
import { type AffectedPartition, historyName } from './finding.ts'

/** A partition by name. */
export type PartitionName = Pick<AffectedPartition, 'topic' | 'partition'>

/** Affected partitions, each once, in order of topic and number. What is said first of a partition stays, unless a later word bounds it. */
export class PartitionSet {
  readonly #entries = new Map<string, AffectedPartition>()

  constructor(entries: Iterable<AffectedPartition> = []) {
    for (const entry of entries) this.add(entry)
  }

  get size(): number {
    return this.#entries.size
  }

  add(entry: AffectedPartition): void {
    const name = `${entry.topic}/${entry.partition}`
    const known = this.#entries.get(name)
    if (known?.lastOffset !== undefined) return
    if (known && entry.lastOffset === undefined) return
    const isSameHistory = known?.lineage === entry.lineage
    this.#entries.set(name, isSameHistory ? { ...known, ...entry } : entry)
  }

  has({ topic, partition }: PartitionName): boolean {
    return this.#entries.has(`${topic}/${partition}`)
  }

  sorted(): AffectedPartition[] {
    return [...this.#entries.values()].sort((a, b) => {
      if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
      return a.partition - b.partition
    })
  }
}

/** What a commit says something about, with the bounds of what it adds where all of that is of one history. */
export function touchedBy(
  commit: Pick<Commit, 'begins' | 'segments' | 'gaps' | 'divergences' | 'pruned' | 'compacted'>,
): AffectedPartition[] {
  const touched = new Map<string, Touched>()
  const add = (entry: Touched) => {
    const name = `${entry.topic}/${entry.partition}`
    const known = touched.get(name)
    if (!known) touched.set(name, entry)
    else touched.set(name, joined(known, entry))
  }
  for (const { topic, partition, lineage, begin: first, end } of foldSteps(commit)) {
    add({ topic, partition, lineage, first, end })
  }
  for (const { topic, partition, offset } of commit.begins) {
    add({ topic, partition, lineage: 1, first: offset, end: offset })
  }
  for (const { topic, partition, lineage, firstOffset: first, endOffset: end } of commit.pruned?.partitions ??
    []) {
    add({ topic, partition, lineage, first, end })
  }
  for (const { topic, partition, lineage, beginOffset: first, nextOffset: end } of rewrittenParts(commit)) {
    add({ topic, partition, lineage, first, end })
  }
  return [...touched.values()].map(affectedBy)
}

function rewrittenParts({ segments, compacted }: Pick<Commit, 'segments' | 'compacted'>) {
  return compacted ? segments.flatMap(({ parts }) => parts) : []
}

/** `lineage` is null when it is of several histories: their offsets have nothing to do with each other. */
interface Touched extends PartitionName {
  readonly lineage: number | null
  readonly first: bigint
  readonly end: bigint
}

function joined(a: Touched, b: Touched): Touched {
  return {
    topic: a.topic,
    partition: a.partition,
    lineage: a.lineage === b.lineage ? a.lineage : null,
    first: a.first < b.first ? a.first : b.first,
    end: a.end > b.end ? a.end : b.end,
  }
}

function affectedBy({ topic, partition, lineage, first, end }: Touched): AffectedPartition {
  if (lineage === null) return { topic, partition }
  const history = historyName({ topic, partition, lineage })
  if (end > first) return { ...history, firstOffset: first, lastOffset: end - 1n }
  return { ...history, firstOffset: first }
}
