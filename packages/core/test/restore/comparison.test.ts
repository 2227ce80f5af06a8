import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { KafkaRecord } from '../../src/protocol/record.ts'
import { Comparison, type PartitionVerdict } from '../../src/restore/comparison.ts'
import { assertEqual } from '../../src/restore/verify-restore.ts'

function recordAt(offset: bigint, valueBytes: number): KafkaRecord {
  return { offset, timestamp: 1n, key: null, value: Buffer.alloc(valueBytes, 'v'), headers: [] }
}

/** Small and large values, so that digests are gathered and flushed. */
const SIZES = [0, 1, 3_000, 500, 40_000, 2_048, 2_049, 16_000]

function compared(changedAt: number | null): PartitionVerdict {
  const comparison = new Comparison()
  for (const [at, size] of SIZES.entries()) {
    const found = recordAt(BigInt(at) + 100n, at === changedAt ? size + 1 : size)
    comparison.compare(recordAt(BigInt(at), size), found)
  }
  return comparison.finish({ topic: 'orders', partition: changedAt ?? 9 }, true)
}

test('each side has the digest that it would have alone, wherever they part', () => {
  const equal = compared(null)
  assert.deepEqual([equal.verdict, equal.clusterSha256], ['equal', equal.sha256])
  for (const at of SIZES.keys()) {
    const differing = compared(at)
    const alone = new Comparison()
    for (const [other, size] of SIZES.entries()) {
      const record = recordAt(0n, other === at ? size + 1 : size)
      alone.compare(record, record)
    }
    assert.equal(differing.sha256, equal.sha256)
    assert.equal(differing.clusterSha256, alone.finish({ topic: 'orders', partition: 0 }, true).sha256)
    assert.deepEqual([differing.verdict, differing.differences], ['differs', 1])
  }
})

test('the digest is over the bytes that docs/restore.md describes', () => {
  const record: KafkaRecord = {
    offset: 5n,
    timestamp: 258n,
    key: null,
    value: Buffer.from('v'),
    headers: [{ name: 'h', nameBytes: Buffer.from('h'), value: Buffer.alloc(0) }],
  }
  const comparison = new Comparison()
  comparison.compare(record, record)
  const bytes = '0000000000000102' + 'ffffffff' + '0000000176' + '00000001' + '0000000168' + '00000000'
  const expected = createHash('sha256').update(Buffer.from(bytes, 'hex')).digest('hex')
  assert.equal(comparison.finish({ topic: 'orders', partition: 0 }, true).sha256, expected)
})

test('a restore whose copy differs fails with the first difference of every partition', () => {
  assertEqual([compared(null)])
  assert.throws(
    () => assertEqual([compared(3), compared(null), compared(1)]),
    (error) => {
      assert.ok(isKafkaBackupError(error, 'KB_VALIDATION_FAILED'))
      assert.match(error.message, /^orders\/3: .* has source offset 3, target offset 103: its value differs/)
      assert.match(error.message, /\norders\/1: .* has source offset 1, target offset 101: its value differs/)
      assert.doesNotMatch(error.message, /orders\/9/)
      return true
    },
  )
})
