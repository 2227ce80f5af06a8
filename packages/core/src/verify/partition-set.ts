import type { Commit } from '../format/commit.ts'
import type { AffectedPartition } from './finding.ts'

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
    if (!known || entry.lastOffset !== undefined) this.#entries.set(name, { ...known, ...entry })
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

/** What a commit says something about, with the bounds of what it adds. */
export function touchedBy(commit: Pick<Commit, 'begins' | 'segments' | 'gaps'>): AffectedPartition[] {
  const bounds = new Map<string, { topic: string; partition: number; first: bigint; end: bigint }>()
  const add = (topic: string, partition: number, first: bigint, end: bigint) => {
    const known = bounds.get(`${topic}/${partition}`)
    if (!known) bounds.set(`${topic}/${partition}`, { topic, partition, first, end })
    else {
      if (first < known.first) known.first = first
      if (end > known.end) known.end = end
    }
  }
  for (const segment of commit.segments) {
    for (const part of segment.parts) add(part.topic, part.partition, part.beginOffset, part.nextOffset)
  }
  for (const gap of commit.gaps) add(gap.topic, gap.partition, gap.firstOffset, gap.endOffset)
  for (const begin of commit.begins) add(begin.topic, begin.partition, begin.offset, begin.offset)
  return [...bounds.values()].map(({ topic, partition, first, end }) =>
    end > first
      ? { topic, partition, firstOffset: first, lastOffset: end - 1n }
      : { topic, partition, firstOffset: first },
  )
}
