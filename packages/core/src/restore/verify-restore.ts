import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { Observer } from '../events/run-event.ts'
import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import type { PartitionReaderOptions } from '../kafka/partition-reader.ts'
import type { KafkaRecord } from '../protocol/record.ts'
import { readOffsetMap } from '../repository/restore-ledger.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { BatchSourceOptions } from './batch-source.ts'
import { Comparison, type PartitionVerdict } from './comparison.ts'
import { type MappedRecord, readMapped } from './mapped-records.ts'
import { findReadableLogs, type ReadableLog } from './readable-logs.ts'
import { RecordFeed } from './record-feed.ts'
import type { RestorePlan, RestoreWork } from './restore-plan.ts'
import { verificationProgress } from './verification-progress.ts'
import { readWorkRecords } from './work-stream.ts'

/** What a comparison with a restored copy reads. */
export interface VerifyRestoreOptions extends BatchSourceOptions, PartitionReaderOptions {
  readonly plan: RestorePlan
  readonly restoreId: string
  /** False: the restore was not gone on with; what the map does not name yet is lacking, and no difference. */
  readonly isWritten: boolean
  readonly observe: Observer
}

const CONCURRENT_WORKS = 2
const NAMED_MAX = 20

/**
 * Reads the restored records back as a reader of committed records and compares them with the archive, one by one: key, value, headers in
 * their order, timestamp, and the offset that the map gives. Records of others in the same topic are passed over. Every partition is
 * compared to its end, whatever differs.
 * @throws KB_CLUSTER_*, KB_SEGMENT_CORRUPT, KB_BATCH_CORRUPT …; a difference is no error
 */
export async function verifyRestore(options: VerifyRestoreOptions): Promise<PartitionVerdict[]> {
  const runs = await runsByPlace(options)
  const logs = await findReadableLogs(options, wantedLogs(options.plan, runs))
  const onCompared = verificationProgress(options.observe, options.plan.records)
  const verdicts: PartitionVerdict[] = []
  await runConcurrently(options.plan.works, CONCURRENT_WORKS, async (work) => {
    verdicts.push(...(await verifyWork(options, work, { runs, logs, onCompared })))
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

type RunsByPlace = ReadonlyMap<string, readonly OffsetRun[]>

async function runsByPlace({
  storage,
  backupId,
  restoreId,
  signal,
}: VerifyRestoreOptions): Promise<RunsByPlace> {
  const runs = new Map<string, OffsetRun[]>()
  for await (const { place, run } of readOffsetMap(storage, backupId, restoreId, signal)) {
    const name = partitionName(place)
    const own = runs.get(name)
    if (own) own.push(run)
    else runs.set(name, [run])
  }
  return runs
}

function wantedLogs(plan: RestorePlan, runs: RunsByPlace) {
  return plan.works.flatMap(({ targets }) =>
    targets.flatMap((place) => {
      const last = runs.get(partitionName(place))?.at(-1)
      return last ? [{ ...place, endOffset: last.targetOffset + BigInt(last.records) }] : []
    }),
  )
}

interface Lane {
  readonly place: TargetPlace
  readonly found: RecordFeed<MappedRecord>
  readonly comparison: Comparison
  /** Records of the archive that a restore which has not ended did not write yet. */
  lacking: number
}

async function verifyWork(
  options: VerifyRestoreOptions,
  work: RestoreWork,
  shared: {
    readonly runs: RunsByPlace
    readonly logs: ReadonlyMap<string, ReadableLog>
    readonly onCompared: (records: number) => void
  },
): Promise<PartitionVerdict[]> {
  const lanes = work.targets.map((place): Lane => {
    const name = partitionName(place)
    const found = readMapped(options, place, shared.runs.get(name) ?? [], shared.logs.get(name))
    return { place, found: new RecordFeed(found), comparison: new Comparison(), lacking: 0 }
  })
  const begin = work.targets.map(() => 0n)
  try {
    for await (const { lane: at, source, record } of readWorkRecords(options, options.plan, work, begin)) {
      const lane = lanes[at] as Lane
      const found = lane.found.ready() ?? (await lane.found.load())
      if (found) compareMapped(lane, source, record, found)
      else if (options.isWritten) lane.comparison.missing(record, null, 'the offset map does not name it')
      else lane.lacking++
      shared.onCompared(1)
    }
    for (const lane of lanes) await compareRest(lane)
  } finally {
    for (const { found } of lanes) await found.close()
  }
  return lanes.map(({ place, comparison, lacking }) => comparison.finish(place, lacking === 0))
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
async function compareRest({ found, comparison }: Lane): Promise<void> {
  for (;;) {
    const more = found.ready() ?? (await found.load())
    if (!more) return
    comparison.unexpected(more.targetOffset, more.record, 'it is not in the plan')
  }
}
