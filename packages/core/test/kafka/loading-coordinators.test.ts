import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nobodysGroups, partitionOfGroup } from '../../src/kafka/loading-coordinators.ts'

test('groups belong to partitions by the hash of Java', () => {
  const hashed: readonly (readonly [string, number])[] = [
    ['', 0],
    ['hello', 99_162_322],
    ['Hello, World!', 1_498_789_909],
    ['The quick brown fox jumps over the lazy dog', 609_428_141],
    ['polygenelubricants', 0],
  ]
  for (const [name, hash] of hashed) assert.equal(partitionOfGroup(name, 2 ** 31), hash, name)
  assert.equal(partitionOfGroup('hello', 50), 22)
})

test('there is one name for each partition', () => {
  for (const partitions of [1, 3, 50, 500]) {
    const names = nobodysGroups(partitions)
    assert.deepEqual(
      names.map((name) => partitionOfGroup(name, partitions)),
      Array.from({ length: partitions }, (_, partition) => partition),
    )
  }
})
