import { type ArchivedHistory, foldCommits, type HistoryPiece } from './archive-history.ts'
import {
  type AbortedDocument,
  type ArchivedBatch,
  abortedOf,
  batchesOf,
  type GapDocument,
  type PartDocument,
  type SegmentDocument,
} from './archive-reading.ts'
import type { Finding, FindingClass } from './finding.ts'
import { checkGroups } from './group-checker.ts'
import type { LogBatch, PartitionLog } from './partition-log.ts'
import { checkRecoveryPoints } from './recovery-points.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

/** What is judged, and by what. */
export interface ArchiveCase {
  readonly objects: ReadonlyMap<string, { readonly bytes: Buffer }>
  readonly backupId: string
  readonly topics: SimulatedTopics
  /** The last run said that it is complete: everything that the logs hold now has to be there. */
  readonly isComplete: boolean
  /** Some runs read partitions with odd numbers only. */
  readonly hasSplitRuns: boolean
}

/** Compares an archive with everything that was ever in the logs that it is of. Reads nothing through the program's own code. */
export function checkArchive(archive: ArchiveCase): Finding[] {
  const state = foldCommits(archive.objects, archive.backupId)
  const { histories, findings } = state
  const found = [...findings, ...checkGroups(archive, state), ...checkRecoveryPoints(archive, state)]
  for (const history of histories) {
    const topic = archive.topics.everById.get(history.topicId)
    const log = topic?.logs[history.partition]
    const where = `${history.topic}/${history.partition} lineage ${history.lineage}`
    if (!topic || !log || topic.name !== history.topic) {
      found.push({ class: 'phantom', where, detail: `there never was a topic ${history.topicId}` })
      continue
    }
    found.push(...new HistoryCheck(archive, history, log, topic.isCompacted, where).run())
  }
  if (archive.isComplete) found.push(...checkExtent(archive.topics, histories))
  return found
}

/** Whether every log of the cluster is there up to its end. */
function checkExtent(topics: SimulatedTopics, histories: readonly ArchivedHistory[]): Finding[] {
  const findings: Finding[] = []
  for (const { name, topicId, logs, isCompacted } of topics.topics.values()) {
    for (const [partition, log] of logs.entries()) {
      const last = histories.findLast((entry) => entry.topic === name && entry.partition === partition)
      const find = (detail: string) => findings.push({ class: 'lost', where: `${name}/${partition}`, detail })
      if (last?.topicId !== topicId) {
        find('its newest history is of another topic')
        continue
      }
      const lastData = log.batches.findLast(({ records }) => records.length > 0)
      const end = isCompacted ? (lastData ? lastData.lastOffset + 1n : log.startOffset) : log.endOffset
      if (last.nextOffset < end) find(`it ends at ${last.nextOffset}, the log at ${log.endOffset}`)
    }
  }
  return findings
}

/** null: no reader could make sense of it. */
function readPart(bytes: Buffer, segment: SegmentDocument, part: PartDocument) {
  try {
    return { aborted: abortedOf(bytes, segment, part), batches: batchesOf(bytes, part) }
  } catch {
    return null
  }
}

class HistoryCheck {
  readonly #archive: ArchiveCase
  readonly #history: ArchivedHistory
  readonly #log: PartitionLog
  readonly #isCompacted: boolean
  readonly #where: string
  readonly #findings: Finding[] = []
  readonly #seen: LogBatch[] = []
  /** Those since the last gap, and since where the log once began. */
  #stretch: LogBatch[] = []
  #lastOffset = -1n

  constructor(
    archive: ArchiveCase,
    history: ArchivedHistory,
    log: PartitionLog,
    isCompacted: boolean,
    where: string,
  ) {
    this.#archive = archive
    this.#history = history
    this.#log = log
    this.#isCompacted = isCompacted
    this.#where = where
  }

  run(): Finding[] {
    const { beginOffset, lineage, pieces } = this.#history
    if (lineage === 1 && !this.#log.starts.has(beginOffset)) {
      this.#find('lost', `it begins at ${beginOffset}, where the log never began`)
    }
    for (const piece of pieces) {
      if (piece.kind === 'part') this.#checkPart(piece)
      else {
        this.#checkGap(piece.gap)
        this.#endStretch()
      }
    }
    this.#endStretch()
    return this.#findings
  }

  #checkGap({ first_offset, end_offset, reason }: GapDocument): void {
    const highestStart = [...this.#log.starts].reduce((high, start) => (start > high ? start : high), 0n)
    const isDeleted = reason === 'deleted_before_read' && BigInt(end_offset) <= highestStart
    if (!isDeleted)
      this.#find('lost', `a gap from ${first_offset} to ${end_offset} (${reason}) that the log does not have`)
  }

