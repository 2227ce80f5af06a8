import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteRing, type RingPlace } from '../../src/backup/byte-ring.ts'
import { prng } from '../protocol/prng.ts'

test('places never overlap, stay inside, and all memory comes back', () => {
  const random = prng(11)
  const ring = new ByteRing(1000)
  const taken: RingPlace[] = []
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    if (random.chance(0.5)) {
      const place = ring.reserve(1 + random.below(random.chance(0.1) ? 1200 : 300))
      if (!place) {
        refused++
        continue
      }
      assert.ok(place.begin + place.bytes <= 1000)
      for (const other of taken)
        assert.ok(place.begin >= other.begin + other.bytes || place.begin + place.bytes <= other.begin)
      taken.push(place)
    } else if (taken[0]) ring.release(taken.shift()!)
  }
  assert.ok(refused > 100)
  for (const place of taken) ring.release(place)
  assert.ok(ring.reserve(1000))
  assert.equal(ring.reserve(1), undefined)
})
