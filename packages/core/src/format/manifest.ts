import { invariant } from '../runtime/invariant.ts'
import type { BackupState, PartitionState } from './backup-state.ts'
import type { JsonValue } from './canonical-json.ts'
import type { PrunedHistory } from './pruned-history.ts'

/** `manifest.json`: a rendered copy for people and tools, in the shape of docs/format/commit.md. Nothing reads it back. */
export function renderManifest(state: BackupState): Buffer {
  const topics = [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const histories = [...Map.groupBy(state.partitions(), partitionKey).values()]
  const document: JsonValue = {
    backup_id: state.backupId,
    created_at: state.createdAtMs ?? -1n,
    commit: state.tip?.number ?? 0n,
    source_cluster_id: state.source?.clusterId ?? null,
    source_bootstrap_servers: state.source?.bootstrapServers ?? [],
    retention_policy: {},
    topics: topics.map((topic) => ({
      name: topic.name,
      topic_id: topic.topicId,
      partition_count: topic.partitions,
      partitions: histories.filter(([first]) => first?.topic === topic.name).map(partitionDocument),
    })),
  }
  return Buffer.from(`${prettyJson(document, '')}\n`)
}

function partitionKey({ topic, partition }: PartitionState): string {
  return `${topic}/${partition}`
}

/** `histories`: those of one partition, oldest first. The newest is what is shown; the others hang on it. */
function partitionDocument(histories: readonly PartitionState[]): JsonValue {
  const newest = histories.at(-1)
  invariant(newest, 'a partition without a history')
  const earlier = histories.slice(0, -1).map(historyDocument)
  return { ...historyDocument(newest), ...(earlier.length > 0 ? { earlier_lineages: earlier } : {}) }
}

function historyDocument(state: PartitionState) {
  return {
    partition_id: state.partition,
    lineage: state.lineage,
    ...(state.pruned ? { pruned: prunedDocument(state.beginOffset, state.pruned) } : {}),
    record_count: state.parts.reduce((sum, { part }) => sum + part.records, 0),
    gaps: state.gaps.map((gap) => ({
      start_offset: gap.firstOffset,
      end_offset: gap.endOffset - 1n,
      reason: gap.reason,
    })),
    segments: state.parts.map(({ segment, part }) => ({
      key: segment.key,
      start_offset: part.firstOffset,
      end_offset: part.lastOffset,
      start_timestamp: part.minTimestampMs ?? -1n,
      end_timestamp: part.maxTimestampMs,
      record_count: part.records,
      compressed_bytes: part.storedBytes,
      uncompressed_bytes: part.rawBytes,
    })),
  }
}

function prunedDocument(beginOffset: bigint, pruned: PrunedHistory): JsonValue {
  return {
    start_offset: beginOffset,
    end_offset: pruned.endOffset - 1n,
    end_timestamp: pruned.maxTimestampMs,
    record_count: pruned.records,
  }
}

/** JSON with two spaces a level; bigints are bare integers, so that no digit is lost. */
export function prettyJson(value: JsonValue, indent: string): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const inner = `${indent}  `
  const isList = Array.isArray(value)
  const members = isList
    ? value.map((member) => inner + prettyJson(member, inner))
    : Object.entries(value as Record<string, JsonValue>).map(
        ([key, member]) => `${inner}${JSON.stringify(key)}: ${prettyJson(member, inner)}`,
      )
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  return members.length === 0 ? open + close : `${open}\n${members.join(',\n')}\n${indent}${close}`
}
