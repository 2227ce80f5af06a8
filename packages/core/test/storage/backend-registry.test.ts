import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { type BackendFactory, openLocation } from '../../src/storage/backend-registry.ts'
import { openFilesystem } from '../../src/storage/filesystem/location.ts'
import { openMemory } from '../../src/storage/memory/location.ts'

const FACTORIES: ReadonlyMap<string, BackendFactory> = new Map([
  ['file', openFilesystem],
  ['memory', openMemory],
])

describe('openLocation', () => {
  for (const [location, canonical] of [
    ['file:///var/backups', 'file:///var/backups'],
    ['file:///var/backups/', 'file:///var/backups'],
    ['FILE:///var/backups', 'file:///var/backups'],
    ['file://localhost/var/backups', 'file:///var/backups'],
    ['file:///var/x/../backups/./y', 'file:///var/backups/y'],
    ['file:///var/my%20backups', 'file:///var/my%20backups'],
    ['file:///var/my backups', 'file:///var/my%20backups'],
    ['file:///var/100%25', 'file:///var/100%25'],
    ['file:///var/a%3Fb%23c', 'file:///var/a%3Fb%23c'],
    ['file:///var/caf%C3%A9', 'file:///var/caf%C3%A9'],
    ['memory:///test', 'memory:///test'],
    ['memory:///..a', 'memory:///..a'],
  ] as const) {
    it(`opens ${location}`, () => assert.equal(openLocation(location, FACTORIES).location, canonical))
  }

  for (const [location, message, hint] of [
    ['', /it is empty/, /file:\/\/\//],
    ['/var/backups', /a path, not a URL/, /Did you mean file:\/\/\/var\/backups \?/],
    ['backups/x y', /a path, not a URL/, new RegExp(`file://${resolve('backups')}/x%20y`)],
    ['file:backups', /not followed by \/\//, /file:\/\//],
    ['file:/var/backups', /not followed by \/\//, /file:\/\//],
    ['file://backups/x', /not absolute/, /file:\/\/\/backups\/x/],
    ['file://', /names no folder/, /file:\/\/\/var/],
    ['file:///', /names no folder/, /file:\/\/\/var/],
    ['file:///var/../..', /names no folder/, /file:\/\/\/var/],
    ['file:///var/%zz', /percent-encoding/, /%25/],
    ['file:///var/a%2Fb', /percent-encoding/, /cannot be encoded/],
    ['file:///var/a%00b', /NUL/, /%00/],
    ['file:///var/x?mode=fast', /unknown parameter mode/, /Remove/],
    ['file:///var/x?', /\? or a #/, /%3F/],
    ['file:///var/x#y', /\? or a #/, /%23/],
    ['memory://name', /three slashes/, /memory:\/\/\/NAME/],
    ['memory:///', /no name/, /memory:\/\/\/NAME/],
    ['gopher://x/y', /unknown scheme gopher/, /file:\/\/, memory:\/\/ only.*plain path too: --path \//],
    ['constructor://x/y', /unknown scheme constructor/, /file:\/\//],
    ['memory:///a/../b', /its path has a \. or \.\. in it/, /in full/],
    ['memory:///a/%2e%2E/b', /its path has a \. or \.\. in it/, /in full/],
    ['memory:///./b', /its path has a \. or \.\. in it/, /in full/],
  ] as const) {
    it(`refuses ${location}`, () => {
      const error = errorOf(location)
      assert.match(error.message, message)
      assert.match(error.hint, hint)
    })
  }

  it('shows no account and no parameter of a location that it refuses', () => {
    for (const location of [
      's3://AKIA:canary@bucket/x',
      's3://AKIA:can/canary@bucket/x',
      's3://bucket/x?sig=canary',
      'memory://u:canary@h/x',
      'file://u:canary@[::bad/x',
    ]) {
      const error = errorOf(location)
      assert.ok(
        !`${error.stack}${error.message}${error.hint}${String(error.cause)}`.includes('canary'),
        location,
      )
    }
  })
})

describe('openMemory', () => {
  it('gives one store for each name', async () => {
    await openLocation('memory:///shared-by-test', FACTORIES).put('a', Buffer.from('x'))
    const same = openLocation('memory:///shared-by-test', FACTORIES)
    assert.equal((await same.read('a', 10)).toString(), 'x')
    assert.equal(await openLocation('memory:///other-of-test', FACTORIES).stat('a'), undefined)
  })
})

function errorOf(location: string): KafkaBackupError {
  try {
    openLocation(location, FACTORIES)
  } catch (error) {
    assert.ok(isKafkaBackupError(error, 'KB_LOCATION_INVALID'), String(error))
    return error
  }
  assert.fail(`${location} was opened`)
}
