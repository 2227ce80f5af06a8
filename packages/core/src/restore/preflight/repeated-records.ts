import type { BackupState } from '../../format/backup-state.ts'
import type { LedgerSource, OffsetRun, TargetPlace } from '../../format/restore-ledger.ts'
import { type ClusterDescription, partitionName } from '../../kafka/cluster.ts'
import { type LedgerState, readOffsetMap } from '../../repository/restore-ledger.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { PartitionRestorePlan, RestorePlan } from '../restore-plan.ts'
import { boundedWindow, coverageOf, type TimeWindow } from '../time-window.ts'
import { commonEndOf } from './common-end.ts'
import { type Refusal, unsuitable } from './refusal.ts'
import type { TargetOffsets } from './target-content.ts'

/** What the target is. */
interface AppendPlace {
  readonly description: ClusterDescription
  readonly offsets: TargetOffsets
}

/** What was written to it before, and whether it may be written again. */
interface AppendOptions {
  readonly storage: StorageBackend
  readonly earlierRestores: () => Promise<LedgerState[]>
  readonly newestState: () => Promise<BackupState>
  readonly mayRepeat: boolean
  readonly signal: AbortSignal
}

/** Records of an earlier restore that are in a topic, and that the plan would write there again. */
interface Repetition {
  readonly topic: string
  readonly ledger: LedgerState
  /** 0: the restore was not finished, and what it wrote there is not in its ledger yet. */
  readonly records: number
}

/**
 * Whether records would stand twice in the topics that are added to, by the offset maps of earlier restores into them. By consent that is a
 * warning, which a ledger that cannot be read must not be in the way of.
 * @throws KB_LEDGER_CORRUPT
 */
export async function judgeRepetitions(
  plan: RestorePlan,
  place: AppendPlace,
  options: AppendOptions,
): Promise<{ readonly refusals: readonly Refusal[]; readonly warnings: readonly string[] }> {
  const looking = findRepetitions(plan, place, options)
  if (!options.mayRepeat) return { refusals: refuse(plan, await looking), warnings: [] }
  const repetitions = await looking.catch(() => [])
  return {
    refusals: [],
    warnings: repetitions.map((entry) => `topic ${entry.topic} holds ${repetitionText(entry)}`),
  }
}

/**
 * Offsets count: with a time window, records of an offset are taken for the same although the window may leave some of them out, unless both
 * windows are apart.
 */
async function findRepetitions(
  plan: RestorePlan,
  place: AppendPlace,
  { earlierRestores, newestState, storage, signal }: AppendOptions,
): Promise<Repetition[]> {
  const found: Repetition[] = []
  let newest: Promise<BackupState> | undefined
  const ledgers = await earlierRestores()
  for (const [at, ledger] of ledgers.entries()) {
    const isHere = ledger.begun !== null && ledger.opened.clusterId === place.description.clusterId
    if (!isHere || isApart(ledger, plan.window)) continue
    const sources = ledger.opened.sources.map((source) => taken(plan, source))
    const isOfOthers = sources.some((own) => own !== undefined && !own.isSameHistory)
    // An earlier commit does not know the histories that came after it.
    if (isOfOthers) newest ??= newestState()
    const state = await newest
    const wanted = sources.map((own) => own && wantedOf(own, state))
    const runs = readOffsetMap(storage, ledger.opened.backupId, ledger.restoreId, signal)
    const grown = grownTopics(ledger, ledgers.slice(at + 1), place.offsets)
    found.push(...(await repetitionsOf(wanted, { ledger, grown, runs }, place)))
  }
  return found
}

function refuse(plan: RestorePlan, repetitions: readonly Repetition[]): Refusal[] {
  return repetitions.flatMap((repetition) => {
    const topic = plan.topics.find(({ targetTopic }) => targetTopic === repetition.topic)
    if (!topic) return []
    const isUnfinished = !repetition.ledger.finished && !repetition.ledger.isAbandoned
    const goOn = isUnfinished
      ? 'To go on with that restore, give the choice that it was begun with, and --resume. '
      : ''
    const remedy = `${goOn}To write these records a second time all the same: --yes.`
    return [unsuitable(topic, `holds ${repetitionText(repetition)}`, remedy, 'KB_TARGET_NOT_EMPTY')]
  })
}

/** `4,000 records of restore X, which finished 2026-11-26T…; they would stand there twice` */
function repetitionText({ ledger, records }: Repetition): string {
  const { restoreId, opened, finished, finishedAtMs, isAbandoned } = ledger
  const count =
    records === 0 ? 'records' : `${records.toLocaleString('en-US')} record${records === 1 ? '' : 's'}`
  const state = finished
    ? `finished at ${new Date(finishedAtMs ?? 0).toISOString()}`
    : isAbandoned
      ? 'was given up'
      : 'was not finished'
  return `${count} of restore ${restoreId} (commit ${opened.commit}), which ${state}; they would stand there twice`
}

