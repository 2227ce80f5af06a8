import type { SeededRandom } from '../seeded-random.ts'
import type { AskedFetch, AskedPartition, PartitionSays } from './fetch-wire.ts'
import type { LogBatch, PartitionLog } from './partition-log.ts'
import type { SimulatedTopics } from './simulated-topics.ts'

const OFFSET_OUT_OF_RANGE = 1
const UNKNOWN_TOPIC_OR_PARTITION = 3
const NOT_LEADER_OR_FOLLOWER = 6
const FENCED_LEADER_EPOCH = 74
const UNKNOWN_LEADER_EPOCH = 75
const UNKNOWN_TOPIC_ID = 100

/** How a broker answers a Fetch. `byId`: topics are named by their ids. */
export interface AnsweringBroker {
  readonly topics: SimulatedTopics
  readonly broker: number
  readonly byId: boolean
  readonly random: SeededRandom
}

/** Answers for all partitions, in the order of the request, as much as its limits allow. */
export function answerFetch(at: AnsweringBroker, asked: AskedFetch): PartitionSays[] {
  let leftBytes = asked.maxBytes
  let isFirst = true
  return asked.partitions.map((entry) => {
    const says = answerPartition(at, asked, entry, { leftBytes, isFirst })
    leftBytes = Math.max(leftBytes - says.batches.length, 0)
    if (says.batches.length > 0) isFirst = false
    return says
  })
}

function answerPartition(
  at: AnsweringBroker,
  asked: AskedFetch,
  entry: AskedPartition,
  room: { readonly leftBytes: number; readonly isFirst: boolean },
): PartitionSays {
  const { topics, broker, byId } = at
  const topic = byId
    ? [...topics.topics.values()].find(({ topicId }) => topicId === entry.topic)
    : topics.topics.get(entry.topic)
  const log = topic?.logs[entry.partition]
  if (!topic || !log) return refusal(entry, byId ? UNKNOWN_TOPIC_ID : UNKNOWN_TOPIC_OR_PARTITION, log)
  const leader = topics.leaderOf({ topic: topic.name, partition: entry.partition })
  if (leader !== broker) return refusal(entry, NOT_LEADER_OR_FOLLOWER, log)
  if (entry.currentLeaderEpoch >= 0 && entry.currentLeaderEpoch !== log.leaderEpoch) {
    const isOld = entry.currentLeaderEpoch < log.leaderEpoch
    return refusal(entry, isOld ? FENCED_LEADER_EPOCH : UNKNOWN_LEADER_EPOCH, log)
  }
  if (entry.lastFetchedEpoch >= 0) {
    const known = log.endOfEpoch(entry.lastFetchedEpoch)
    if (known.leaderEpoch < 0) return refusal(entry, OFFSET_OUT_OF_RANGE, log)
    if (known.leaderEpoch < entry.lastFetchedEpoch || known.endOffset < entry.fetchOffset) {
      return { ...refusal(entry, 0, log), diverging: known }
    }
  }
  if (entry.fetchOffset < log.startOffset || entry.fetchOffset > log.endOffset) {
    return refusal(entry, OFFSET_OUT_OF_RANGE, log)
  }
  return readLog(at, asked, entry, log, Math.min(room.leftBytes, entry.partitionMaxBytes), room.isFirst)
}

function readLog(
  { random }: AnsweringBroker,
  asked: AskedFetch,
  entry: AskedPartition,
  log: PartitionLog,
  maxBytes: number,
  isFirst: boolean,
): PartitionSays {
  const end = asked.isReadCommitted ? log.lastStableOffset : log.endOffset
  const readable = log.batches.filter(
    ({ baseOffset, lastOffset }) => lastOffset >= entry.fetchOffset && baseOffset < end,
  )
  const batches = cut(readable, maxBytes, isFirst)
  const lastOffset = readable.findLast((_, index) => index < wholeOnes(readable, batches.length))?.lastOffset
  const overlapping = log.aborted.filter(
    ({ firstOffset, markerOffset }) =>
      asked.isReadCommitted &&
      lastOffset !== undefined &&
      markerOffset >= entry.fetchOffset &&
      firstOffset <= lastOffset,
  )
  return {
    ...refusal(entry, 0, log),
    batches,
    // Some brokers do not sort the list.
    aborted: random.chance(0.5) ? overlapping : overlapping.toReversed(),
  }
}

/** Whole batches and perhaps a part of the next; the first one of an answer is whole however large it is (KIP-74). */
function cut(batches: readonly LogBatch[], maxBytes: number, isFirst: boolean): Buffer {
  const [first] = batches
  if (!first) return Buffer.alloc(0)
  if (first.bytes.length > maxBytes) return isFirst ? first.bytes : Buffer.alloc(0)
  return Buffer.concat(batches.map(({ bytes }) => bytes)).subarray(0, maxBytes)
}

function wholeOnes(batches: readonly LogBatch[], byteCount: number): number {
  let count = 0
  for (let bytes = 0; count < batches.length; count++) {
    bytes += batches[count]!.bytes.length
    if (bytes > byteCount) break
  }
  return count
}

function refusal(
  { topic, partition }: AskedPartition,
  errorCode: number,
  log: PartitionLog | undefined,
): PartitionSays {
  const isKnown = log !== undefined && errorCode === 0
  return {
    topic,
    partition,
    errorCode,
    highWatermark: isKnown ? log.endOffset : -1n,
    lastStableOffset: isKnown ? log.lastStableOffset : -1n,
    logStartOffset: isKnown ? log.startOffset : -1n,
    aborted: [],
    diverging: null,
    batches: Buffer.alloc(0),
  }
}
