import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { type LedgerState, readOffsetMap } from '../repository/restore-ledger.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { BatchSourceOptions } from './batch-source.ts'
import { Comparison, type PartitionVerdict } from './comparison.ts'
import { type MappedRange, type MappedRecord, readMapped, type StrangerRecord } from './mapped-records.ts'
import { findReadableLogs, type ReadableLog } from './readable-logs.ts'
import { RecordFeed } from './record-feed.ts'
import { countBehind, type RecordsBehind } from './records-behind.ts'
import type { RestorePlan, RestoreWork } from './restore-plan.ts'
import { verificationProgress } from './verification-progress.ts'
import { readWorkRecords } from './work-stream.ts'

/** What a comparison with a restored copy reads. */
export interface VerifyRestoreOptions extends BatchSourceOptions, PartitionReaderOptions {
  readonly plan: RestorePlan
  readonly ledger: LedgerState
  /** False: the restore was not gone on with; what the map does not name yet is lacking, and no difference. */
  readonly isWritten: boolean
  readonly observe: Observer
}

/** What the comparison of one partition with the archive came to. */
export interface RestoreVerdict extends PartitionVerdict {
  /** Records of others among those of the restore, where it was allowed to be added to a topic; else each of them is a difference. */
  readonly passedOver: number
  /** Not compared. */
  readonly behind: RecordsBehind
}

const STRANGER = 'the archive does not have it, and the restore did not write it'
const CONCURRENT_WORKS = 2
const NAMED_MAX = 20

/**
 * Reads the restored records back as a reader of committed records and compares them with the archive, one by one: key, value, headers in
 * their order, timestamp, and the offset that the map gives. From the begin of the log to the last record of the restore nothing else may
 * stand there, unless the restore was added to what topics held: then others are passed over, from where it began. What is behind
 * it is counted. Every partition is compared to its end, whatever differs.
 * @throws KB_CLUSTER_*, KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT …; a difference is no error
 */
