import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { after, test } from 'node:test'
import type { FrameMinimum, SearchedFrame } from '../../src/backup/minimum-finder.ts'
import { MinimumThread } from '../../src/backup/minimum-thread.ts'
import { StatisticsCollector } from '../../src/format/batch-statistics.ts'
import { CODECS } from '../../src/protocol/codec.ts'
import { readRecords } from '../../src/protocol/record.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { prng } from '../protocol/prng.ts'
import { cursorOn, randomBatchInput, record } from '../protocol/samples.ts'

/** Before any of the threads below is there. */
const OWN_PRIORITY = getPriority()
const threads: MinimumThread[] = []
after(() => Promise.all(threads.map((thread) => thread.close())))

function newThread(spareCores = 1): MinimumThread {
  const thread = new MinimumThread({ count: () => spareCores })
  threads.push(thread)
  return thread
}

function frameOf(batches: readonly Buffer[]): SearchedFrame {
  const collector = new StatisticsCollector()
  for (const batch of batches) collector.add(cursorOn(batch), false, 0n)
  const { rawBytes } = collector
  return { chunks: batches.map((batch) => Buffer.from(batch)), rawBytes, statistics: collector.take() }
}

const compressed = (timestamp: bigint, codec: 'gzip' | 'lz4' = 'lz4') =>
  buildBatch({ codec, records: [record({ timestamp: timestamp + 5n }), record({ timestamp })] })

async function settled(minimum: FrameMinimum | null): Promise<bigint | null> {
  assert.ok(minimum, 'it is looked for')
  await minimum.settled
  return minimum.valueMs
}

test('finds what reading every record finds, for every codec, though the chunks are reused', async () => {
  const random = prng(21)
  const thread = newThread()
  const searches: { minimum: FrameMinimum; expected: bigint }[] = []
  let withheld = 0
  for (let round = 0; round < 300; round++) {
    const codec = random.pick(CODECS.slice(1))
    const batches = Array.from({ length: 1 + random.below(4) }, () =>
      buildBatch({ ...randomBatchInput(random, 1 + random.below(20)), codec }),
    )
    const timestamps = batches.flatMap((batch) => [...readRecords(cursorOn(batch))].map((r) => r.timestamp))
    const expected = timestamps.reduce((min, timestamp) => (timestamp < min ? timestamp : min))
    const frame = frameOf(batches)
    const minimum = thread.find(frame)
    for (const chunk of frame.chunks) chunk.fill(0xdd)
    if (frame.statistics.minTimestampMs === null) {
      assert.ok(minimum)
      searches.push({ minimum, expected })
    } else {
      assert.equal(minimum, null, 'the headers told')
      withheld++
    }
  }
  assert.ok(searches.length > 200 && withheld > 0)
  for (const { minimum, expected } of searches) assert.equal(await settled(minimum), expected)
})

test('what cannot be decompressed, or contradicts the headers, is unknown, and the next is found', async () => {
  const thread = newThread()
  const spoilt = compressed(3n)
  spoilt.fill(0xff, 61)
  const lying = frameOf([compressed(7_000n)])
  const found = [
    thread.find(frameOf([spoilt])),
    thread.find({ ...lying, statistics: { ...lying.statistics, maxTimestampMs: 6_000n } }),
    thread.find(frameOf([compressed(9n), compressed(4n)])),
  ]
  assert.deepEqual(await Promise.all(found.map(settled)), [null, null, 4n])
})

test('the queue is bounded in bytes; what does not fit is not looked for', async () => {
  const thread = newThread()
  const random = prng(5)
  const value = random.bytes(256 * 1024)
  const batch = buildBatch({ codec: 'lz4', records: [record({ value })] })
  const frame = frameOf(Array.from({ length: 8 }, () => batch))
  const fitting = Math.floor(LIMITS.minimumQueueMaxBytes / frame.rawBytes)
  // Nothing is answered before this turn of the event loop ends.
  const found = Array.from({ length: fitting + 3 }, () => thread.find(frame))
  assert.deepEqual(
    found.map((minimum) => minimum !== null),
    Array.from({ length: fitting + 3 }, (_, at) => at < fitting),
  )
  assert.equal(await settled(found[fitting - 1]!), 1_700_000_000_000n)
  assert.ok(thread.find(frame), 'there is room again')
})

test('nothing is looked for while the machine has nothing to spare', () => {
  assert.equal(newThread(0.4).find(frameOf([compressed(3n)])), null)
})

test('a thread that is closed leaves what it did not find unknown', async () => {
  const thread = newThread()
  const pending = Array.from({ length: 50 }, () => thread.find(frameOf([compressed(3n, 'gzip')])))
  await thread.close()
  for (const minimum of pending) assert.ok(minimum?.isSettled)
  assert.equal(thread.find(frameOf([compressed(3n)])), null)
})

test('only the thread that looks steps back', { skip: process.platform !== 'linux' }, async () => {
  const isLowest = (thread: string) => niceOf(thread) === 19
  const lowest = () => readdirSync('/proc/self/task').filter(isLowest).length
  const others = lowest()
  const thread = newThread()
  assert.equal(await settled(thread.find(frameOf([compressed(3n)]))), 3n)
  assert.equal(lowest(), others + 1)
  assert.equal(getPriority(), OWN_PRIORITY)
})

/** Field 19 of proc_pid_stat(5); the name before it may hold spaces. */
function niceOf(thread: string): number {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  } catch {
    return 0
  }
}
