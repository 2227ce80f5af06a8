import { createHash, type Hash } from 'node:crypto'
import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { OffsetRun, TargetPlace } from '../format/restore-ledger.ts'
import { partitionName } from '../kafka/cluster.ts'
import { type PartitionReaderOptions, readPartition } from '../kafka/partition-reader.ts'
import { type KafkaRecord, readRecords } from '../protocol/record.ts'
import { BatchCursor, verifyCrc } from '../protocol/record-batch.ts'
import { readOffsetMap } from '../repository/restore-ledger.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import type { BatchSourceOptions } from './batch-source.ts'
import { hashRecord, recordDifference } from './record-content.ts'
import type { RestorePlan, RestoreWork } from './restore-plan.ts'
import { readWorkRecords } from './work-stream.ts'

/** What a comparison reads. */
export interface VerifyRestoreOptions extends BatchSourceOptions, PartitionReaderOptions {
  readonly plan: RestorePlan
  readonly restoreId: string
  readonly onVerified: (records: number) => void
}

/** A partition whose content is that of the archive. */
export interface VerifiedPartition extends TargetPlace {
  readonly records: number
  /** SHA-256 over key, value, headers and timestamp of every record, in order; docs/restore.md has the bytes. */
  readonly sha256: string
}

const CONCURRENT_WORKS = 2

/**
 * Reads the restored records back and compares them with the archive, one by one: key, value, headers in their order, timestamp, and
 * the offset that the map gives. Records of others in the same topic are passed over.
 * @throws KB_VALIDATION_FAILED with both offsets of the first record that differs
 */
export async function verifyRestore(options: VerifyRestoreOptions): Promise<VerifiedPartition[]> {
  const runs = await runsByPlace(options)
  const verified: VerifiedPartition[] = []
  await runConcurrently(options.plan.works, CONCURRENT_WORKS, async (work) => {
    verified.push(...(await verifyWork(options, work, runs)))
  })
  return verified.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

async function runsByPlace({ storage, backupId, restoreId, signal }: VerifyRestoreOptions) {
  const runs = new Map<string, OffsetRun[]>()
  for await (const { place, run } of readOffsetMap(storage, backupId, restoreId, signal)) {
    const name = partitionName(place)
    const own = runs.get(name)
    if (own) own.push(run)
    else runs.set(name, [run])
  }
  return runs
}

interface Lane {
  readonly place: TargetPlace
  readonly found: AsyncGenerator<FoundRecord, void, undefined>
  readonly hash: Hash
  records: number
}

async function verifyWork(
  options: VerifyRestoreOptions,
  work: RestoreWork,
  runs: ReadonlyMap<string, readonly OffsetRun[]>,
): Promise<VerifiedPartition[]> {
  const lanes = work.targets.map((place): Lane => {
    const found = readMapped(options, place, runs.get(partitionName(place)) ?? [])
    return { place, found, hash: createHash('sha256'), records: 0 }
  })
  const begin = work.targets.map(() => 0n)
  for await (const { lane: at, source, record } of readWorkRecords(options, options.plan, work, begin)) {
    const lane = lanes[at] as Lane
    const { value: found } = await lane.found.next()
    if (!found) throw different(lane.place, record.offset, null, 'it is not in the target')
    const expected = { source, offset: record.offset }
    if (found.source !== expected.source || found.sourceOffset !== expected.offset) {
      throw different(
        lane.place,
        record.offset,
        found.record.offset,
        'the offset map names another record there',
      )
    }
    const what = recordDifference(record, found.record)
    if (what !== undefined) throw different(lane.place, record.offset, found.record.offset, what)
    hashRecord(lane.hash, found.record)
    lane.records++
    options.onVerified(1)
  }
  for (const { place, found } of lanes) {
    const { value: more } = await found.next()
    if (more) throw different(place, null, more.record.offset, 'it is not in the plan')
  }
  return lanes.map(({ place, records, hash }) => ({ ...place, records, sha256: hash.digest('hex') }))
}

interface FoundRecord {
  readonly source: number
  readonly sourceOffset: bigint
  readonly record: KafkaRecord
}

/** The records of the target that the map names, in order. @throws KB_VALIDATION_FAILED when one of them is not there */
async function* readMapped(
  options: VerifyRestoreOptions,
  place: TargetPlace,
  runs: readonly OffsetRun[],
): AsyncGenerator<FoundRecord, void, undefined> {
  const [first] = runs
  const last = runs.at(-1)
  if (!first || !last) return
  const range = {
    ...place,
    beginOffset: first.targetOffset,
    endOffset: last.targetOffset + BigInt(last.records),
  }
  let at = 0
  let next = first.targetOffset
  const missing = (run: OffsetRun): KafkaBackupError =>
    different(place, run.sourceOffset + (next - run.targetOffset), next, 'it is not in the target')
  const chunks = readPartition(options, range)
  try {
    for (;;) {
      const { value: chunk } = await chunks.next().catch((error) => {
        throw isKafkaBackupError(error, 'KB_OFFSET_OUT_OF_RANGE') ? missing(runs[at] ?? last) : error
      })
      if (!chunk) return
      for (const record of ownRecords(chunk.bytes)) {
        const run = runs[at]
        if (!run || record.offset < next) continue
        if (record.offset > next) throw missing(run)
        yield { source: run.source, sourceOffset: run.sourceOffset + (next - run.targetOffset), record }
        next++
        if (next === run.targetOffset + BigInt(run.records)) next = runs[++at]?.targetOffset ?? next
      }
    }
  } finally {
    await chunks.return()
  }
}

/** Every record of some batches, committed or not: which of them count is said by the map. */
function* ownRecords(bytes: Buffer): Generator<KafkaRecord> {
  const cursor = new BatchCursor(bytes)
  while (cursor.next()) {
    verifyCrc(cursor)
    if (!cursor.isControl) yield* readRecords(cursor)
  }
}

function different(
  place: TargetPlace,
  sourceOffset: bigint | null,
  targetOffset: bigint | null,
  what: string,
): KafkaBackupError {
  const where = [
    ...(sourceOffset === null ? [] : [`source offset ${sourceOffset}`]),
    ...(targetOffset === null ? [] : [`target offset ${targetOffset}`]),
  ].join(', ')
  return new KafkaBackupError(
    'KB_VALIDATION_FAILED',
    `${partitionName(place)}: the first record that differs has ${where}: ${what}`,
    {
      context: { ...place },
      hint: 'Something else wrote to the target, or the copy is not what the archive holds.',
    },
  )
}
