import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCompressedKey } from '../../src/format/artifact-document.ts'
import {
  artifactKey,
  assertBackupId,
  bundleKey,
  commitKey,
  leaseKey,
  manifestKey,
  offsetStateKey,
  parseKey,
  probeKey,
  segmentKey,
  snapshotKey,
} from '../../src/repository/key-layout.ts'
import { prng } from '../protocol/prng.ts'
import { expectCode } from '../protocol/samples.ts'

test('every key is parsed back to what it was built from', () => {
  const random = prng(12)
  const characters = 'ABCxyz019._-'
  const name = (length: number) => Array.from({ length }, () => characters[random.below(12)]).join('')
  for (let round = 0; round < 500; round++) {
    const backup = `b${name(random.below(20))}`
    const topic = `t${name(random.below(248))}`
    const partition = random.pick([0, 9, 10, 2_147_483_647])
    const sequence = random.pick([1, 31, 9_999_999_999])
    const writer = random.bytes(4).toString('hex')
    const extension = random.pick(['zst', 'lz4'])
    const number = random.pick([1n, 2n ** 63n, 10n ** 20n - 1n])
    assert.deepEqual(
      parseKey(backup, segmentKey(backup, { topic, partition, sequence, writer, extension })),
      {
        kind: 'segment',
        topic,
        partition,
        sequence,
        writer,
      },
    )
    assert.deepEqual(parseKey(backup, leaseKey(backup, writer)), { kind: 'lease', lease: writer })
    assert.deepEqual(parseKey(backup, bundleKey(backup, { sequence, writer, extension })), {
      kind: 'bundle',
      sequence,
      writer,
    })
    const isCompressed = random.chance(0.5)
    const place = { kind: 'topics', number, writer, isCompressed }
    assert.deepEqual(parseKey(backup, artifactKey(backup, place)), {
      kind: 'artifact',
      artifactKind: 'topics',
      number,
      writer,
      isCompressed,
    })
    assert.deepEqual(parseKey(backup, commitKey(backup, number)), { kind: 'commit', number })
    assert.deepEqual(parseKey(backup, snapshotKey(backup, number)), { kind: 'snapshot', number })
  }
  assert.deepEqual(parseKey('b', manifestKey('b')), { kind: 'manifest' })
  assert.deepEqual(parseKey('b', offsetStateKey('b')), { kind: 'offset_state' })
})

test('keys are spelled as the document shows them', () => {
  const place = { topic: 'orders', partition: 3, sequence: 31, writer: '9f2c11ab', extension: 'zst' }
  assert.equal(segmentKey('daily', place), 'daily/topics/orders/partition=3/segment-0000000031-9f2c11ab.zst')
  assert.equal(bundleKey('daily', place), 'daily/bundles/bundle-0000000031-9f2c11ab.zst')
  assert.equal(commitKey('daily', 412n), 'daily/commits/00000000000000000412.json')
  assert.equal(snapshotKey('daily', 400n), 'daily/snapshots/00000000000000000400.json.zst')
  const document = { kind: 'groups', number: 412n, writer: '9f2c11ab' }
  for (const [isCompressed, extension] of [
    [false, 'json'],
    [true, 'json.zst'],
  ] as const) {
    const key = artifactKey('daily', { ...document, isCompressed })
    assert.equal(key, `daily/artifacts/groups/00000000000000000412-9f2c11ab.${extension}`)
    assert.equal(isCompressedKey(key), isCompressed)
  }
})

test('a key that we would not build is foreign', () => {
  const segment = 'segment-0000000001-9f2c11ab.zst'
  const foreign = [
    'daily',
    'daily/',
    'daily2/manifest.json',
    'dail/y/manifest.json',
    '/daily/manifest.json',
    'daily/manifest.json/',
    'daily/manifest.json\n',
    'daily/Manifest.json',
    'daily/topics/../partition=0/segment-0000000001-9f2c11ab.zst',
    `daily/topics/./partition=0/${segment}`,
    `daily/topics/${'t'.repeat(250)}/partition=0/${segment}`,
    `daily/topics/a/b/partition=0/${segment}`,
    `daily/topics/a b/partition=0/${segment}`,
    `daily/topics/ä/partition=0/${segment}`,
    `daily/topics/a\\b/partition=0/${segment}`,
    `daily/topics/a/partition=00/${segment}`,
    `daily/topics/a/partition=+1/${segment}`,
    `daily/topics/a/partition=-1/${segment}`,
    `daily/topics/a/partition=1e3/${segment}`,
    `daily/topics/a/partition=/${segment}`,
    'daily/topics/a/partition=0/segment-000000001-9f2c11ab.zst',
    'daily/topics/a/partition=0/segment-00000000001-9f2c11ab.zst',
    'daily/topics/a/partition=0/segment-0000000001-9F2C11AB.zst',
    'daily/topics/a/partition=0/segment-0000000001-9f2c11ab.gz',
    'daily/topics/a/partition=0/segment-0000000001-9f2c11ab.zst.part',
    'daily/topics/a/partition=0/segment-0000000001-9f2c11ab.zst\u0000',
    'daily/bundles/x/bundle-0000000001-9f2c11ab.zst',
    'daily/commits/1.json',
    'daily/commits/000000000000000000001.json',
    'daily/commits/0000000000000000000１.json',
    'daily/commits/00000000000000000001.json.zst',
    'daily/snapshots/00000000000000000001.json',
    'daily/artifacts/topics/00000000000000000001.json',
    'daily/artifacts/Report/00000000000000000001-9f2c11ab.json',
    'daily/artifacts/../00000000000000000001-9f2c11ab.json',
    'daily/artifacts/topics/00000000000000000001-9f2c11ab.zst',
    'daily/artifacts/topics/00000000000000000001-9f2c11ab.json.lz4',
    'daily/artifacts/topics/00000000000000000001-9f2c11ab.json.zst.zst',
  ]
  for (const key of foreign) assert.equal(parseKey('daily', key), undefined, JSON.stringify(key))
  // The id is text, not a pattern.
  assert.equal(parseKey('a.c', 'abc/manifest.json'), undefined)
})

test('an id that could not be one folder is refused', () => {
  for (const id of ['daily', 'A.b_c-9', '_', '-', '0', 'x'.repeat(128)]) assertBackupId(id)
  for (const id of ['', '.', '..', '.hidden', 'a/b', 'a\\b', 'a b', 'ä', 'a\n', 'a\u0000', 'x'.repeat(129)]) {
    expectCode('KB_USAGE', () => assertBackupId(id), JSON.stringify(id))
  }
})

test('what a probe writes is no part of any backup', () => {
  const key = probeKey('5f2c9d0a1b3e4f67', 'list/a')
  assert.equal(key, 'probe=store/list/5f2c9d0a1b3e4f67-a')
  const [folder = ''] = key.split('/')
  assert.equal(parseKey(folder, key), undefined)
  expectCode('KB_USAGE', () => assertBackupId(folder))
})
