import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealDocument } from '../../src/format/canonical-json.ts'
import { clusterDigest, decodeCluster, encodeCluster } from '../../src/format/cluster-document.ts'
import { aclOf, CLUSTER_SAMPLE as SAMPLE } from './cluster-sample.ts'

type Fields = Record<string, unknown>

function changed(change: (fields: Fields) => unknown): Buffer {
  const { sha256: _, ...fields } = JSON.parse(encodeCluster(SAMPLE).toString()) as Fields
  change(fields)
  return sealDocument(fields as never)
}

function entriesOf(fields: Fields, section: string): Fields[] {
  return (fields[section] as { entries: Fields[] }).entries
}

test('what is written is read back', () => {
  assert.deepEqual(decodeCluster(encodeCluster(SAMPLE)), SAMPLE)
})

const REFUSED: readonly (readonly [string, string, (fields: Fields) => unknown, RegExp])[] = [
  ['another format', 'KB_VALIDATION_FAILED', (f) => (f.format = 'kafka-backup-topics'), /format/],
  ['a newer version', 'KB_FORMAT_UNSUPPORTED', (f) => (f.version = 2), /version 2/],
  ['an unknown feature', 'KB_FORMAT_UNSUPPORTED', (f) => (f.features = ['x']), /"x"/],
  ['a section that is missing', 'KB_VALIDATION_FAILED', (f) => delete f.acls, /acls/],
  [
    'an ACL twice',
    'KB_VALIDATION_FAILED',
    (f) => entriesOf(f, 'acls').push(entriesOf(f, 'acls')[2] as Fields),
    /order/,
  ],
  ['quotas out of order', 'KB_VALIDATION_FAILED', (f) => entriesOf(f, 'quotas').reverse(), /order/],
  ['brokers out of order', 'KB_VALIDATION_FAILED', (f) => (f.brokers as unknown[]).reverse(), /brokers/],
  [
    'a quota of no number',
    'KB_VALIDATION_FAILED',
    (f) => (entriesOf(f, 'quotas')[0]!.value = '1,x=2'),
    /number/,
  ],
  [
    'a command to a terminal',
    'KB_VALIDATION_FAILED',
    (f) => (entriesOf(f, 'acls')[0]!.operation = '\u001b[2J'),
    /acls/,
  ],
  [
    'neither read nor unread',
    'KB_VALIDATION_FAILED',
    (f) => (f.scram_users = { entries: null }),
    /scram_users/,
  ],
]

for (const [what, code, change, says] of REFUSED) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => decodeCluster(changed(change)),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code)
        assert.match(error.message, says)
        return true
      },
    )
  })
}

test('two documents say the same whenever they were read, and something else when anything differs', () => {
  const digest = clusterDigest(SAMPLE)
  const later = { ...SAMPLE, readAtMs: 1n, writer: 'ffffffff' }
  assert.equal(clusterDigest({ ...later, quotas: { ...SAMPLE.quotas, readAtMs: 5n } }), digest)
  const others = [
    { ...SAMPLE, clusterId: 'c2' },
    { ...SAMPLE, brokers: SAMPLE.brokers.slice(1) },
    { ...SAMPLE, acls: { ...SAMPLE.acls, entries: [aclOf()] } },
    { ...SAMPLE, acls: { ...SAMPLE.acls, unread: 'NO_ENTRIES' } },
    { ...SAMPLE, scramUsers: { ...SAMPLE.scramUsers, entries: [] } },
  ]
  for (const other of others) assert.notEqual(clusterDigest(other), digest)
})
