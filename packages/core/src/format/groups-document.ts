import { z } from 'zod'
import { LIMITS } from '../runtime/limits.ts'
import {
  type ArtifactHeading,
  headingFields,
  headingOf,
  openArtifact,
  sealArtifact,
} from './artifact-document.ts'
import { canonicalJson, sha256Hex } from './canonical-json.ts'
import { listOf } from './checked-list.ts'
import { count, decimalString, offsetString, partition, topicName } from './document-fields.ts'

const FORMAT = 'kafka-backup-groups'
const TYPES = ['classic', 'consumer', 'share', 'streams', 'unknown'] as const

/** The next record that a group wants of a partition. `leaderEpoch` is -1 where none was committed. */
export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  /** Text of the client; often empty. */
  readonly metadata: string
}

/** One group; see docs/format/artifacts.md. Times in milliseconds. */
export interface GroupRecord {
  readonly group: string
  readonly type: (typeof TYPES)[number]
  readonly protocolType: string
  readonly state: string
  readonly members: number
  /** When its offsets were read: before the document, when they are carried over. */
  readonly readAtMs: bigint
  /** Why they could not be read this time; absent: they could. */
  readonly unread?: string | undefined
  /** Ascending by topic and partition. */
  readonly offsets: readonly GroupOffset[]
}

/** What the groups of a cluster had committed. */
export interface GroupsDocument extends ArtifactHeading {
  /** Ascending by name. */
  readonly groups: readonly GroupRecord[]
}

const offsetSchema = z
  .object({
    topic: topicName,
    partition,
    offset: offsetString,
    leader_epoch: z.number().int().min(-1).max(2_147_483_647),
    metadata: z.string().min(1).optional(),
  })
  .transform(
    (entry): GroupOffset => ({
      topic: entry.topic,
      partition: entry.partition,
      offset: entry.offset,
      leaderEpoch: entry.leader_epoch,
      metadata: entry.metadata ?? '',
    }),
  )

const groupSchema = z
  .object({
    group: z.string().refine((name) => Buffer.byteLength(name) <= LIMITS.groupNameMaxBytes, 'too long'),
    type: z.enum(TYPES),
    protocol_type: z.string(),
    state: z.string(),
    members: count,
    read_at: decimalString,
    unread: z.string().min(1).optional(),
    offsets: listOf(offsetSchema).refine(
      (offsets) => isAscending(offsets, byTopicAndPartition),
      'offsets out of order',
    ),
  })
  .transform(
    (entry): GroupRecord => ({
      group: entry.group,
      type: entry.type,
      protocolType: entry.protocol_type,
      state: entry.state,
      members: entry.members,
      readAtMs: entry.read_at,
      ...(entry.unread === undefined ? {} : { unread: entry.unread }),
      offsets: entry.offsets,
    }),
  )

const schema = z
  .object({
    format: z.literal(FORMAT),
    ...headingFields,
    groups: listOf(groupSchema).refine((groups) => isAscending(groups, byGroup), 'groups out of order'),
  })
  .transform(
    (fields): GroupsDocument => ({
      ...headingOf(fields),
      groups: fields.groups,
    }),
  )

/** Order of groups in a document. */
export function byGroup(a: Pick<GroupRecord, 'group'>, b: Pick<GroupRecord, 'group'>): number {
  if (a.group === b.group) return 0
  return a.group < b.group ? -1 : 1
}

/** Order of offsets of a group. */
export function byTopicAndPartition(
  a: Pick<GroupOffset, 'topic' | 'partition'>,
  b: Pick<GroupOffset, 'topic' | 'partition'>,
): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

export function encodeGroups(document: GroupsDocument): Buffer {
  return sealArtifact(FORMAT, document, {
    groups: document.groups.map((entry) => ({ ...sayingOf(entry), read_at: entry.readAtMs.toString() })),
  })
}

/** The same for two documents that say the same: all but who read it, and when. */
export function groupsDigest({ clusterId, groups }: Pick<GroupsDocument, 'clusterId' | 'groups'>): string {
  return sha256Hex(canonicalJson([clusterId, groups.map(sayingOf)]))
}

/** @throws KB_FORMAT_UNSUPPORTED for a newer version or an unknown feature, KB_VALIDATION_FAILED with the reason */
export function decodeGroups(bytes: Uint8Array): GroupsDocument {
  return openArtifact(bytes, { format: FORMAT, what: 'groups' }, (parsed) => schema.parse(parsed))
}

function sayingOf(entry: GroupRecord) {
  return {
    group: entry.group,
    type: entry.type,
    protocol_type: entry.protocolType,
    state: entry.state,
    members: entry.members,
    unread: entry.unread,
    offsets: entry.offsets.map(({ topic, partition: number, offset, leaderEpoch, metadata }) => ({
      topic,
      partition: number,
      offset: offset.toString(),
      leader_epoch: leaderEpoch,
      metadata: metadata === '' ? undefined : metadata,
    })),
  }
}

function isAscending<T>(entries: readonly T[], compare: (a: T, b: T) => number): boolean {
  return entries.every((entry, at) => at === 0 || compare(entries[at - 1] as T, entry) < 0)
}
