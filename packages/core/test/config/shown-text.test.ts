import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownText } from '../../src/config/problems.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { invalidLocation } from '../../src/storage/location-errors.ts'

const SHOWN: readonly (readonly [written: string, shown: string])[] = [
  ['http://me:canary@127.0.0.1:9', 'http://…@127.0.0.1:9'],
  ['s3:me:canary@bucket', 's3:…@bucket'],
  ['https://acct.example/c?sv=1&sig=canary', 'https://acct.example/c?…'],
  ['bucket?secret=canary', 'bucket?…'],
  ['AccountName=a;AccountKey=canary+/==;EndpointSuffix=b', 'AccountName=a;AccountKey=…;EndpointSuffix=b'],
  ['a%3BAccountKey%3Dcanary%2F%3D%3D%3Bb', 'a%3BAccountKey%3D…%3Bb'],
  ['orders-?', 'orders-?'],
  ['~orders-(a|b)?', '~orders-(a|b)?'],
  ['me@example.com', 'me@example.com'],
]

test('what somebody wrote is shown without what may be a secret in a URL', () => {
  for (const [written, shown] of SHOWN) assert.equal(shownText(written), shown)
})

test('nor does a location that is refused show one', () => {
  for (const [written] of SHOWN.filter(([text]) => text.includes('canary')))
    assert.doesNotMatch(invalidLocation(written, 'it is wrong', 'Write another.').message, /canary/)
})

const PASTED: readonly (readonly [written: string, shown: string])[] = [
  [
    'BlobEndpoint=https://a/;SharedAccessSignature=sv=1&sig=canary',
    'BlobEndpoint=https://a/;SharedAccessSignature=…',
  ],
  ['https://a/c?sv=1&sig=canary%3D&se=2', 'https://a/c?sv=1&sig=…&se=2'],
  [
    `LoginModule required username="me" password="can ary;canary";`,
    `LoginModule required username="me" password=…;`,
  ],
  ['sasl.password=canary', 'sasl.password=…'],
  ['ssl_key_password = canary', 'ssl_key_password = …'],
  ['AWS_SECRET_ACCESS_KEY=canary/+ aws', 'AWS_SECRET_ACCESS_KEY=… aws'],
  ['aws_session_token=canary', 'aws_session_token=…'],
  [
    'the password must be longer, retention.ms=1 and assign=2',
    'the password must be longer, retention.ms=1 and assign=2',
  ],
  ['sv=… and sig=….', 'sv=… and sig=….'],
]

test('no error repeats a secret that was pasted, not in its message, its hint nor its context', () => {
  for (const [written, shown] of PASTED) {
    const error = new KafkaBackupError('KB_USAGE', written, { hint: written, context: { path: written } })
    assert.deepEqual([error.message, error.hint, error.context.path], [shown, shown, shown])
  }
})

test('names and values of any length are looked through in no time', () => {
  for (const part of ['a-', 'a.', 'password', 'a_', 'sig=', 'a%3B', '= ', '"']) {
    const text = `x=${part.repeat(200_000)}`
    const beganMs = performance.now()
    new KafkaBackupError('KB_USAGE', text)
    assert.ok(performance.now() - beganMs < 2_000, part)
  }
})
