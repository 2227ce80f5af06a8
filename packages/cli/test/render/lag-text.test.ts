import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lagDocument, lagText } from '../../src/render/lag-text.ts'

test('a lag names what is furthest behind when it is not all, and a recovery point only when there is one', () => {
  const most = { topic: 'orders', partition: 3, offsets: 40 }
  const known = { offsets: 50, most, recoveryPointMs: 1_700_000_000_000, recoveryAgeMs: 4_400 }
  assert.equal(lagText(known), '50 offsets behind, orders/3 by 40   recovery point 4.0 s old')
  assert.equal(lagText({ ...known, offsets: 40 }), '40 offsets behind   recovery point 4.0 s old')
  const none = { offsets: 0, most: null, recoveryPointMs: null, recoveryAgeMs: null }
  assert.equal(lagText(none), '0 offsets behind   no recovery point yet')
  assert.deepEqual(lagDocument(none), {
    offsets: 0,
    most: null,
    recovery_point: null,
    recovery_age_secs: null,
  })
})
