import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { decodeGroupKey, decodeGroupValue } from '../../src/protocol/group-topic-record.ts'
import { prng } from './prng.ts'

function bytesOf(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter()
  write(writer)
  return writer.finish()
}

const COMMIT_KEY = bytesOf((writer) => {
  writer.int16(1)
  writer.string('readers')
  writer.string('orders')
  writer.int32(3)
})
const GROUP_KEY = bytesOf((writer) => {
  writer.int16(2)
  writer.string('readers')
})

/** As the schema file of OffsetCommitValue lists the fields. */
function commitValue(version: number): Buffer {
  return bytesOf((writer) => {
    writer.int16(version)
    writer.int64(9_007_199_254_740_993n)
    if (version >= 3) writer.int32(7)
    if (version >= 4) writer.compactString('mine')
    else writer.string('mine')
    writer.int64(1_700_000_000_000n)
    if (version === 1) writer.int64(1_700_000_086_400n)
    if (version >= 4) writer.unsignedVarint(0)
  })
}

/** As the schema file of GroupMetadataValue lists the fields: one member. */
function groupValue(version: number): Buffer {
  const isFlexible = version >= 4
  return bytesOf((writer) => {
    const text = (value: string) => (isFlexible ? writer.compactString(value) : writer.string(value))
    const bytes = (value: string) =>
      isFlexible ? writer.compactByteString(Buffer.from(value)) : writer.byteString(Buffer.from(value))
    const noText = () => (isFlexible ? writer.unsignedVarint(0) : writer.int16(-1))
    writer.int16(version)
    text('consumer')
    writer.int32(5)
    text('range')
    noText()
    if (version >= 2) writer.int64(1_700_000_000_000n)
    if (isFlexible) writer.unsignedVarint(2)
    else writer.int32(1)
    text('member-1')
    if (version >= 3) text('static-1')
    text('client')
    text('/10.0.0.1')
    if (version >= 1) writer.int32(60_000)
    writer.int32(45_000)
    bytes('subscribed')
    bytes('')
    if (isFlexible) writer.raw(Buffer.from([0, 0]))
  })
}

test('reads commits of every version', () => {
  for (const keyVersion of [0, 1]) {
    const key = Buffer.from(COMMIT_KEY)
    key.writeInt16BE(keyVersion)
    const decoded = decodeGroupKey(key)
    assert.deepEqual(decoded, {
      ...{ kind: 'offset_commit', keyVersion, group: 'readers', topic: 'orders', partition: 3 },
    })
    for (const version of [0, 1, 2, 3, 4]) {
      assert.deepEqual(decodeGroupValue(decoded, commitValue(version)), {
        kind: 'offset_commit',
        valueVersion: version,
        offset: 9_007_199_254_740_993n,
        leaderEpoch: version >= 3 ? 7 : null,
        metadata: 'mine',
        commitTimestampMs: 1_700_000_000_000n,
        expireTimestampMs: version === 1 ? 1_700_000_086_400n : null,
      })
    }
  }
})

test('reads groups of every version, with their members', () => {
  const key = decodeGroupKey(GROUP_KEY)
  assert.deepEqual(key, { kind: 'group_metadata', keyVersion: 2, group: 'readers' })
  for (const version of [0, 1, 2, 3, 4]) {
    assert.deepEqual(decodeGroupValue(key, groupValue(version)), {
      kind: 'group_metadata',
      valueVersion: version,
      protocolType: 'consumer',
      generation: 5,
      protocol: 'range',
      leader: null,
      currentStateTimestampMs: version >= 2 ? 1_700_000_000_000n : null,
      members: [
        {
          memberId: 'member-1',
          groupInstanceId: version >= 3 ? 'static-1' : null,
          clientId: 'client',
          clientHost: '/10.0.0.1',
          rebalanceTimeoutMs: version >= 1 ? 60_000 : null,
          sessionTimeoutMs: 45_000,
          subscription: Buffer.from('subscribed'),
          assignment: Buffer.alloc(0),
        },
      ],
    })
  }
})

test('names the records of the newer coordinator, and leaves their values as they are', () => {
  const key = bytesOf((writer) => {
    writer.int16(5)
    writer.string('readers')
    writer.string('member-1')
  })
  const decoded = decodeGroupKey(key)
  assert.deepEqual(decoded, {
    kind: 'coordinator',
    keyVersion: 5,
    type: 'ConsumerGroupMemberMetadata',
    group: 'readers',
    detail: 'member-1',
  })
  assert.deepEqual(decodeGroupValue(decoded, Buffer.from([0, 0, 1])), {
    kind: 'undecoded',
    version: 0,
    reason: 'values of ConsumerGroupMemberMetadata are not decoded',
  })
})

test('says of unknown versions and of damaged bytes what they are, and never fails', () => {
  const unknown = decodeGroupKey(Buffer.from([0, 99, 1]))
  assert.deepEqual(unknown, { kind: 'undecoded', version: 99, reason: 'keys of type 99 are not known' })
  assert.equal(decodeGroupValue(unknown, commitValue(3)).kind, 'undecoded')
  assert.equal(decodeGroupKey(Buffer.alloc(0)).kind, 'undecoded')
  const key = decodeGroupKey(COMMIT_KEY)
  assert.deepEqual(decodeGroupValue(key, Buffer.from([0, 5, 0])), {
    kind: 'undecoded',
    version: 5,
    reason: 'values of commits in version 5 are not known',
  })
  const longer = Buffer.concat([commitValue(3), Buffer.from([1])])
  assert.match((decodeGroupValue(key, longer) as { reason: string }).reason, /unexpected bytes/)
  const random = prng(3)
  for (const [own, value] of [
    [COMMIT_KEY, commitValue(4)],
    [GROUP_KEY, groupValue(3)],
    [GROUP_KEY, groupValue(4)],
  ] as const) {
    for (let end = 0; end < value.length; end++) {
      assert.equal(decodeGroupValue(decodeGroupKey(own), value.subarray(0, end)).kind, 'undecoded')
    }
    for (let round = 0; round < 500; round++) {
      const [hurtKey, hurtValue] = [Buffer.from(own), Buffer.from(value)]
      hurtKey[random.below(own.length)] = random.below(256)
      hurtValue[random.below(value.length)] = random.below(256)
      decodeGroupValue(decodeGroupKey(hurtKey), hurtValue)
    }
  }
})