  #checkPart({ segment, part }: Extract<HistoryPiece, { kind: 'part' }>): void {
    const stored = this.#archive.objects.get(segment.key)
    if (stored?.bytes.length !== segment.bytes) {
      this.#find('lost', `${segment.key} is not what its commit says`)
      return
    }
    const read = readPart(stored.bytes, segment, part)
    if (read === null) {
      this.#find('altered', `${segment.key} cannot be read`)
      return
    }
    const { aborted, batches } = read
    const holes = part.holes.map(([first, end]) => [BigInt(first), BigInt(end)] as const)
    for (const [first, end] of holes) this.#checkHole(first, end)
    let next = BigInt(part.begin_offset)
    for (const batch of batches) {
      if (batch.baseOffset > next) {
        const isDeclared = holes.some(([first, end]) => first === next && end === batch.baseOffset)
        if (!isDeclared) this.#find('undeclared', `${next} to ${batch.baseOffset} is no declared hole`)
      }
      this.#checkOrder(batch)
      this.#checkContent(batch, aborted)
      next = batch.lastOffset + 1n
    }
    if (next !== BigInt(part.next_offset))
      this.#find('lost', `${segment.key} ends at ${next}, not ${part.next_offset}`)
  }

  #checkOrder({ baseOffset, lastOffset }: ArchivedBatch): void {
    if (baseOffset <= this.#lastOffset) {
      const isAgain = this.#seen.some((batch) => batch.baseOffset === baseOffset)
      this.#find(
        isAgain ? 'doubled' : 'reordered',
        `the batch at ${baseOffset} comes after ${this.#lastOffset}`,
      )
    }
    this.#lastOffset = lastOffset > this.#lastOffset ? lastOffset : this.#lastOffset
  }

  #checkContent(batch: ArchivedBatch, aborted: readonly AbortedDocument[]): void {
    const forms = this.#log.ever.get(batch.baseOffset)
    if (!forms) {
      this.#find('phantom', `no batch ever began at ${batch.baseOffset}`)
      return
    }
    const form = forms.find(({ bytes }) => bytes.equals(batch.bytes))
    if (!form) {
      this.#find('altered', `the batch at ${batch.baseOffset} has other bytes than any that was there`)
      return
    }
    this.#seen.push(form)
    if (this.#log.starts.has(form.baseOffset)) this.#endStretch()
    this.#stretch.push(form)
    const { transaction, isControl, ends } = form
    if (!transaction || isControl) return
    const isShownAborted = aborted.some(
      ({ producer_id, first_offset, end_offset }) =>
        BigInt(producer_id) === batch.producerId &&
        BigInt(first_offset) <= batch.baseOffset &&
        (end_offset === null || batch.lastOffset < BigInt(end_offset)),
    )
    const at = `the batch at ${batch.baseOffset} of a transaction`
    // What an election took away has no end that a reader could have known.
    if (ends.size === 0) {
      if (form.truncatedMs === null) this.#find('phantom', `${at} that is still open`)
      return
    }
    if (!isShownAborted && !ends.has('commit'))
      this.#find('phantom', `${at} that was aborted passes for committed`)
    if (isShownAborted && !ends.has('abort'))
      this.#find('lost', `${at} that was committed passes for aborted`)
  }

  /** What is declared as compacted away must not be in the log. */
  #checkHole(first: bigint, end: bigint): void {
    if (!this.#isCompacted) {
      this.#find('lost', `a hole from ${first} to ${end} in a log without compaction`)
      return
    }
    const there = this.#log.batches.find(({ baseOffset }) => baseOffset >= first && baseOffset < end)
    const isRead = there && this.#archive.isComplete && there.appendedMs < this.#oldestReadMs()
    if (isRead)
      this.#find('lost', `a hole from ${first} to ${end}, and the log has a batch at ${there.baseOffset}`)
  }

  /** Batches that were appended later than what surrounds a hole may lie in it after an election. */
  #oldestReadMs(): number {
    return this.#seen.at(-1)?.appendedMs ?? Number.POSITIVE_INFINITY
  }

  /** Batches without a gap between them were all in the log at one time. Of what lies below its start a broker knows nothing. */
  #endStretch(): void {
    const stretch = this.#stretch
    this.#stretch = []
    const gone = stretch.filter(({ truncatedMs }) => truncatedMs !== null)
    for (const batch of stretch) {
      const lost = gone.find(({ truncatedMs }) => truncatedMs! < batch.appendedMs)
      if (!lost) continue
      this.#find(
        'undeclared',
        `${lost.baseOffset} was gone before ${batch.baseOffset} was there: two histories in one`,
      )
      return
    }
  }

  #find(kind: FindingClass, detail: string): void {
    this.#findings.push({ class: kind, where: this.#where, detail })
  }
}
