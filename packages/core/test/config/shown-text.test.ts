import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownText } from '../../src/config/problems.ts'
import { invalidLocation } from '../../src/storage/location-errors.ts'

const SHOWN: readonly (readonly [written: string, shown: string])[] = [
  ['http://me:canary@127.0.0.1:9', 'http://…@127.0.0.1:9'],
  ['s3:me:canary@bucket', 's3:…@bucket'],
  ['https://acct.example/c?sv=1&sig=canary', 'https://acct.example/c?…'],
  ['bucket?secret=canary', 'bucket?…'],
  ['orders-?', 'orders-?'],
  ['~orders-(a|b)?', '~orders-(a|b)?'],
  ['me@example.com', 'me@example.com'],
]

test('what somebody wrote is shown without what may be a secret in a URL', () => {
  for (const [written, shown] of SHOWN) assert.equal(shownText(written), shown)
})

test('nor does a location that is refused show one', () => {
  for (const [written] of SHOWN.slice(0, 4))
    assert.doesNotMatch(invalidLocation(written, 'it is wrong', 'Write another.').message, /canary/)
})
