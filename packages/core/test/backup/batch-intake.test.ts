import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealBatch } from '../../src/protocol/batch-patch.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { type Prng, prng } from '../protocol/prng.ts'
import { cursorOn, expectCode, record, withCodecId } from '../protocol/samples.ts'
import { assertSeed, expectFaithful, framesOf, type Reading, readToTarget, taken } from './log-reading.ts'
import { answerOf, newIntake } from './new-intake.ts'
import { bulkyLog, entriesIn, type PartitionLog, plainLog, transactionalLog } from './partition-log.ts'

const CASES = Number(process.env.PROPERTY_CASES ?? 300)
const SEED = Number(process.env.PROPERTY_SEED ?? 1)

/** A begin inside or before any batch, a target at any border or in any hole, and all the rest by chance. */
function randomReading(seed: number, logOf: (random: Prng, isCompacted: boolean) => PartitionLog): Reading {
  const random = prng(seed)
  const isCompacted = random.chance(0.5)
  const log = logOf(random, isCompacted)
  const first = random.pick(log.entries)
  const last = random.pick(log.entries.slice(log.entries.indexOf(first)))
  const inFirst = BigInt(random.below(Number(first.lastOffset - first.baseOffset) + 1))
  const beyond = last.lastOffset + 1n + BigInt(random.chance(0.3) ? random.below(60) : 0)
  return {
    log,
    random,
    options: {
      beginOffset: random.chance(0.5) ? first.baseOffset : first.baseOffset + inFirst,
      targetOffset: random.chance(0.5) ? log.entries.at(-1)!.lastOffset + 1n : beyond,
      isCompacted,
      frameMinBytes: random.pick([1, 300, 2_000, 1_000_000]),
    },
    answerMaxBytes: random.pick([100, 1_000, 5_000, 50_000]),
  }
}

function flipByte(random: Prng): (bytes: Buffer) => void {
  return (bytes) => {
    if (bytes.length === 0 || random.chance(0.5)) return
    const cursor = random.pick(entriesIn(wholeBatches(bytes)))
    const offsetInBuffer = cursor.buffer.byteOffset - bytes.byteOffset + cursor.position
    // Neither base offset nor leader epoch is under the checksum: the broker writes them when the batch arrives.
    const at = random.pick([8, 9, 10, 11, 16, 17, 20, 21, 24, 40, 60, random.below(cursor.byteLength)])
    if (at < 8 || (at >= 12 && at < 16) || at >= cursor.byteLength) return
    bytes[offsetInBuffer + at] = bytes[offsetInBuffer + at]! ^ (1 << random.below(8))
  }
}

function wholeBatches(bytes: Buffer): Buffer {
  const cursor = cursorOn(bytes)
  while (cursor.next()) {}
  return bytes.subarray(0, cursor.position)
}

for (const [what, logOf] of [
  ['plain batches', plainLog],
  ['transactions', (random: Prng, isCompacted: boolean) => transactionalLog(random, !isCompacted)],
] as const) {
  test(`wherever ${CASES} logs of ${what} are cut into answers, the frames are the log`, () => {
    for (let index = 0; index < CASES; index++) {
      const seed = SEED * 1_000_000 + index
      const reading = randomReading(seed, logOf)
      assertSeed(seed, () => expectFaithful(readToTarget(reading), reading))
    }
  })

  test(`damaged answers of ${CASES} logs of ${what} are refused, and a clean one goes on without loss`, () => {
    for (let index = 0; index < CASES; index++) {
      const seed = SEED * 2_000_000 + index
      const plain = randomReading(seed, logOf)
      const reading = { ...plain, spoils: flipByte(plain.random) }
      assertSeed(seed, () => expectFaithful(readToTarget(reading), reading))
    }
  })
}

test('large batches are cut into frames within the bounds', () => {
  const random = prng(SEED)
  const log = bulkyLog(random, 40, 1_500_000)
  for (const answerMaxBytes of [400_000, 3_000_000, 40_000_000]) {
    const options = { beginOffset: 0n, targetOffset: 40n, isCompacted: false, frameMinBytes: 1024 * 1024 }
    const reading = { log, options, random, answerMaxBytes }
    const items = readToTarget(reading)
    expectFaithful(items, reading)
    assert.ok(framesOf(items).length > 5)
  }
})