async function repetitionsOf(
  sources: readonly (Wanted | undefined)[],
  earlier: {
    readonly ledger: LedgerState
    readonly grown: ReadonlySet<string>
    readonly runs: ReturnType<typeof readOffsetMap>
  },
  { description, offsets }: AppendPlace,
): Promise<Repetition[]> {
  const { ledger, grown, runs } = earlier
  const topics = new Set(stillThere(ledger, description))
  if (topics.size === 0) return []
  const counts = new Map<string, number>()
  const count = (topic: string, records: number) => counts.set(topic, (counts.get(topic) ?? 0) + records)
  for (const topic of topics)
    if (grown.has(topic) && sources.some((own) => own?.targetTopic === topic && mayHave(ledger, own)))
      count(topic, 0)
  for await (const { place, run } of runs) {
    const wanted = sources[run.source]
    if (wanted?.targetTopic !== place.topic || !topics.has(place.topic)) continue
    const records = repeatedOf(wanted, keptOf(run, place, offsets))
    if (records > 0) count(place.topic, records)
  }
  return [...counts].map(([topic, records]) => ({ topic, ledger, records }))
}

/** Topics of the restore that were not deleted since, nor created again. */
function stillThere({ begun }: LedgerState, { topics }: ClusterDescription): string[] {
  return (begun?.topics ?? [])
    .filter(({ name, topicId }) => {
      const found = topics.find((topic) => topic.name === name)
      return found !== undefined && (topicId === null || found.topicId === topicId)
    })
    .map(({ name }) => name)
}

/**
 * Topics that hold more than when a restore began that has not finished: its ledger is behind the log, also where it was given up or released
 * since. One that was begun later without sharing its topics found them empty, or deleted what was there.
 */
function grownTopics(
  { begun, finished, isAbandoned, opened }: LedgerState,
  later: readonly LedgerState[],
  { starts, ends }: TargetOffsets,
): ReadonlySet<string> {
  if (finished) return new Set()
  const emptied = new Set(
    later
      .filter((next) => isAbandoned && !next.opened.isShared && next.opened.clusterId === opened.clusterId)
      .flatMap((next) => next.begun?.partitions.map(partitionName) ?? []),
  )
  const grown = (begun?.partitions ?? []).filter((own) => {
    const name = partitionName(own)
    return !emptied.has(name) && (ends.get(name) ?? 0n) > higher(own.beginOffset, starts.get(name) ?? 0n)
  })
  return new Set(grown.map(({ topic }) => topic))
}

/** What the plan takes of a source of an earlier restore. */
interface Wanted extends Pick<PartitionRestorePlan, 'targetTopic' | 'parts'> {
  /** From here on both have another history, so that the same offset is another record; null: the history is the same. */
  readonly commonEnd: bigint | null
}

interface Taken {
  readonly source: LedgerSource
  readonly own: PartitionRestorePlan
  readonly isSameHistory: boolean
}

function taken({ partitions }: RestorePlan, source: LedgerSource): Taken | undefined {
  const own = partitions.find(
    (entry) => entry.sourceTopic === source.topic && entry.partition === source.partition,
  )
  return own && { source, own, isSameHistory: own.lineage === source.lineage }
}

function wantedOf({ source, own, isSameHistory }: Taken, state: BackupState | undefined): Wanted {
  const { targetTopic, parts, lineage } = own
  if (isSameHistory) return { targetTopic, parts, commonEnd: null }
  const histories = state?.histories(source.topic, source.partition) ?? []
  return { targetTopic, parts, commonEnd: commonEndOf(histories, lineage, source.lineage) }
}

/** Whether the plan takes anything that a restore may have written whose ledger is behind: of its histories, and in its window. */
function mayHave({ opened }: LedgerState, wanted: Wanted): boolean {
  const window = boundedWindow(opened)
  const parts = wanted.parts.filter(({ part }) => coverageOf(window, part) !== 'outside')
  return parts.some(
    (clip) => repeatedOf({ ...wanted, parts: [clip] }, { first: 0n, end: clip.part.nextOffset }) > 0,
  )
}

/** What of a run has not been deleted since, as offsets of the source. */
function keptOf(
  run: OffsetRun,
  place: TargetPlace,
  { starts }: TargetOffsets,
): { readonly first: bigint; readonly end: bigint } {
  const gone = (starts.get(partitionName(place)) ?? 0n) - run.targetOffset
  return { first: run.sourceOffset + (gone > 0n ? gone : 0n), end: run.sourceOffset + BigInt(run.records) }
}

function repeatedOf(
  { parts, commonEnd }: Wanted,
  { first, end }: { readonly first: bigint; readonly end: bigint },
): number {
  const lastEnd = commonEnd === null ? end : lower(end, commonEnd)
  return parts.reduce((sum, { part, beginOffset, endOffset }) => {
    const from = higher(first, higher(part.firstOffset, beginOffset ?? 0n))
    const to = lower(lastEnd, endOffset ?? part.lastOffset + 1n)
    return to > from ? sum + Number(to - from) : sum
  }, 0)
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function higher(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** Restores of windows that have no millisecond in common write no record twice. */
function isApart({ opened: { fromMs, toMs } }: LedgerState, window: TimeWindow | null): boolean {
  if (window === null) return false
  const isAfter = toMs !== null && window.fromMs !== null && window.fromMs > toMs
  return isAfter || (fromMs !== null && window.toMs !== null && window.toMs < fromMs)
}
