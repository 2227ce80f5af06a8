import { crc32, gzipSync } from 'node:zlib'

/**
 * Messages of formats v0 and v1, as producers before Kafka 0.11 wrote them; brokers still hand them out. An encoder of its
 * own: the product reads these formats and does not write them.
 */
export interface MessageInput {
  readonly magic: 0 | 1
  /** Absolute, or relative inside a v1 wrapper. */
  readonly offset: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** Milliseconds; v1 only, -1 when absent. */
  readonly timestamp?: bigint
  /** `log_append_time` sets bit 3 of the attributes: v1 only. `create_time` when absent. */
  readonly timestampType?: 'create_time' | 'log_append_time'
  /** Id of the codec that `value` was compressed with; 0 when absent. */
  readonly codecId?: number
}

/** Codecs that message sets may have, with the variants of old clients. */
export type MessageCodec = 'gzip' | 'snappy' | 'snappy-raw' | 'lz4' | 'lz4-old-checksum'

const CODEC_IDS: Readonly<Record<MessageCodec, number>> = {
  gzip: 1,
  snappy: 2,
  'snappy-raw': 2,
  lz4: 3,
  'lz4-old-checksum': 3,
}
const APPEND_TIME_BIT = 0x08
const XERIAL_HEADER = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')
const LZ4_FRAME_BEGIN = Buffer.from('04224d18' + '6040', 'hex')
/** Second byte of XXH32 of the last two bytes of {@link LZ4_FRAME_BEGIN}, and of all six (KAFKA-3160). */
const LZ4_CHECKSUM = { lz4: 0x82, 'lz4-old-checksum': 0x1a } as const
const LZ4_BLOCK_MAX_BYTES = 64 * 1024
const SNAPPY_LITERAL_MAX_BYTES = 32 * 1024

/** One message with its CRC-32. */
export function encodeMessage(message: MessageInput): Buffer {
  const { magic, key, value } = message
  const head = Buffer.alloc(magic === 0 ? 2 : 10)
  head[0] = magic
  head[1] = (message.codecId ?? 0) | (message.timestampType === 'log_append_time' ? APPEND_TIME_BIT : 0)
  if (magic === 1) head.writeBigInt64BE(message.timestamp ?? -1n, 2)
  const content = Buffer.concat([head, ...byteString(key), ...byteString(value)])
  const prefix = Buffer.alloc(16)
  prefix.writeBigInt64BE(message.offset, 0)
  prefix.writeInt32BE(content.length + 4, 8)
  prefix.writeUInt32BE(crc32(content), 12)
  return Buffer.concat([prefix, content])
}

/**
 * A wrapper around `records`, whose offsets and timestamps are absolute. Its own timestamp is the largest of them, or
 * `appendTimestamp`, which also makes it one of log append time.
 */
export function encodeWrapper(
  magic: 0 | 1,
  codec: MessageCodec,
  records: readonly Omit<MessageInput, 'magic' | 'codecId' | 'timestampType'>[],
  appendTimestamp?: bigint,
): Buffer {
  const firstOffset = records[0]?.offset ?? 0n
  const inner = records.map((record) => {
    const offset = magic === 1 ? record.offset - firstOffset : record.offset
    return encodeMessage({ ...record, magic, offset })
  })
  const timestamps = records.map((record) => record.timestamp ?? -1n)
  const largest = timestamps.reduce((max, timestamp) => (timestamp > max ? timestamp : max), -1n)
  return encodeMessage({
    magic,
    offset: records.at(-1)?.offset ?? 0n,
    codecId: CODEC_IDS[codec],
    timestamp: appendTimestamp ?? largest,
    timestampType: appendTimestamp === undefined ? 'create_time' : 'log_append_time',
    key: null,
    value: compressMessages(codec, Buffer.concat(inner)),
  })
}

/** The value of a wrapper. Only gzip saves space: the others hold literals, which every decoder knows. */
export function compressMessages(codec: MessageCodec, raw: Buffer): Buffer {
  switch (codec) {
    case 'gzip':
      return gzipSync(raw)
    case 'snappy':
      return Buffer.concat([
        XERIAL_HEADER,
        ...chunksOf(raw, SNAPPY_LITERAL_MAX_BYTES).flatMap((chunk) => lengthAndBytes(snappyBlock(chunk))),
      ])
    case 'snappy-raw':
      return snappyBlock(raw)
    default:
      return lz4Frame(raw, LZ4_CHECKSUM[codec])
  }
}

function snappyBlock(raw: Buffer): Buffer {
  const length: number[] = []
  for (let rest = raw.length; ; rest >>>= 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128)
    if (rest < 128) break
  }
  const literals = chunksOf(raw, SNAPPY_LITERAL_MAX_BYTES).flatMap((chunk) => {
    // Tag 61: the length of the literal, less one, stands in the next two bytes.
    const tag = Buffer.from([61 << 2, 0, 0])
    tag.writeUInt16LE(chunk.length - 1, 1)
    return [tag, chunk]
  })
  return Buffer.concat([Buffer.from(length), ...literals])
}

function lz4Frame(raw: Buffer, headerChecksum: number): Buffer {
  const blocks = chunksOf(raw, LZ4_BLOCK_MAX_BYTES).flatMap((chunk) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(chunk.length + 0x80000000)
    return [length, chunk]
  })
  return Buffer.concat([LZ4_FRAME_BEGIN, Buffer.from([headerChecksum]), ...blocks, Buffer.alloc(4)])
}

function chunksOf(raw: Buffer, maxBytes: number): Buffer[] {
  const count = Math.ceil(raw.length / maxBytes)
  return Array.from({ length: count }, (_, index) => raw.subarray(index * maxBytes, (index + 1) * maxBytes))
}

function byteString(bytes: Uint8Array | null): Uint8Array[] {
  return bytes === null ? [Buffer.alloc(4, 0xff)] : lengthAndBytes(bytes)
}

function lengthAndBytes(bytes: Uint8Array): Uint8Array[] {
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return [length, bytes]
}
