import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { TargetPlace } from '../format/restore-ledger.ts'
import { type Cluster, partitionName } from '../kafka/cluster.ts'
import { type PartitionReaderOptions, readPartition } from '../kafka/partition-reader.ts'
import { BatchCursor } from '../protocol/record-batch.ts'
import type { LedgerState } from '../repository/restore-ledger.ts'
import { retry } from '../runtime/retry.ts'
import { runConcurrently } from '../runtime/run-concurrently.ts'
import { TailScan, type TailWriter, type TargetTail } from './tail-scan.ts'

/** The tail of a partition, and where its log ends. */
export interface TargetEnd extends TargetTail {
  readonly place: TargetPlace
  /** Where the stream stood when the ledger was written last. */
  readonly knownPosition: bigint
  /** High watermark when the tail was read. */
  readonly endOffset: bigint
}

const CONCURRENT_SCANS = 4
/** A marker is replicated before the coordinator says so; a leader that was just elected may need a moment to show it. */
const OPEN_RETRY = { firstDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: 60_000 }

/**
 * Reads the log of each target partition from where the ledger's last progress ends, and says how far the stream is in it.
 * `isMovingUp`: logs may end below where the first record belongs.
 * @throws KB_TARGET_CHANGED when a batch of ours is out of step, KB_BROKER_TRANSIENT when a transaction of ours stays open
 */
export async function readTails(
  options: PartitionReaderOptions,
  ledger: LedgerState,
  isMovingUp: boolean,
): Promise<ReadonlyMap<string, TargetEnd>> {
  const places = ledger.begun?.partitions ?? []
  const ends = await highWatermarks(options.cluster, places)
  const tails = new Map<string, TargetEnd>()
  await runConcurrently(places, CONCURRENT_SCANS, async (place) => {
    const name = partitionName(place)
    const isBelow = isMovingUp && !ledger.progress.has(name)
    tails.set(name, await readTail(options, ledger, { ...place, isBelow }, ends.get(name) ?? 0n))
  })
  return tails
}

async function highWatermarks(
  cluster: Cluster,
  places: readonly TargetPlace[],
): Promise<Map<string, bigint>> {
  return places.length === 0 ? new Map() : cluster.listOffsets('high_watermark', places)
}

async function readTail(
  options: PartitionReaderOptions,
  ledger: LedgerState,
  {
    topic,
    partition,
    beginOffset,
    isBelow,
  }: TargetPlace & { readonly beginOffset: bigint; readonly isBelow: boolean },
  firstEnd: bigint,
): Promise<TargetEnd> {
  const place = { topic, partition }
  const known = ledger.progress.get(partitionName(place)) ?? { position: 0n, nextOffset: beginOffset }
  const writers = writersOf(ledger, place)
  let endOffset = firstEnd
  return retry(
    async (attempt) => {
      if (attempt > 1)
        endOffset = (await highWatermarks(options.cluster, [place])).get(partitionName(place)) ?? 0n
      if (endOffset < known.nextOffset && !isBelow) throw shortened(place, known.nextOffset, endOffset)
      const scan = new TailScan(place, writers, known)
      if (endOffset > known.nextOffset)
        await scanLog(options, { ...place, beginOffset: known.nextOffset, endOffset }, scan)
      const tail = scan.finish()
      if (tail.isOpen) throw stillOpen(place)
      return { ...tail, place, knownPosition: known.position, endOffset }
    },
    { policy: OPEN_RETRY, clock: options.clock, signal: options.signal },
  )
}

async function scanLog(
  options: PartitionReaderOptions,
  range: TargetPlace & { readonly beginOffset: bigint; readonly endOffset: bigint },
  scan: TailScan,
): Promise<void> {
  const cursor = new BatchCursor()
  for await (const chunk of readPartition(options, range)) {
    for (cursor.reset(chunk.bytes); cursor.next(); ) scan.add(cursor)
  }
}

function writersOf(ledger: LedgerState, { topic, partition }: TargetPlace): TailWriter[] {
  return ledger.claims.flatMap(({ producerId, producerEpoch, partitions }) => {
    const own = partitions.find((entry) => entry.topic === topic && entry.partition === partition)
    return own ? [{ producerId, producerEpoch, basePosition: own.basePosition }] : []
  })
}

function shortened(place: TargetPlace, known: bigint, end: bigint): KafkaBackupError {
  return new KafkaBackupError(
    'KB_TARGET_CHANGED',
    `${partitionName(place)} ends at offset ${end}, and this restore had written up to ${known}: records were lost, or the topic was created again`,
    { context: { ...place } },
  )
}

function stillOpen(place: TargetPlace): KafkaBackupError {
  return new KafkaBackupError(
    'KB_BROKER_TRANSIENT',
    `${partitionName(place)}: the end of a transaction of this restore is not there yet`,
    { context: { ...place } },
  )
}