test('a batch above the size of a frame is a frame of its own', () => {
  const sizes = [100, 5_000_000, 100]
  const batches = sizes.map((size, index) =>
    buildBatch({ baseOffset: BigInt(index), records: [record({ value: Buffer.alloc(size, 'x') })] }),
  )
  const bytes = Buffer.concat(batches)
  const intake = newIntake({ beginOffset: 0n, targetOffset: 3n, isCompacted: false, frameMinBytes: 1 })
  const frames = framesOf(intake.accept(answerOf(bytes, 0, bytes.length, [])).map(taken))
  assert.deepEqual(
    frames.map((frame) => frame.bytes),
    batches,
  )
})

/*
 * Symptom: a segment whose index counts batches that it does not hold. A corrupt batch made accept() throw after it had
 * taken the batches before it: these were counted and the next fetch began behind them, but their bytes were never handed
 * out, and frames that had been cut were dropped with the exception. A damaged first batch did not show it.
 */
test('what stands before a damaged batch is delivered, and the next answer begins with that batch', () => {
  const batches = [0n, 1n, 2n, 3n].map((baseOffset) =>
    buildBatch({ baseOffset, records: [record({ value: Buffer.alloc(100, String(baseOffset)) })] }),
  )
  const bytes = Buffer.concat(batches)
  const damaged = Buffer.from(bytes)
  const third = batches[0]!.length + batches[1]!.length
  damaged[third + 80] = 0
  for (const frameMinBytes of [1, 1_000_000]) {
    const intake = newIntake({ beginOffset: 0n, targetOffset: 4n, isCompacted: false, frameMinBytes })
    const items = intake.accept(answerOf(damaged, 0, damaged.length, [])).map(taken)
    assert.equal(intake.nextOffset, 2n)
    const again = damaged.subarray(third)
    for (let attempt = 0; attempt < 3; attempt++) {
      expectCode('KB_BATCH_CORRUPT', () => intake.accept(answerOf(again, 0, again.length, [])))
      assert.equal(intake.nextOffset, 2n)
    }
    items.push(...intake.accept(answerOf(bytes, third, bytes.length, [])).map(taken))
    const rest = intake.flush()
    if (rest) items.push(taken(rest))
    assert.ok(Buffer.concat(framesOf(items).map((frame) => frame.bytes)).equals(bytes))
    const batchCount = framesOf(items).reduce((sum, frame) => sum + frame.statistics.batches, 0)
    assert.equal(batchCount, 4)
    assert.equal(intake.isAtTarget, true)
  }
})

test('a batch in a codec that nobody knows is never taken, so that none is ever stored', () => {
  const [good, other] = [0n, 1n].map((baseOffset) => buildBatch({ baseOffset, records: [record()] }))
  for (const codecId of [5, 6, 7]) {
    const bytes = Buffer.concat([good!, withCodecId(other!, codecId)])
    const intake = newIntake({ beginOffset: 0n, targetOffset: 2n, isCompacted: false, frameMinBytes: 1 })
    const frames = framesOf(intake.accept(answerOf(bytes, 0, bytes.length, [])).map(taken))
    assert.deepEqual([frames.map((frame) => frame.bytes), intake.nextOffset], [[good], 1n])
    expectCode('KB_FORMAT_UNSUPPORTED', () => intake.accept(answerOf(bytes, good!.length, bytes.length, [])))
    assert.equal(intake.flush(), undefined)
  }
})

