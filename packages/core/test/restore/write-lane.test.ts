import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProducedPartition } from '../../src/kafka/produce-api.ts'
import { buildBatch } from '../../src/protocol/record-batch-builder.ts'
import { FreeGate } from '../../src/restore/free-gate.ts'
import type { LeaderQueues } from '../../src/restore/leader-queues.ts'
import { WriteLane } from '../../src/restore/write-lane.ts'
import { expectCode, record } from '../protocol/samples.ts'

const PLACE = { topic: 'orders', partition: 0 }

function laneWith(
  extent: { beginOffset: bigint; endOffset: bigint } | null,
  // What is adopted was written before: nothing is sent.
  queues = undefined as unknown as LeaderQueues,
  isTransactional = false,
): WriteLane {
  const context = {
    queues,
    gate: new FreeGate(() => undefined),
    fail: () => undefined,
    identity: { producerId: 1n, producerEpoch: 0 },
    isTransactional,
    throttle: async () => undefined,
    onWritten: () => undefined,
    offsets: null,
  }
  const begin = { position: 3n, basePosition: 0n, expectedOffset: 9n, nextOffset: 9n, extent }
  return new WriteLane(context, PLACE, begin)
}

function write(lane: WriteLane, at: number): Promise<void> {
  const runs = [{ source: 0, firstOffset: BigInt(at), records: 1 }]
  const bytes = buildBatch({ baseOffset: BigInt(at), records: [record({})] })
  return lane.write({ bytes, records: 1, runs, isReencoded: false })
}

function writtenAt(baseOffset: bigint): ProducedPartition {
  return { ...PLACE, errorCode: 0, errorMessage: null, baseOffset } as ProducedPartition
}

/** Every batch is answered at once, with the next of these offsets. */
function brokerThatWritesAt(...offsets: bigint[]): LeaderQueues {
  const send = async () => writtenAt(offsets.shift() ?? -1n)
  return { queueOf: async () => ({ send }) } as unknown as LeaderQueues
}

test('records that an earlier attempt wrote to another offset than their own are refused where offsets are kept', () => {
  const runs = [{ source: 0, firstOffset: 5n, records: 3 }]
  const extent = { beginOffset: 0n, endOffset: 20n }
  expectCode('KB_TARGET_CHANGED', () => laneWith(extent).adopt(runs, 6n))
  laneWith(extent).adopt(runs, 5n)
  laneWith(null).adopt(runs, 6n)
})

test('without transactions a batch is not sent before the one before it is confirmed, however many were', async () => {
  const sent: ((produced: ProducedPartition) => void)[] = []
  const send = () => new Promise<ProducedPartition>((resolve) => void sent.push(resolve))
  const lane = laneWith(null, { queueOf: async () => ({ send }) } as unknown as LeaderQueues)
  const all = (async () => {
    for (let at = 0; at < 4; at++) await write(lane, at)
    await lane.drain()
  })()
  for (let at = 0; at < 4; at++) {
    await new Promise(setImmediate)
    assert.equal(sent.length, at + 1)
    sent[at]?.(writtenAt(BigInt(9 + at)))
  }
  await all
})

test('a batch that comes to another offset than the next one ends the attempt, and is not counted', async () => {
  for (const [isTransactional, code] of [
    [false, 'KB_TARGET_CHANGED'],
    [true, 'KB_BROKER_TRANSIENT'],
  ] as const) {
    const lane = laneWith(null, brokerThatWritesAt(9n, 11n), isTransactional)
    await write(lane, 0)
    await lane.drain()
    await write(lane, 1)
    await assert.rejects(lane.drain(), { code })
    assert.deepEqual([lane.position, lane.expectedOffset], [4n, 10n])
  }
})

test('the marker of a committed transaction takes an offset', async () => {
  const lane = laneWith(null, brokerThatWritesAt(9n, 11n), true)
  await write(lane, 0)
  await lane.drain()
  lane.onCommitted()
  await write(lane, 1)
  await lane.drain()
  assert.deepEqual([lane.position, lane.expectedOffset], [5n, 12n])
})
