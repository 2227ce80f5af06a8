import { decodeCommit } from '../../src/format/commit.ts'
import { lz4Transform } from '../../src/format/lz4-transform.ts'
import { decodeSegmentHeader } from '../../src/format/segment-header.ts'
import { decodeSegmentIndex } from '../../src/format/segment-index.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { LIST_OFFSETS, METADATA } from '../../src/kafka/cluster-requests.ts'
import { askBroker } from '../../src/kafka/library-request.ts'
import { saslAuthenticate } from '../../src/kafka/sasl/sasl-api.ts'
import { decompressBody } from '../../src/protocol/batch-compression.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { decompressRecords, visitRecords } from '../../src/protocol/record.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { decompressDocument } from '../../src/repository/document-frame.ts'
import { decodeSnapshotObject } from '../../src/repository/snapshot-object.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { answering, readFetchAnswer } from './answer-targets.ts'

/** Reads batches as a restore does: no ceiling but the product's own. */
function readBatches(bytes: Buffer): void {
  const cursor = new BatchCursor(bytes)
  while (cursor.next()) visitRecords(cursor, () => undefined, decompressRecords(cursor))
}

function authenticate(bytes: Buffer): Promise<unknown> {
  const reader = new ByteReader(bytes)
  const versions = new Map([[36, { min: 1, max: 1 }]])
  const send = async () => ({ reader, release: () => undefined })
  return saslAuthenticate({ broker: 'broker:9092', versions, send }, Buffer.alloc(0))
}

const codec = (name: 'gzip' | 'snappy' | 'lz4' | 'zstd') => (bytes: Buffer) =>
  decompressBody(name, bytes, LIMITS.batchMaxRawBytes)

const link = (bytes: Buffer, key: number, version: number) => ({
  connection: answering(bytes),
  versions: new Map([[key, { min: version, max: version }]]),
})

/** Who opens a bomb, by name. */
export const BOMB_DECODERS = {
  snapshot: decodeSnapshotObject,
  artifact: (bytes: Buffer) => decompressDocument(bytes, LIMITS.documentMaxBytes),
  gzip: codec('gzip'),
  snappy: codec('snappy'),
  lz4: codec('lz4'),
  zstd: codec('zstd'),
  batches: readBatches,
  commit: decodeCommit,
  header: decodeSegmentHeader,
  index: decodeSegmentIndex,
  'zstd frame': (bytes: Buffer) => zstdTransform(3).decode(bytes, LIMITS.frameMaxRawBytes),
  'lz4 frame': (bytes: Buffer) => lz4Transform().decode(bytes, LIMITS.frameMaxRawBytes),
  fetch: (bytes: Buffer) => readFetchAnswer(bytes, 12),
  'old fetch': (bytes: Buffer) => readFetchAnswer(bytes, 4),
  sasl: authenticate,
  metadata: (bytes: Buffer) => askBroker(link(bytes, 3, 7), METADATA, [null, false, false]),
  offsets: (bytes: Buffer) => askBroker(link(bytes, 2, 4), LIST_OFFSETS, [-1, 0, []]),
} as const satisfies Record<string, (bytes: Buffer) => unknown>

/** Names of {@link BOMB_DECODERS}. */
export type BombDecoder = keyof typeof BOMB_DECODERS
