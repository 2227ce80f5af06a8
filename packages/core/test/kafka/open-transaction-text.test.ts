import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenTransaction } from '../../src/kafka/cluster.ts'
import { endOfTransactionText, openTransactionText } from '../../src/kafka/open-transaction-text.ts'

const BEGAN_MS = Date.UTC(2026, 0, 1)
const OPEN: OpenTransaction = {
  ...{ topic: 'orders', partition: 3, producerId: 12n, producerEpoch: 0, firstOffset: 7n },
  ...{ lastWriteAtMs: BEGAN_MS + 1_000, transactionalId: 'app', beganAtMs: BEGAN_MS, timeoutMs: 60_000 },
}

test('an open transaction is told with its producer, its begin and its end', () => {
  assert.equal(
    openTransactionText(OPEN),
    'producer 12 (app) has a transaction open at offset 7, began 2026-01-01T00:00:00.000Z',
  )
  assert.equal(endOfTransactionText(OPEN), 'the brokers abort it soon after 2026-01-01T00:01:00.000Z')
})

test('of a transaction that the account may not see, it is said that its end is not known', () => {
  const unseen = { ...OPEN, transactionalId: null, beganAtMs: null, timeoutMs: null }
  assert.equal(
    openTransactionText(unseen),
    'producer 12 has a transaction open at offset 7, last wrote 2026-01-01T00:00:01.000Z',
  )
  assert.match(endOfTransactionText(unseen), /the brokers do not tell this account/)
})

test('of a transaction that its coordinator has forgotten, the command that ends it is given', () => {
  const hanging = { ...OPEN, beganAtMs: null, timeoutMs: null }
  assert.match(
    endOfTransactionText(hanging),
    /^its coordinator does not know it any more.*abort --topic orders --partition 3 --start-offset 7$/,
  )
})