/* The checksum is right and the records are nonsense: found out only when the batch was half counted. */
test('a batch whose records cannot be read is not counted by half', () => {
  const good = buildBatch({ baseOffset: 0n, records: [record({ value: Buffer.from('good') })] })
  const bad = buildBatch({ baseOffset: 1n, records: [record({ value: Buffer.from('bad') }), record()] })
  bad[61] = 0x7f
  sealBatch(bad, 0)
  const bytes = Buffer.concat([good, bad])
  const intake = newIntake({
    beginOffset: 0n,
    targetOffset: 9n,
    isCompacted: true,
    frameMinBytes: 9_999,
  })
  assert.deepEqual(intake.accept(answerOf(bytes, 0, bytes.length, [])), [])
  expectCode('KB_BATCH_CORRUPT', () => intake.accept(answerOf(bad, 0, bad.length, [])))
  const frame = intake.flush()
  assert.ok(frame && taken(frame).kind === 'frame')
  assert.deepEqual(
    [frame.statistics.batches, frame.rawBytes, frame.statistics.lastOffset],
    [1, good.length, 0n],
  )
  assert.deepEqual(Buffer.concat(frame.chunks), good)
})

test('a frame that was due when the first batch of an answer is refused is delivered all the same', () => {
  const held = buildBatch({ baseOffset: 0n, records: [record({ value: Buffer.alloc(3_000_000) })] })
  const bad = buildBatch({ baseOffset: 1n, records: [record({ value: Buffer.alloc(2_000_000) }), record()] })
  bad[61] = 0x7f
  sealBatch(bad, 0)
  const intake = newIntake({
    beginOffset: 0n,
    targetOffset: 9n,
    isCompacted: false,
    frameMinBytes: 9e9,
  })
  const cut = [
    ...intake.accept(answerOf(held, 0, held.length, [])),
    ...intake.accept(answerOf(bad, 0, bad.length, [])),
  ].map(taken)
  expectCode('KB_BATCH_CORRUPT', () => intake.accept(answerOf(bad, 0, bad.length, [])))
  assert.deepEqual(
    framesOf(cut).map((frame) => frame.bytes.equals(held)),
    [true],
  )
  assert.equal(intake.flush(), undefined)
})

test('a batch that begins below the log start counts only what is left of it', () => {
  const records = ['a', 'b', 'c', 'd'].map((value) => record({ value: Buffer.from(value) }))
  for (const codec of ['none', 'zstd'] as const) {
    const batch = buildBatch({ baseOffset: 10n, records, codec, partitionLeaderEpoch: 3 })
    const intake = newIntake({
      beginOffset: 13n,
      targetOffset: 14n,
      isCompacted: false,
      frameMinBytes: 1,
    })
    const [frame] = intake.accept(answerOf(batch, 0, batch.length, []))
    assert.ok(frame?.kind === 'frame')
    assert.deepEqual(
      [frame.beginOffset, frame.statistics.firstOffset, frame.statistics.records],
      [13n, 13n, 1],
    )
    assert.deepEqual(frame.statistics.leaderEpochs, [[3, 13n]])
    assert.equal(frame.rawBytes, batch.length)
  }
})

test('behind the target nothing is taken, and what lies before it is declared', () => {
  const batch = buildBatch({ baseOffset: 20n, records: [record()] })
  for (const isCompacted of [true, false]) {
    const intake = newIntake({ beginOffset: 5n, targetOffset: 15n, isCompacted, frameMinBytes: 1 })
    const cut = intake.accept(answerOf(batch, 0, batch.length, []))
    assert.equal(intake.isAtTarget, true)
    assert.deepEqual(cut, isCompacted ? [] : [{ kind: 'missing', firstOffset: 5n, endOffset: 15n }])
    assert.equal(intake.flush(), undefined)
  }
})

test('an answer that holds only a part of a batch changes nothing', () => {
  const batch = buildBatch({ baseOffset: 0n, records: [record({ value: Buffer.alloc(500) })] })
  const intake = newIntake({ beginOffset: 0n, targetOffset: 1n, isCompacted: false, frameMinBytes: 1 })
  for (const end of [0, 5, 12, 17, 61, batch.length - 1]) {
    assert.deepEqual(intake.accept(answerOf(batch, 0, end, [])), [])
    assert.deepEqual([intake.nextOffset, intake.pendingBytes], [0n, 0])
  }
  assert.equal(intake.accept(answerOf(batch, 0, batch.length, [])).length, 1)
})
