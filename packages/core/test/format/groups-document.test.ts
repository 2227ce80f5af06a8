import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealDocument } from '../../src/format/canonical-json.ts'
import { decodeGroups, encodeGroups } from '../../src/format/groups-document.ts'
import { prng } from '../protocol/prng.ts'
import { randomGroups } from './random-groups.ts'

test('a document is read back as it was written, and is written as the format says', () => {
  const random = prng(21)
  for (let round = 0; round < 50; round++) {
    const document = randomGroups(random, random.below(6))
    assert.deepEqual(decodeGroups(encodeGroups(document)), document)
  }
  const offsets = [{ topic: 'orders', partition: 0, offset: 7n, leaderEpoch: -1, metadata: '' }]
  const group = { group: 'g', type: 'classic', protocolType: 'consumer', state: 'Empty', members: 0 } as const
  const document = { ...randomGroups(random, 0), groups: [{ ...group, readAtMs: 5n, offsets }] }
  const { sha256, ...fields } = JSON.parse(encodeGroups(document).toString())
  assert.match(sha256, /^[0-9a-f]{64}$/)
  assert.deepEqual(fields, {
    ...{ format: 'kafka-backup-groups', version: 1, features: [], backup_id: 'b', writer: '9f2c11ab' },
    ...{ read_at: '1700000000000', cluster_id: 'cluster' },
    groups: [
      {
        ...{
          group: 'g',
          type: 'classic',
          protocol_type: 'consumer',
          state: 'Empty',
          members: 0,
          read_at: '5',
        },
        offsets: [{ topic: 'orders', partition: 0, offset: '7', leader_epoch: -1 }],
      },
    ],
  })
})

test('what is out of order, doubled, newer or not there is refused', () => {
  const whole = JSON.parse(encodeGroups(randomGroups(prng(3), 4)).toString())
  const { sha256: _, ...fields } = whole
  const offset = (partition: number) => ({ topic: 'orders', partition, offset: '1', leader_epoch: 0 })
  const refused: [string, object][] = [
    ['KB_VALIDATION_FAILED', { groups: [...fields.groups].reverse() }],
    ['KB_VALIDATION_FAILED', { groups: [fields.groups[0], fields.groups[0]] }],
    ['KB_VALIDATION_FAILED', { groups: [{ ...fields.groups[0], offsets: [offset(1), offset(0)] }] }],
    ['KB_VALIDATION_FAILED', { groups: [{ ...fields.groups[0], group: 'x'.repeat(32_768) }] }],
    ['KB_VALIDATION_FAILED', { groups: [{ ...fields.groups[0], type: 'other' }] }],
    ['KB_VALIDATION_FAILED', { format: 'kafka-backup-topics' }],
    ['KB_VALIDATION_FAILED', { read_at: 5 }],
    ['KB_FORMAT_UNSUPPORTED', { version: 2 }],
    ['KB_FORMAT_UNSUPPORTED', { features: ['more'] }],
  ]
  for (const [code, change] of refused)
    assert.throws(
      () => decodeGroups(sealDocument({ ...fields, ...change })),
      { code },
      JSON.stringify(change),
    )
  const bytes = encodeGroups(randomGroups(prng(4), 2))
  bytes[bytes.length - 3]! ^= 1
  assert.throws(() => decodeGroups(bytes), { code: 'KB_VALIDATION_FAILED' })
  // Fields of a later version that changes nothing else are passed over.
  assert.equal(decodeGroups(sealDocument({ ...fields, note: 'new' })).groups.length, 4)
})
