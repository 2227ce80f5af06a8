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
): WriteLane {
  const context = {
    queues,
    gate: new FreeGate(() => undefined),
    fail: () => undefined,
    identity: { producerId: 1n, producerEpoch: 0 },
    isTransactional: false,
    throttle: async () => undefined,
    onWritten: () => undefined,
    offsets: null,
  }
  const begin = { position: 3n, basePosition: 0n, expectedOffset: 9n, nextOffset: 9n, extent }
  return new WriteLane(context, PLACE, begin)
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
  const write = (at: number) => {
    const runs = [{ source: 0, firstOffset: BigInt(at), records: 1 }]
    const bytes = buildBatch({ baseOffset: BigInt(at), records: [record({})] })
    return lane.write({ bytes, records: 1, runs, isReencoded: false })
  }
  const all = (async () => {
    for (let at = 0; at < 4; at++) await write(at)
    await lane.drain()
  })()
  for (let at = 0; at < 4; at++) {
    await new Promise(setImmediate)
    assert.equal(sent.length, at + 1)
    const answer = { topic: PLACE.topic, partition: PLACE.partition, errorCode: 0, errorMessage: null }
    sent[at]?.({ ...answer, baseOffset: BigInt(9 + at) } as ProducedPartition)
  }
  await all
})
