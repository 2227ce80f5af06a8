import { test } from 'node:test'
import { FreeGate } from '../../src/restore/free-gate.ts'
import type { LeaderQueues } from '../../src/restore/leader-queues.ts'
import { WriteLane } from '../../src/restore/write-lane.ts'
import { expectCode } from '../protocol/samples.ts'

const PLACE = { topic: 'orders', partition: 0 }

function laneWith(extent: { beginOffset: bigint; endOffset: bigint } | null): WriteLane {
  const context = {
    // What is adopted was written before: nothing is sent.
    queues: undefined as unknown as LeaderQueues,
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
