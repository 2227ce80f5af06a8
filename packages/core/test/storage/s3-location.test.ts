import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { Secret } from '../../src/runtime/secret.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { PARTS_MAX, partBytesOf } from '../../src/storage/s3/part-size.ts'
import type { StorageCredentials } from '../../src/storage/storage-credentials.ts'

function refusal(location: string, credentials: StorageCredentials = new Map()): KafkaBackupError {
  try {
    openS3(new URL(location), credentials)
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_LOCATION_INVALID'), String(error))
    return error
  }
  throw new assert.AssertionError({ message: `${location} was opened` })
}

describe('a location of S3', () => {
  for (const [location, canonical] of [
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://my.bucket/a/b/', 's3://my.bucket/a/b'],
    ['s3://bucket/a%20b?region=eu-central-1', 's3://bucket/a%20b?region=eu-central-1'],
    [
      's3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A9000%2F&path_style=true&allow_http=true',
      's3://bucket?endpoint=http://127.0.0.1:9000',
    ],
    [
      's3://bucket?path_style=false&endpoint=https://s3.example.com',
      's3://bucket?endpoint=https://s3.example.com&path_style=false',
    ],
    [
      's3://bucket?region=us-east-1&endpoint=https://s3.example.com',
      's3://bucket?endpoint=https://s3.example.com',
    ],
    ['s3://bucket?path_style=false', 's3://bucket?path_style=false'],
    ['s3://bucket?path_style=true', 's3://bucket?path_style=true'],
    ['s3://bucket?profile=prod&single_writer=true', 's3://bucket?profile=prod&single_writer=true'],
  ] as const) {
    it(`${location} is ${canonical}, which opens the same place`, () => {
      assert.equal(openS3(new URL(location), new Map()).location, canonical)
      assert.equal(openS3(new URL(canonical), new Map()).location, canonical)
    })
  }

  for (const [location, message, hint] of [
    ['s3://bucket?regoin=x', /unknown parameter regoin/, /Did you mean region\?/],
    ['s3://bucket?versioning=x', /unknown parameter versioning/, /It takes region, endpoint/],
    ['s3://bucket?region=a&region=b', /region is there twice/, /Keep one/],
    ['s3://bucket?region=', /region is empty/, /leave it out/],
    ['s3://bucket?secret_key=canary', /secret_key does not belong/, /storage\.secret_key/],
    ['s3://bucket?access_key_id=canary', /access_key_id does not belong/, /environment/],
    ['s3://AKIA:canary@bucket', /takes no account/, /variables of the environment/],
    ['s3://bucket#canary', /it has a #/, /%23/],
    ['s3://bucket:9000/x', /it has a port/, /endpoint=http:\/\/HOST:PORT/],
    ['s3:///x', /names no bucket/, /s3:\/\/BUCKET/],
    ['s3://bucket/a//b', /empty, \. or \.\./, /bucket\/backups/],
    ['s3://bucket/a/%2e%2e%2fb', /empty, \. or \.\./, /bucket\/backups/],
    ['s3://bucket?endpoint=minio:9000', /not the address of a server/, /https:/],
    ['s3://bucket?endpoint=http://u:canary@h', /not the address of a server/, /without an account/],
    ['s3://bucket?endpoint=http://h&allow_http=false', /not encrypted/, /https/],
    ['s3://bucket?path_style=yes', /neither true nor false/, /path_style=true/],
  ] as const) {
    it(`${location} is refused without its values`, () => {
      const error = refusal(location)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
      assert.doesNotMatch(error.message + error.hint, /canary/)
    })
  }

  it('takes both keys or neither, and no profile beside them', () => {
    const key = new Secret('canary')
    assert.match(refusal('s3://bucket', new Map([['access_key', key]])).message, /keys are incomplete/)
    assert.match(refusal('s3://bucket', new Map([['session_token', key]])).message, /keys are incomplete/)
    const both = new Map([
      ['access_key', key],
      ['secret_key', key],
    ] as const)
    assert.match(refusal('s3://bucket?profile=p', both).message, /a profile and keys/)
  })

  it('tells what the store can do', () => {
    const plain = openS3(new URL('s3://bucket'), new Map())
    assert.deepEqual(plain.capabilities, { putIfAbsent: true, readAfterWrite: true })
    const vouched = openS3(new URL('s3://bucket?single_writer=true'), new Map())
    assert.deepEqual(vouched.capabilities, {
      putIfAbsent: false,
      readAfterWrite: true,
      hasSingleWriter: true,
    })
  })
})

describe('the parts of an upload', () => {
  it('hold the largest object of S3 within their number, and are equal in the first 7 GiB', () => {
    let bytes = 0
    for (let number = 1; number <= PARTS_MAX; number++) bytes += partBytesOf(number)
    assert.ok(bytes >= 5 * 2 ** 40, `${bytes}`)
    assert.ok(partBytesOf(PARTS_MAX) <= 5 * 2 ** 30)
    for (let number = 1; number <= 7 * 128; number++) assert.equal(partBytesOf(number), 8 * 2 ** 20)
  })
})
