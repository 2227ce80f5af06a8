import type { ByteReader } from './byte-reader.ts'

/** OffsetCommitValue, versions 0 to 4. */
export interface StoredCommit {
  readonly offset: bigint
  /** -1: not known; null: the version has none. */
  readonly leaderEpoch: number | null
  readonly metadata: string
  readonly commitTimestampMs: bigint
  /** null: the version has none. */
  readonly expireTimestampMs: bigint | null
}

/** GroupMetadataValue, versions 0 to 4: a group of the classic protocol. */
export interface GroupMetadata {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  /** null: the version has none. */
  readonly currentStateTimestampMs: bigint | null
  readonly members: readonly GroupMember[]
}

/** A member as its group is stored. Byte strings are views, in the protocol of the members. */
export interface GroupMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** null: the version has none. */
  readonly rebalanceTimeoutMs: number | null
  readonly sessionTimeoutMs: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

const LAST_VERSION = 4
const FIRST_FLEXIBLE = 4
/** Of a member: four texts and two byte strings with lengths of one byte, and a timeout. */
const MEMBER_MIN_BYTES = 10

/** null: the version is not known. @throws KB_BATCH_CORRUPT */
export function readOffsetCommit(reader: ByteReader, version: number): StoredCommit | null {
  if (version < 0 || version > LAST_VERSION) return null
  const offset = reader.int64()
  const leaderEpoch = version >= 3 ? reader.int32() : null
  const metadata = textOf(reader, version)
  const commitTimestampMs = reader.int64()
  const expireTimestampMs = version === 1 ? reader.int64() : null
  skipTags(reader, version)
  return { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs }
}

/** null: the version is not known. @throws KB_BATCH_CORRUPT */
export function readGroupMetadata(reader: ByteReader, version: number): GroupMetadata | null {
  if (version < 0 || version > LAST_VERSION) return null
  const protocolType = textOf(reader, version)
  const generation = reader.int32()
  const protocol = nullableTextOf(reader, version)
  const leader = nullableTextOf(reader, version)
  const currentStateTimestampMs = version >= 2 ? reader.int64() : null
  const readOne = () => readMember(reader, version)
  const members = isFlexible(version)
    ? reader.compactArray(readOne, MEMBER_MIN_BYTES)
    : reader.array(readOne, MEMBER_MIN_BYTES)
  skipTags(reader, version)
  return { protocolType, generation, protocol, leader, currentStateTimestampMs, members }
}

function readMember(reader: ByteReader, version: number): GroupMember {
  const memberId = textOf(reader, version)
  const groupInstanceId = version >= 3 ? nullableTextOf(reader, version) : null
  const clientId = textOf(reader, version)
  const clientHost = textOf(reader, version)
  const rebalanceTimeoutMs = version >= 1 ? reader.int32() : null
  const sessionTimeoutMs = reader.int32()
  const subscription = bytesOf(reader, version)
  const assignment = bytesOf(reader, version)
  skipTags(reader, version)
  return {
    ...{ memberId, groupInstanceId, clientId, clientHost },
    ...{ rebalanceTimeoutMs, sessionTimeoutMs, subscription, assignment },
  }
}

function isFlexible(version: number): boolean {
  return version >= FIRST_FLEXIBLE
}

function textOf(reader: ByteReader, version: number): string {
  return isFlexible(version) ? reader.compactString() : reader.string()
}

function nullableTextOf(reader: ByteReader, version: number): string | null {
  return isFlexible(version) ? reader.compactNullableString() : reader.nullableString()
}

function bytesOf(reader: ByteReader, version: number): Buffer {
  return isFlexible(version) ? reader.compactByteString() : reader.byteString()
}

function skipTags(reader: ByteReader, version: number): void {
  if (isFlexible(version)) reader.skipTaggedFields()
}
