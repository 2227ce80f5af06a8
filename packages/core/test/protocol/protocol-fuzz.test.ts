import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { AbortedTransactionTracker } from '../../src/protocol/aborted-transaction-tracker.ts'
import { compressBody, decompressBody } from '../../src/protocol/batch-compression.ts'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { CODECS, type Codec } from '../../src/protocol/codec.ts'
import { minEffectiveTimestamp } from '../../src/protocol/effective-timestamp.ts'
import { storedLz4Frame } from '../../src/protocol/lz4-frame.ts'
import { visitRecords } from '../../src/protocol/record.ts'
import { assertBatch, BatchCursor, hasValidCrc } from '../../src/protocol/record-batch.ts'
import { buildBatch, encodeRecords } from '../../src/protocol/record-batch-builder.ts'
import { type Prng, prng } from './prng.ts'
import { marker, randomBatchInput, randomRecords } from './samples.ts'

// A longer run: FUZZ_CASES=5000000 FUZZ_SEED=7 node --test packages/core/test/protocol/protocol-fuzz.test.ts
const CASES = Number(process.env.FUZZ_CASES ?? 200_000)
const SEED = Number(process.env.FUZZ_SEED ?? 1)

const CEILING_BYTES = 4 * 1024 * 1024
const CASE_MAX_MS = 1000
const MEMORY_MAX_BYTES = 512 * 1024 * 1024
const CORPUS_SIZE = 60

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** One to four changes of the kinds that break parsers: bits, cuts, lengths, repetitions and splices. */
function mutate(random: Prng, input: Buffer, other: Buffer): Buffer {
  let bytes = Buffer.from(input)
  for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.below(bytes.length)
    switch (random.below(7)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8)
        break
      case 1:
        bytes[at] = random.below(256)
        break
      case 2:
        bytes = bytes.subarray(0, at)
        break
      case 3: {
        const size = random.pick([1, 2, 4])
        if (at + size > bytes.length) break
        const value = random.pick(EXTREMES) % 2 ** (8 * size)
        if (random.chance(0.5)) bytes.writeUIntBE(value, at, size)
        else bytes.writeUIntLE(value, at, size)
        break
      }
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(at + 1))])
        break
      default:
        bytes.fill(random.pick([0x00, 0x80, 0xff]), at, Math.min(bytes.length, at + 1 + random.below(12)))
    }
  }
  return bytes
}

/** Everything that is done with bytes from a broker or an archive. */
function readBatches(bytes: Buffer): void {
  const tracker = new AbortedTransactionTracker()
  const cursor = new BatchCursor(bytes)
  let batchCount = 0
  while (cursor.next()) {
    assert.ok(++batchCount <= bytes.length / 61 + 1)
    hasValidCrc(cursor)
    assertBatch(cursor)
    tracker.addBatch(cursor)
    const body = decompressBody(cursor.codec, cursor.body, CEILING_BYTES)
    assert.ok(body.length <= CEILING_BYTES)
    let recordCount = 0
    let minTimestamp: bigint | null = null
    visitRecords(
      cursor,
      ({ timestamp }) => {
        recordCount++
        if (minTimestamp === null || timestamp < minTimestamp) minTimestamp = timestamp
      },
      body,
    )
    // Two readers of the same bytes agree.
    assert.equal(recordCount, cursor.recordCount)
    assert.equal(minEffectiveTimestamp(cursor, body), minTimestamp)
  }
  assert.ok(cursor.position + cursor.partialBytes === bytes.length)
}

/** The calls of a response parser, in an order that the bytes themselves choose. */
function readPrimitives(bytes: Buffer): void {
  const reader = new ByteReader(bytes)
  while (reader.remaining > 0) {
    switch (reader.int8() & 15) {
      case 0:
        reader.int64()
        break
      case 1:
        reader.varint()
        break
      case 2:
        reader.varlong()
        break
      case 3:
        reader.nullableString()
        break
      case 4:
        reader.compactNullableString()
        break
      case 5:
        reader.nullableByteString()
        break
      case 6:
        reader.compactNullableByteString()
        break
      case 7:
        reader.nullableArray((inner) => inner.varint())
        break
      case 8:
        reader.compactNullableArray((inner) => inner.int16(), 2)
        break
      case 9:
        reader.skipTaggedFields()
        break
      case 10:
        reader.array((inner) => inner.compactArray((innermost) => innermost.string()))
        break
      default:
        reader.unsignedVarint()
    }
  }
}

function corpus(random: Prng): { batches: Buffer[]; bodies: { codec: Codec; bytes: Buffer }[] } {
  const batches: Buffer[] = []
  const bodies: { codec: Codec; bytes: Buffer }[] = []
  for (let index = 0; index < CORPUS_SIZE; index++) {
    batches.push(buildBatch(randomBatchInput(random, random.below(8))))
    const raw = encodeRecords(randomRecords(random, 1 + random.below(6)), 0n)
    for (const codec of CODECS) bodies.push({ codec, bytes: compressBody(codec, raw) })
    bodies.push({ codec: 'lz4', bytes: Buffer.concat(storedLz4Frame([raw, raw])) })
    bodies.push({ codec: 'snappy', bytes: compressBody('snappy', raw).subarray(20) })
  }
  for (const type of ['abort', 'commit', 'other'] as const) batches.push(marker(type, 5n, 4711n))
  batches.push(Buffer.concat(batches.slice(0, 3)))
  return { batches, bodies }
}

test(`${CASES} mutations of batches, bodies and primitives: our errors only, no hang, bounded memory (seed ${SEED})`, async () => {
  const random = prng(SEED)
  const { batches, bodies } = corpus(random)
  const beforeBytes = process.memoryUsage.rss()
  let accepted = 0
  for (let index = 0; index < CASES; index++) {
    const begin = process.threadCpuUsage()
    const where = `FUZZ_SEED=${SEED}, case ${index}`
    try {
      if (index % 2 === 0) {
        const bytes = mutate(random, random.pick(batches), random.pick(batches))
        // Half of the time the CRC is made right again, as an attacker would.
        if (random.chance(0.5) && new BatchCursor(bytes).next()) sealBatch(bytes, 0)
        readBatches(bytes)
      } else if (index % 8 === 1) {
        readPrimitives(mutate(random, random.pick(batches), random.pick(batches)))
      } else {
        const { codec, bytes } = random.pick(bodies)
        const body = decompressBody(codec, mutate(random, bytes, random.pick(bodies).bytes), CEILING_BYTES)
        assert.ok(body.length <= CEILING_BYTES, where)
      }
      accepted++
    } catch (error) {
      assert.ok(
        isKafkaBackupError(error),
        `${where}: ${error instanceof Error ? error.stack : String(error)}`,
      )
      assert.notEqual(error.category, 'bug', `${where}: ${error.message}`)
    }
    // Processor time of this thread: on a busy machine the clock shows the others' work.
    const { user, system } = process.threadCpuUsage(begin)
    const elapsedMs = (user + system) / 1000
    assert.ok(elapsedMs < CASE_MAX_MS, `${where} took ${elapsedMs} ms`)
    if (index % 1000 === 0) {
      // zlib lets go of the buffers of a failed call in a later turn of the event loop.
      await new Promise(setImmediate)
      assert.ok(process.memoryUsage.rss() - beforeBytes < MEMORY_MAX_BYTES, `${where}: memory grows`)
    }
  }
  // Both outcomes must be common, or the mutations are too wild or too tame to prove anything.
  assert.ok(accepted > CASES * 0.02 && accepted < CASES * 0.9, `${accepted} of ${CASES} accepted`)
})
