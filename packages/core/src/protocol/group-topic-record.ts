import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { ByteReader } from './byte-reader.ts'
import {
  type GroupMetadata,
  readGroupMetadata,
  readOffsetCommit,
  type StoredCommit,
} from './group-topic-value.ts'

/*
 * Records of __consumer_offsets, as Kafka's schema files of the group coordinator have them
 * (group-coordinator/src/main/resources/common/message). Keys and values begin with an int16: of a key it is its type, of a value its version.
 */

/** What a key names. */
export type DecodedKey =
  | {
      readonly kind: 'offset_commit'
      readonly keyVersion: number
      readonly group: string
      readonly topic: string
      readonly partition: number
    }
  | { readonly kind: 'group_metadata'; readonly keyVersion: number; readonly group: string }
  | {
      /** A record of the newer coordinator: its value is not decoded. */
      readonly kind: 'coordinator'
      readonly keyVersion: number
      /** Kafka's name of the record, such as `ConsumerGroupMemberMetadata`. */
      readonly type: string
      readonly group: string
      /** Id of a member, or a regular expression; null: the type has none. */
      readonly detail: string | null
    }
  | Undecoded

/** What a value says. */
export type DecodedValue =
  | ({ readonly kind: 'offset_commit'; readonly valueVersion: number } & StoredCommit)
  | ({ readonly kind: 'group_metadata'; readonly valueVersion: number } & GroupMetadata)
  | Undecoded

/** Bytes that stay as they are, and why. */
export interface Undecoded {
  readonly kind: 'undecoded'
  /** The int16 at the begin; null: there is none. */
  readonly version: number | null
  readonly reason: string
}

interface KeyType {
  readonly type: string
  /** Whether a string follows the name of the group. */
  readonly hasDetail: boolean
}

/** KIP-848 (3-8, 16), KIP-932 (9-15), KIP-1071 (17-24). */
const COORDINATOR_KEYS: ReadonlyMap<number, KeyType> = new Map(
  (
    [
      [3, 'ConsumerGroupMetadata', false],
      [4, 'ConsumerGroupPartitionMetadata', false],
      [5, 'ConsumerGroupMemberMetadata', true],
      [6, 'ConsumerGroupTargetAssignmentMetadata', false],
      [7, 'ConsumerGroupTargetAssignmentMember', true],
      [8, 'ConsumerGroupCurrentMemberAssignment', true],
      [9, 'ShareGroupPartitionMetadata', false],
      [10, 'ShareGroupMemberMetadata', true],
      [11, 'ShareGroupMetadata', false],
      [12, 'ShareGroupTargetAssignmentMetadata', false],
      [13, 'ShareGroupTargetAssignmentMember', true],
      [14, 'ShareGroupCurrentMemberAssignment', true],
      [15, 'ShareGroupStatePartitionMetadata', false],
      [16, 'ConsumerGroupRegularExpression', true],
      [17, 'StreamsGroupMetadata', false],
      [18, 'StreamsGroupPartitionMetadata', false],
      [19, 'StreamsGroupMemberMetadata', true],
      [20, 'StreamsGroupTargetAssignmentMetadata', false],
      [21, 'StreamsGroupTargetAssignmentMember', true],
      [22, 'StreamsGroupCurrentMemberAssignment', true],
      [23, 'StreamsGroupTopology', false],
      [24, 'StreamsGroupTargetAssignmentResolvedTopicIds', false],
    ] as const
  ).map(([id, type, hasDetail]) => [id, { type, hasDetail }]),
)

const OFFSET_COMMIT_KEYS = [0, 1]
const GROUP_METADATA_KEY = 2

/** Never throws: what is not known is {@link Undecoded}. */
export function decodeGroupKey(key: Buffer): DecodedKey {
  return decoded(key, (reader, keyVersion): DecodedKey | string => {
    if (OFFSET_COMMIT_KEYS.includes(keyVersion)) {
      const [group, topic, partition] = [reader.string(), reader.string(), reader.int32()]
      return { kind: 'offset_commit', keyVersion, group, topic, partition }
    }
    if (keyVersion === GROUP_METADATA_KEY) {
      return { kind: 'group_metadata', keyVersion, group: reader.string() }
    }
    const known = COORDINATOR_KEYS.get(keyVersion)
    if (!known) return `keys of type ${keyVersion} are not known`
    const group = reader.string()
    const detail = known.hasDetail ? reader.string() : null
    return { kind: 'coordinator', keyVersion, type: known.type, group, detail }
  })
}

/** The value beside such a key. Never throws. */
export function decodeGroupValue(key: DecodedKey, value: Buffer): DecodedValue {
  return decoded(value, (reader, valueVersion): DecodedValue | string => {
    if (key.kind === 'offset_commit') {
      const commit = readOffsetCommit(reader, valueVersion)
      return commit
        ? { kind: 'offset_commit', valueVersion, ...commit }
        : unknownVersion('commits', valueVersion)
    }
    if (key.kind === 'group_metadata') {
      const metadata = readGroupMetadata(reader, valueVersion)
      return metadata
        ? { kind: 'group_metadata', valueVersion, ...metadata }
        : unknownVersion('groups', valueVersion)
    }
    return key.kind === 'coordinator' ? `values of ${key.type} are not decoded` : 'its key is not known'
  })
}

function unknownVersion(what: string, version: number): string {
  return `values of ${what} in version ${version} are not known`
}

/** `read` gives a text where it does not know what follows. */
function decoded<T>(bytes: Buffer, read: (reader: ByteReader, version: number) => T | string): T | Undecoded {
  const version = bytes.length < 2 ? null : bytes.readInt16BE(0)
  const undecoded = (reason: string): Undecoded => ({ kind: 'undecoded', version, reason })
  if (version === null) return undecoded('it is too short to have a version')
  const reader = new ByteReader(bytes, 2)
  try {
    const found = read(reader, version)
    if (typeof found === 'string') return undecoded(found)
    reader.assertAtEnd()
    return found
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_BATCH_CORRUPT')) throw error
    return undecoded(error.message)
  }
}
