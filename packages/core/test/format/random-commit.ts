import type {
  Commit,
  DivergenceRecord,
  GapRecord,
  RunOutcome,
  RunRecord,
  TopicRecord,
  UnreadRecord,
} from '../../src/format/commit.ts'
import type { OffsetInterval, SegmentPart, SegmentRecord } from '../../src/format/segment-record.ts'
import type { Prng } from '../protocol/prng.ts'

const OUTCOMES: readonly RunOutcome[] = ['running', 'complete', 'incomplete', 'interrupted', 'failed']
const OFFSETS = [0n, 1n, 12_345n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n]

/** Hex digits, as of a digest. */
export function randomHex(random: Prng, byteCount: number): string {
  return random.bytes(byteCount).toString('hex')
}

/** A part that continues at `beginOffset`, with every field drawn; offsets are in order, as the fold demands. */
export function randomPart(
  random: Prng,
  topic: string,
  partition: number,
  beginOffset: bigint,
  lineage = 1,
): SegmentPart {
  const holes: OffsetInterval[] = []
  const firstOffset = random.chance(0.3) ? beginOffset + BigInt(1 + random.below(50)) : beginOffset
  if (firstOffset > beginOffset) holes.push([beginOffset, firstOffset])
  let at = firstOffset + 1n
  for (let left = random.below(3); left > 0; left--) {
    const first = at + BigInt(random.below(10))
    at = first + BigInt(1 + random.below(10))
    holes.push([first, at])
  }
  const lastOffset = at + BigInt(random.below(1000))
  const firstFrame = random.below(5)
  return {
    topic,
    partition,
    lineage,
    frames: [firstFrame, firstFrame + 1 + random.below(5)],
    beginOffset,
    firstOffset,
    lastOffset,
    nextOffset: lastOffset + 1n,
    holes,
    records: random.below(1e6),
    abortedRecords: random.below(10),
    batches: random.below(1e4),
    controlBatches: random.below(10),
    storedBytes: random.below(1e9),
    rawBytes: Number.MAX_SAFE_INTEGER - random.below(10),
    minTimestampMs: random.chance(0.3) ? null : -(2n ** 63n) + BigInt(random.below(100)),
    maxTimestampMs: random.pick([-1n, 1_700_000_000_000n, 2n ** 63n - 1n]),
    leaderEpochs: random.chance(0.3) ? [] : [[random.below(10) - 1, firstOffset]],
    largestBatchBytes: random.below(1e6),
    lastBatch: random.chance(0.2) ? null : { baseOffset: lastOffset, crc: random.pick([0, 1, 2 ** 32 - 1]) },
  }
}

/** A divergence from a history that ends at `previousEndOffset`, with every field drawn. */
export function randomDivergence(
  random: Prng,
  name: { readonly topic: string; readonly partition: number },
  lineage: number,
  previousEndOffset: bigint,
): DivergenceRecord {
  const reason = random.pick(['topic_recreated', 'log_truncated', 'log_replaced'] as const)
  const isCommon = reason !== 'topic_recreated' && random.chance(0.7)
  return {
    topic: name.topic,
    partition: name.partition,
    lineage,
    reason,
    topicId: random.chance(0.5) ? null : randomHex(random, 11),
    beginOffset: random.pick([0n, previousEndOffset / 2n, previousEndOffset + 5n]),
    commonEndOffset: isCommon ? random.pick([0n, previousEndOffset / 2n, previousEndOffset]) : null,
    previousEndOffset,
  }
}

function randomUnread(random: Prng): UnreadRecord {
  const firstOffset = random.pick(OFFSETS)
  return {
    topic: 'u',
    partition: random.below(9),
    firstOffset,
    endOffset: firstOffset + BigInt(random.below(99)),
    reason: random.pick([
      'open_transaction',
      'topic_deleted',
      'access_denied',
      'no_leader',
      'log_truncated',
      'damaged_in_log',
    ]),
    detail: random.pick(['', 'ü "quoted"', 'producer 7']),
  }
}

function randomGaps(random: Prng, lineage: number): GapRecord[] {
  return Array.from({ length: random.below(3) }, (): GapRecord => {
    const firstOffset = random.pick(OFFSETS)
    const reason = random.pick(['deleted_before_read', 'missing_in_log', 'damaged_in_log'] as const)
    const quarantine = { key: `b/${random.below(9)}`, detail: random.pick(['', 'ü "quoted"']) }
    const endOffset = firstOffset + BigInt(1 + random.below(99))
    const gap = { topic: 'g', partition: random.below(9), lineage, firstOffset, endOffset, reason }
    return reason === 'damaged_in_log' ? { ...gap, quarantine } : gap
  })
}

/** A commit of a run. */
export type RunCommit = Commit & { readonly run: RunRecord }

/** A commit of which every field is drawn. Nothing in it needs to follow anything. Some have several histories. */
export function randomCommit(random: Prng): RunCommit {
  const lineage = random.chance(0.5) ? 1 : random.pick([2, 2_147_483_647])
  const topics = Array.from({ length: random.below(3) }, (): TopicRecord => {
    const topicId = random.chance(0.5) ? null : randomHex(random, 11)
    return { name: `topic-${random.below(1e6)}`, topicId, partitions: random.below(100) }
  })
  const segments = Array.from({ length: random.below(3) }, (_, at): SegmentRecord => {
    const parts = Array.from({ length: 1 + random.below(3) }, (__, partition) =>
      randomPart(random, `t.${at}_x`, partition, random.pick(OFFSETS), lineage),
    )
    const index = {
      position: random.below(1e9),
      bytes: random.below(1e6),
      sha256: randomHex(random, 32),
    }
    return {
      key: `b/${random.pick(['a', 'ü "quoted"', '\u{1f4be}'])}`,
      bytes: random.below(1e9),
      index,
      parts,
    }
  })
  return {
    backupId: 'b',
    number: random.pick(OFFSETS),
    previousSha256: random.chance(0.2) ? null : randomHex(random, 32),
    writer: randomHex(random, 4),
    program: random.pick(['kafka-backup 0.1.0', 'line\nbreak', '']),
    createdAtMs: BigInt(random.below(2e9)) * 1000n,
    run: {
      id: randomHex(random, 16),
      beganAtMs: BigInt(random.below(2e9)),
      targetAtMs: -1n,
      outcome: random.pick(OUTCOMES),
      isolation: random.pick(['read_committed', 'read_uncommitted']),
      unread: Array.from({ length: random.below(3) }, () => randomUnread(random)),
      ...(segments.length === 2 ? { isContinuous: true as const } : {}),
    },
    source: {
      clusterId: randomHex(random, 8),
      bootstrapServers: random.chance(0.5) ? [] : ['a:9092', 'b:1'],
    },
    topics,
    begins: topics.map((topic) => ({ topic: topic.name, partition: 0, offset: random.pick(OFFSETS) })),
    segments,
    gaps: randomGaps(random, lineage),
    divergences:
      lineage > 1 && random.chance(0.7)
        ? [randomDivergence(random, { topic: 'd', partition: 7 }, lineage, random.pick(OFFSETS))]
        : [],
    artifacts: random.chance(0.5)
      ? []
      : [{ kind: 'report', key: 'b/artifacts/report/1', bytes: 7, sha256: randomHex(random, 32) }],
  }
}
