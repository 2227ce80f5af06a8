import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import { sha256Hex } from '../../src/format/canonical-json.ts'
import { SegmentBuilder } from '../../src/format/segment-builder.ts'
import { zstdTransform } from '../../src/format/zstd-transform.ts'
import { crc32c } from '../../src/protocol/crc32c.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { cursorOn, record } from '../protocol/samples.ts'

const DOCUMENT = new URL('../../../../docs/format/segment.md', import.meta.url)
const TIME_MS = 1_700_000_000_000n

/** The bytes of the hex dump between the markers: an offset, up to 16 bytes in hex, and what they are. */
function documentedBytes(): Buffer {
  const text = readFileSync(DOCUMENT, 'utf8')
  const example = /<!-- worked-example:begin -->\n(.*)<!-- worked-example:end -->/s.exec(text)?.[1] ?? ''
  const chunks: Buffer[] = []
  let position = 0
  for (const line of example.split('\n')) {
    const [, offset, hex] = /^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?)+)/.exec(line) ?? []
    if (offset === undefined || hex === undefined) continue
    assert.equal(Number.parseInt(offset, 16), position, line)
    const chunk = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    chunks.push(chunk)
    position += chunk.length
  }
  return Buffer.concat(chunks)
}

async function builtBytes(): Promise<Buffer> {
  const batch = buildBatch({
    records: [record({ key: Buffer.from('k'), value: Buffer.from('v'), timestamp: TIME_MS })],
  })
  const builder = new SegmentBuilder({
    backupId: 'b',
    writer: '00000001',
    sequence: 1,
    createdAtMs: TIME_MS,
    transforms: ['zstd'],
    streams: [{ topic: 't', topicId: null, partition: 0 }],
  })
  const collector = new StatisticsCollector()
  collector.add(cursorOn(batch), false, 0n)
  const chunks = await zstdTransform(3).encode([batch], 'stored')
  builder.addFrame({ ...collector.take(), stream: 0, rawBytes: batch.length }, chunks)
  return Buffer.concat([builder.headerFrame, ...chunks, ...builder.finish([]).tail])
}

test('the worked example of the document is what the program writes', async () => {
  assert.equal(documentedBytes().toString('hex'), (await builtBytes()).toString('hex'))
})

/** Reads fields by hand, without any of the program's decoders. */
class Fields {
  readonly bytes: Buffer
  position = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  little(size: number): number {
    this.position += size
    return this.bytes.readUIntLE(this.position - size, size)
  }

  big(size: number): number {
    this.position += size
    return this.bytes.readIntBE(this.position - size, size)
  }

  take(size: number): Buffer {
    this.position += size
    return this.bytes.subarray(this.position - size, this.position)
  }
}

test('the worked example reads as the document describes it, field by field', () => {
  const fields = new Fields(documentedBytes())
  assertHeader(fields)
  const headerBytes = fields.position
  assertDataFrame(fields)
  const frame = fields.bytes.subarray(headerBytes, fields.position)
  assert.deepEqual(zstdDecompressSync(frame), frame.subarray(16))
  const indexPosition = fields.position
  assertIndex(fields, headerBytes, frame)
  assertSeekTable(fields, [headerBytes, frame.length, fields.position - indexPosition])
  assert.equal(fields.position, fields.bytes.length)
})

function assertHeader(fields: Fields): void {
  assert.equal(fields.little(4), 0x184d2a50)
  assert.deepEqual(JSON.parse(fields.take(fields.little(4)).toString()), {
    backup_id: 'b',
    created_at: '1700000000000',
    features: [],
    format: 'kafka-backup-segment',
    sequence: 1,
    streams: [{ partition: 0, topic: 't', topic_id: null }],
    transforms: ['zstd'],
    version: 1,
    writer: '00000001',
  })
}

function assertDataFrame(fields: Fields): void {
  assert.equal(fields.little(4), 0xfd2fb528)
  assert.equal(fields.little(1), 0xe0)
  assert.equal(fields.bytes.readBigUInt64LE(fields.position), 70n)
  fields.take(8)
  assert.equal(fields.little(3), (70 << 3) | 1)
  assertBatchFields(new Fields(fields.take(70)))
}

function assertIndex(fields: Fields, headerBytes: number, frame: Buffer): void {
  assert.equal(fields.little(4), 0x184d2a51)
  assert.deepEqual(JSON.parse(fields.take(fields.little(4)).toString()), {
    aborted: [],
    format: 'kafka-backup-index',
    frames: [
      {
        aborted_records: 0,
        batches: 1,
        bytes: frame.length,
        codecs: ['none'],
        control_batches: 0,
        first_offset: '0',
        largest_batch_bytes: 70,
        last_offset: '0',
        leader_epochs: [[-1, '0']],
        max_timestamp: '1700000000000',
        min_timestamp: '1700000000000',
        position: headerBytes,
        raw_bytes: 70,
        records: 1,
        sha256: sha256Hex(frame),
        stream: 0,
      },
    ],
    header: { bytes: headerBytes, sha256: sha256Hex(fields.bytes.subarray(0, headerBytes)) },
    version: 1,
  })
}

function assertSeekTable(fields: Fields, [header, data, index]: readonly [number, number, number]): void {
  assert.equal(fields.little(4), 0x184d2a5e)
  assert.equal(fields.little(4), 3 * 8 + 9)
  assert.deepEqual([fields.little(4), fields.little(4)], [header, 0])
  assert.deepEqual([fields.little(4), fields.little(4)], [data, 70])
  assert.deepEqual([fields.little(4), fields.little(4)], [index, 0])
  assert.deepEqual([fields.little(4), fields.little(1), fields.little(4)], [3, 0, 0x8f92eab1])
}

/** Kafka's own fields, big endian (protocol/record-batch.ts). */
function assertBatchFields(batch: Fields): void {
  assert.deepEqual([batch.big(4), batch.big(4)], [0, 0]) // base offset
  assert.equal(batch.big(4), 58) // length
  assert.deepEqual([batch.big(4), batch.big(1)], [-1, 2]) // leader epoch, magic
  assert.equal(batch.big(4) >>> 0, crc32c(batch.bytes.subarray(21)))
  assert.deepEqual([batch.big(2), batch.big(4)], [0, 0]) // attributes, last offset delta
  assert.equal(batch.bytes.readBigInt64BE(batch.position), TIME_MS)
  assert.equal(batch.bytes.readBigInt64BE(batch.position + 8), TIME_MS)
  batch.take(16)
  assert.deepEqual([batch.big(4), batch.big(4), batch.big(2), batch.big(4)], [-1, -1, -1, -1]) // producer
  assert.equal(batch.big(4), 1) // records
  // Zigzag: length 8, attributes, deltas 0 and 0, key of 1 byte, value of 1 byte, no headers.
  assert.deepEqual([...batch.take(9)], [16, 0, 0, 0, 2, 0x6b, 2, 0x76, 0])
}
