import type { FetchPartition } from '../kafka/fetch-api.ts'
import type { PartitionWriter } from './partition-writer.ts'

/** Offset and epoch asked for, by partition, in the order of the request. */
export type Positions = ReadonlyMap<PartitionWriter, Position>

/** `lastEpoch`: leader epoch of the batch that ends at `offset`; -1 when unknown. */
export interface Position {
  readonly offset: bigint
  readonly lastEpoch: number
}

const PARTITION_MIN_BYTES = 256 * 1024

/** Where a partition stands. */
export function positionOf({ intake }: PartitionWriter): Position {
  return { offset: intake.fetchOffset, lastEpoch: intake.lastFetchedEpoch }
}

/**
 * Whose turn it is. Every other request is for the partitions alone that are about to lose offsets, if there are any, so that
 * these are read first and the others are read still.
 */
export class FetchTurns {
  readonly #isUrgent: (writer: PartitionWriter) => boolean
  #isUrgentTurn = false

  constructor(isUrgent: (writer: PartitionWriter) => boolean) {
    this.#isUrgent = isUrgent
  }

  /** The positions to ask for now; never empty when `positions` is not. */
  choose(positions: Positions): Positions {
    this.#isUrgentTurn = !this.#isUrgentTurn
    if (!this.#isUrgentTurn) return positions
    const urgent = [...positions].filter(([writer]) => this.#isUrgent(writer))
    return urgent.length > 0 ? new Map(urgent) : positions
  }
}

/** The entries of a request that shares `fetchMaxBytes` among its partitions. */
export function fetchEntries(
  positions: Positions,
  fetchMaxBytes: number,
  leaderEpochs: ReadonlyMap<PartitionWriter, number>,
): FetchPartition[] {
  const share = Math.floor(fetchMaxBytes / Math.max(positions.size, 1))
  return [...positions].map(([writer, position]) => ({
    topic: writer.plan.topic,
    topicId: writer.plan.topicId,
    partition: writer.plan.partition,
    fetchOffset: position.offset,
    leaderEpoch: leaderEpochs.get(writer) ?? -1,
    lastFetchedEpoch: position.lastEpoch,
    partitionMaxBytes: Math.max(share, PARTITION_MIN_BYTES),
  }))
}
