import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { CHUNK_BYTES, CHUNKS_MAX } from '../../src/storage/gcs/chunk-size.ts'
import { openGcs } from '../../src/storage/gcs/location.ts'

function refusal(location: string): KafkaBackupError {
  try {
    openGcs(new URL(location))
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_LOCATION_INVALID'), String(error))
    return error
  }
  throw new assert.AssertionError({ message: `${location} was opened` })
}

describe('a location of Google Cloud Storage', () => {
  for (const [location, canonical] of [
    ['gs://bucket', 'gs://bucket'],
    ['gs://bucket/', 'gs://bucket'],
    ['gs://my_bucket-1/a/b/', 'gs://my_bucket-1/a/b'],
    ['gs://backups.example.com/a%20b', 'gs://backups.example.com/a%20b'],
    ['gs://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A4443%2F', 'gs://bucket?endpoint=http://127.0.0.1:4443'],
    [
      'gs://bucket/p?single_writer=true&service_account_path=%2Fetc%2Fkey.json',
      'gs://bucket/p?service_account_path=/etc/key.json&single_writer=true',
    ],
    [
      'gs://bucket?endpoint=https://storage-x.p.googleapis.com&service_account_path=k.json',
      'gs://bucket?endpoint=https://storage-x.p.googleapis.com&service_account_path=k.json',
    ],
    ['gs://bucket?single_writer=false', 'gs://bucket'],
  ] as const) {
    it(`${location} is ${canonical}, which opens the same place`, () => {
      assert.equal(openGcs(new URL(location)).location, canonical)
      assert.equal(openGcs(new URL(canonical)).location, canonical)
    })
  }

  for (const [location, message, hint] of [
    ['gs://', /names no bucket/, /gs:\/\/BUCKET\/PREFIX/],
    ['gs:///bucket', /names no bucket/, /gs:\/\/BUCKET\/PREFIX/],
    ['gs://Bucket', /names no bucket/, /small letters/],
    ['gs://ab', /names no bucket/, /3 to 222/],
    [`gs://${'a'.repeat(64)}`, /names no bucket/, /3 to 222/],
    ['gs://a..b', /names no bucket/, /dots/],
    ['gs://-bucket', /names no bucket/, /hyphens/],
    ['gs://bucket:443/x', /it has a port/, /endpoint=http:\/\/HOST:PORT/],
    ['gs://bucket/a//b', /empty, \. or \.\./, /folder/],
    ['gs://bucket/%2e%2e%2fb', /empty, \. or \.\./, /folder/],
    ['gs://bucket?endpiont=x', /unknown parameter endpiont/, /Did you mean endpoint\?/],
    ['gs://bucket?region=x', /unknown parameter region/, /It takes endpoint/],
    ['gs://bucket?token=canary', /token does not belong/, /storage\.token/],
    ['gs://bucket?endpoint=', /endpoint is empty/, /leave it out/],
    ['gs://u:canary@bucket', /takes no account/, /environment/],
    ['gs://bucket#canary', /it has a #/, /%23/],
    ['gs://bucket?endpoint=h:1', /not the address of a server/, /https:/],
    ['gs://bucket?endpoint=https://h/storage/v1', /not the address/, /without a path/],
    ['gs://bucket?endpoint=https://u:canary@h', /not the address/, /without an account/],
    ['gs://bucket?single_writer=yes', /neither true nor false/, /=true/],
    [
      'gs://bucket?endpoint=http://h:1&service_account_path=/canary.json',
      /not encrypted, and gets no credentials/,
      /https:/,
    ],
  ] as const) {
    it(`${location} is refused without its values`, () => {
      const error = refusal(location)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      assert.doesNotMatch(error.message + error.hint, /canary/)
    })
  }

  it('tells what the store can do', () => {
    const plain = openGcs(new URL('gs://bucket'))
    assert.deepEqual(plain.capabilities, { putIfAbsent: true, readAfterWrite: true })
    const vouched = openGcs(new URL('gs://bucket?single_writer=true'))
    assert.deepEqual(vouched.capabilities, {
      putIfAbsent: false,
      readAfterWrite: true,
      hasSingleWriter: true,
    })
  })
})

describe('the chunks of an upload to Google Cloud Storage', () => {
  it('hold 5 TiB within their number, and are multiples of what Google demands', () => {
    assert.ok(CHUNKS_MAX * CHUNK_BYTES >= 5 * 2 ** 40)
    assert.equal(CHUNK_BYTES % (256 * 1024), 0)
  })
})
