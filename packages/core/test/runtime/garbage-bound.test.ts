import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { boundGarbage, type Collector, collectorOfV8 } from '../../src/runtime/garbage-bound.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { SleepyClock } from '../storage/sleepy-clock.ts'

const MIB = 1024 * 1024

test('the heap is made small once after the start, and collected whenever there is too much garbage', async () => {
  const looks: string[] = []
  // What is held at each look, in MiB, and right after a collection; buffers of the first one are freed late.
  const held = [60, 40, 56, 57, 41, 50, 57, 58, 40]
  const collector: Collector = {
    heldBytes() {
      const mib = held.shift() ?? 0
      looks.push(`${mib}`)
      return mib * MIB
    },
    collect: () => looks.push('collected'),
    shrink: () => looks.push('shrunk'),
  }
  assert.equal(LIMITS.garbageMaxBytes, 16 * MIB)
  const clock = new SleepyClock()
  {
    using _bound = boundGarbage(clock, collector)
    while (held.length > 0) await turn()
  }
  const expected = ['shrunk', '60', '40', '56', '57', 'collected', '41', '50', '57', '58', 'collected', '40']
  assert.deepEqual(looks, expected)
  const atMs = clock.monotonicMs()
  for (let at = 0; at < 5; at++) await turn()
  assert.equal(clock.monotonicMs(), atMs, 'nobody looks any more')
})

test('less garbage than that goes too, every five minutes, when the heap is made small', async () => {
  let shrunk = 0
  let looks = 0
  const clock = new SleepyClock()
  const collector: Collector = {
    heldBytes: () => ++looks * 1_000,
    collect: () => assert.fail('there is little garbage'),
    shrink: () => void shrunk++,
  }
  using _bound = boundGarbage(clock, collector)
  while (clock.monotonicMs() < 10 * LIMITS.heapMaxAgeMs) await turn()
  assert.ok(shrunk >= 9 && shrunk <= 11, `${shrunk}`)
})

/** What is held while there are so many buffers, which a collection has made old: they do not go with the next young ones. */
function heldWithBuffers(collector: Collector, count: number): number {
  const buffers = Array.from({ length: count }, () => Buffer.alloc(MIB, 1))
  collector.collect()
  return buffers.length === count ? collector.heldBytes() : 0
}

test('buffers that nobody holds are given back by a collection', async () => {
  const collector = collectorOfV8()
  collector.collect()
  const before = collector.heldBytes()
  // The heap itself becomes a little smaller or larger meanwhile.
  assert.ok(heldWithBuffers(collector, 32) - before > 24 * MIB)
  await turn()
  collector.collect()
  // Another thread frees them.
  for (let at = 0; at < 100 && collector.heldBytes() - before > 8 * MIB; at++) await delay(10)
  assert.ok(collector.heldBytes() - before <= 8 * MIB, `${collector.heldBytes() - before} bytes are left`)
})
