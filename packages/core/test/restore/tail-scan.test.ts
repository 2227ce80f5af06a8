import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { BatchCursor } from '../../src/protocol/record-batch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { TailScan, type TailWriter, type TargetTail } from '../../src/restore/tail-scan.ts'

const PLACE = { topic: 'orders', partition: 0 }
const FIRST: TailWriter = { producerId: 7n, producerEpoch: 0, basePosition: 0n }
const SECOND: TailWriter = { producerId: 7n, producerEpoch: 1, basePosition: 4n }
const FOREIGN: TailWriter = { producerId: 99n, producerEpoch: 0, basePosition: 0n }

function data(baseOffset: bigint, records: number, writer: TailWriter, position: bigint): Buffer {
  return buildBatch({
    baseOffset,
    isTransactional: true,
    producerId: writer.producerId,
    producerEpoch: writer.producerEpoch,
    baseSequence: Number(position - writer.basePosition),
    records: Array.from({ length: records }, () => ({ timestamp: 0n, key: null, value: null, headers: [] })),
  })
}

function plain(baseOffset: bigint, records: number, writer: TailWriter, position: bigint): Buffer {
  const sequence = Number((position - writer.basePosition) % 2n ** 31n)
  return buildBatch({
    baseOffset,
    producerId: writer.producerId,
    producerEpoch: writer.producerEpoch,
    baseSequence: sequence,
    records: Array.from({ length: records }, () => ({ timestamp: 0n, key: null, value: null, headers: [] })),
  })
}

function marker(baseOffset: bigint, writer: TailWriter, isCommit: boolean): Buffer {
  const key = Buffer.from([0, 0, 0, isCommit ? 1 : 0])
  return buildBatch({
    baseOffset,
    isTransactional: true,
    isControl: true,
    producerId: writer.producerId,
    producerEpoch: writer.producerEpoch,
    records: [{ timestamp: 0n, key, value: Buffer.alloc(6), headers: [] }],
  })
}

function scan(batches: readonly Buffer[], begin = { position: 0n, nextOffset: 0n }): TargetTail {
  const tail = new TailScan(PLACE, [FIRST, SECOND], begin)
  const cursor = new BatchCursor(Buffer.concat(batches))
  while (cursor.next()) tail.add(cursor)
  return tail.finish()
}

describe('TailScan', () => {
  it('counts what a commit marker follows', () => {
    const tail = scan([data(0n, 3, FIRST, 0n), data(3n, 1, FIRST, 3n), marker(4n, FIRST, true)])
    assert.deepEqual(tail, {
      position: 4n,
      nextOffset: 4n,
      pieces: [{ position: 0n, targetOffset: 0n, records: 4 }],
      foreignOffset: null,
      isOpen: false,
    })
  })

  it('does not count what was aborted, also when the marker carries the epoch of the successor', () => {
    const tail = scan([
      data(0n, 4, FIRST, 0n),
      marker(4n, FIRST, true),
      data(5n, 2, FIRST, 4n),
      marker(7n, SECOND, false),
      data(8n, 5, SECOND, 4n),
      marker(13n, SECOND, true),
    ])
    assert.equal(tail.position, 9n)
    assert.deepEqual(tail.pieces, [
      { position: 0n, targetOffset: 0n, records: 4 },
      { position: 4n, targetOffset: 8n, records: 5 },
    ])
    assert.equal(tail.isOpen, false, 'what was aborted is not waited for')
  })

  it('says that a transaction of ours is open', () => {
    const tail = scan([data(0n, 3, FIRST, 0n)])
    assert.deepEqual([tail.position, tail.isOpen], [0n, true])
  })

  it('counts batches without transactions at once, also where sequences wrap', () => {
    const position = 2n ** 31n - 1n
    const tail = scan([plain(5n, 1, FIRST, position), plain(6n, 2, FIRST, position + 1n)], {
      position,
      nextOffset: 5n,
    })
    assert.deepEqual([tail.position, tail.nextOffset], [position + 3n, 8n])
  })

  it('passes over what the ledger knows already', () => {
    const batches = [
      data(0n, 3, FIRST, 0n),
      marker(3n, FIRST, true),
      data(4n, 1, FIRST, 3n),
      marker(5n, FIRST, true),
    ]
    const tail = scan(batches, { position: 3n, nextOffset: 3n })
    assert.deepEqual(tail.pieces, [{ position: 3n, targetOffset: 4n, records: 1 }])
  })

  it('names the first record of somebody else, and no empty batch', () => {
    const tail = scan([marker(0n, FOREIGN, true), plain(1n, 0, FOREIGN, 0n), data(1n, 1, FOREIGN, 0n)])
    assert.equal(tail.foreignOffset, 1n)
  })

  it('refuses a batch of ours that does not follow the one before', () => {
    const batches = [data(0n, 3, FIRST, 0n), data(3n, 1, FIRST, 4n), marker(4n, FIRST, true)]
    assert.throws(
      () => scan(batches),
      (error) =>
        isKafkaBackupError(error, 'KB_TARGET_CHANGED') && /sequence 4, expected 3/.test(error.message),
    )
  })

  it('refuses a batch of ours that is there twice', () => {
    const batches = [plain(0n, 3, FIRST, 0n), plain(3n, 3, FIRST, 0n)]
    assert.throws(
      () => scan(batches),
      (error) => isKafkaBackupError(error, 'KB_TARGET_CHANGED'),
    )
  })
})