export async function verifyRestore(options: VerifyRestoreOptions): Promise<RestoreVerdict[]> {
  const ranges = await rangesOf(options)
  const wanted = ranges.map(({ place, endOffset }) => ({ ...place, endOffset }))
  const logs = await findReadableLogs(options, wanted)
  const rangeOf = new Map(ranges.map((range) => [partitionName(range.place), range]))
  const onCompared = verificationProgress(options.observe, options.plan.records)
  const verdicts: RestoreVerdict[] = []
  await runConcurrently(options.plan.works, CONCURRENT_WORKS, async (work) => {
    verdicts.push(...(await verifyWork(options, work, { rangeOf, logs, onCompared })))
  })
  return verdicts.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

/** @throws KB_VALIDATION_FAILED with the first difference of each partition that has one */
export function assertEqual(verdicts: readonly PartitionVerdict[]): void {
  const wrong = verdicts.filter(({ verdict }) => verdict === 'differs')
  const [first] = wrong
  if (!first) return
  const lines = wrong.slice(0, NAMED_MAX).map(differenceText)
  if (wrong.length > NAMED_MAX) lines.push(`and ${wrong.length - NAMED_MAX} partitions more`)
  throw new KafkaBackupError('KB_VALIDATION_FAILED', lines.join('\n'), {
    context: { topic: first.topic, partition: first.partition },
    hint: 'Something else wrote to the target, or the copy is not what the archive holds.',
  })
}

/** `orders/3: the first record that differs has source offset 4, target offset 7: its key differs …` */
function differenceText(verdict: PartitionVerdict): string {
  const { sourceOffset = null, clusterOffset = null, detail = '' } = verdict.firstDifference ?? {}
  const where = [
    ...(sourceOffset === null ? [] : [`source offset ${sourceOffset}`]),
    ...(clusterOffset === null ? [] : [`target offset ${clusterOffset}`]),
  ].join(', ')
  return `${partitionName(verdict)}: the first record that differs has ${where}: ${detail}`
}

async function rangesOf(options: VerifyRestoreOptions): Promise<MappedRange[]> {
  const { storage, backupId, ledger, plan, signal } = options
  const runs = new Map<string, OffsetRun[]>()
  for await (const { place, run } of readOffsetMap(storage, backupId, ledger.restoreId, signal)) {
    const name = partitionName(place)
    const own = runs.get(name)
    if (own) own.push(run)
    else runs.set(name, [run])
  }
  const begins = new Map(ledger.begun?.partitions.map((own) => [partitionName(own), own.beginOffset]))
  return plan.works
    .flatMap(({ targets }) => targets)
    .map((place) => {
      const name = partitionName(place)
      const beginOffset = begins.get(name) ?? 0n
      const own = runs.get(name) ?? []
      const last = own.at(-1)
      return {
        place,
        runs: own,
        fromOffset: ledger.opened.isShared ? beginOffset : null,
        endOffset: last ? last.targetOffset + BigInt(last.records) : beginOffset,
      }
    })
}

interface Lane {
  readonly place: TargetPlace
  readonly range: MappedRange
  readonly log: ReadableLog | undefined
  readonly found: RecordFeed<MappedRecord | StrangerRecord>
  readonly comparison: Comparison
  /** Records of the archive that a restore which has not ended did not write yet. */
  lacking: number
  passedOver: number
}

async function verifyWork(
  options: VerifyRestoreOptions,
  work: RestoreWork,
  shared: {
    readonly rangeOf: ReadonlyMap<string, MappedRange>
    readonly logs: ReadonlyMap<string, ReadableLog>
    readonly onCompared: (records: number) => void
  },
): Promise<RestoreVerdict[]> {
  const lanes = work.targets.map((place): Lane => {
    const name = partitionName(place)
    const range = shared.rangeOf.get(name) ?? { place, runs: [], fromOffset: null, endOffset: 0n }
    const log = shared.logs.get(name)
    const found = new RecordFeed(readMapped(options, range, log))
    return { place, range, log, found, comparison: new Comparison(), lacking: 0, passedOver: 0 }
  })
  const begin = work.targets.map(() => 0n)
  try {
    for await (const { lane: at, source, record } of readWorkRecords(options, options.plan, work, begin)) {
      const lane = lanes[at] as Lane
      const found = await nextMapped(lane)
      if (found) compareMapped(lane, source, record, found)
      else if (options.isWritten) lane.comparison.missing(record, null, 'the offset map does not name it')
      else lane.lacking++
      shared.onCompared(1)
    }
    for (const lane of lanes) await compareRest(lane)
  } finally {
    for (const { found } of lanes) await found.close()
  }
  const verdicts: RestoreVerdict[] = []
  for (const { place, range, log, comparison, lacking, passedOver } of lanes) {
    const behind = await countBehind(options, place, range.endOffset, log)
    verdicts.push({ ...comparison.finish(place, lacking === 0), passedOver, behind })
  }
  return verdicts
}

/** Judges the strangers before it. */
async function nextMapped(lane: Lane): Promise<MappedRecord | undefined> {
  for (;;) {
    const item = lane.found.ready() ?? (await lane.found.load())
    if (item?.kind !== 'stranger') return item
    if (lane.range.fromOffset === null) lane.comparison.unexpected(item.targetOffset, item.record, STRANGER)
    else lane.passedOver++
  }
}

function compareMapped(
  { comparison }: Lane,
  source: number,
  expected: KafkaRecord,
  { source: mappedSource, sourceOffset, targetOffset, record, absence }: MappedRecord,
): void {
  if (mappedSource !== source || sourceOffset !== expected.offset) {
    comparison.misplaced(expected, targetOffset, record, 'the offset map names another record there')
  } else if (record) comparison.compare(expected, record)
  else comparison.missing(expected, targetOffset, absence)
}

/** What the map names beyond the end of the plan. */
async function compareRest(lane: Lane): Promise<void> {
  for (;;) {
    const more = await nextMapped(lane)
    if (!more) return
    lane.comparison.unexpected(more.targetOffset, more.record, 'it is not in the plan')
  }
}
