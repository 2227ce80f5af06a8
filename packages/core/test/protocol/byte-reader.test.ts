import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { expectCode } from './samples.ts'

const reader = (...bytes: number[]): ByteReader => new ByteReader(Buffer.from(bytes))

test('everything that is written is read back', () => {
  const uuid = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const bytes = new ByteWriter(16)
    .int8(-2)
    .boolean(true)
    .int16(-300)
    .uint16(65535)
    .int32(-70000)
    .uint32(4294967295)
    .int64(-(2n ** 63n))
    .float64(0.5)
    .uuid(uuid)
    .varint(-5)
    .varlong(2n ** 60n)
    .unsignedVarint(300)
    .string('grün')
    .string(null)
    .compactString('x'.repeat(200))
    .compactString(null)
    .byteString(Buffer.from([1]))
    .byteString(null)
    .compactByteString(Buffer.from([2]))
    .compactByteString(null)
    .array([1, 2], (writer, element) => writer.int32(element))
    .array(null, () => {})
    .compactArray([3], (writer, element) => writer.int8(element))
    .compactArray(null, () => {})
    .taggedFields([
      { tag: 7, value: Buffer.from([9]) },
      { tag: 1, value: Buffer.from([8, 8]) },
    ])
    .taggedFields()
    .finish()
  const from = new ByteReader(bytes)
  assert.equal(from.int8(), -2)
  assert.equal(from.boolean(), true)
  assert.equal(from.int16(), -300)
  assert.equal(from.uint16(), 65535)
  assert.equal(from.int32(), -70000)
  assert.equal(from.uint32(), 4294967295)
  assert.equal(from.int64(), -(2n ** 63n))
  assert.equal(from.float64(), 0.5)
  assert.deepEqual(from.uuid(), uuid)
  assert.equal(from.varint(), -5)
  assert.equal(from.varlong(), 2n ** 60n)
  assert.equal(from.unsignedVarint(), 300)
  assert.equal(from.string(), 'grün')
  assert.equal(from.nullableString(), null)
  assert.equal(from.compactString(), 'x'.repeat(200))
  assert.equal(from.compactNullableString(), null)
  assert.deepEqual(from.byteString(), Buffer.from([1]))
  assert.equal(from.nullableByteString(), null)
  assert.deepEqual(from.compactByteString(), Buffer.from([2]))
  assert.equal(from.compactNullableByteString(), null)
  assert.deepEqual(
    from.array((inner) => inner.int32(), 4),
    [1, 2],
  )
  assert.equal(
    from.nullableArray((inner) => inner.int32()),
    null,
  )
  assert.deepEqual(
    from.compactArray((inner) => inner.int8()),
    [3],
  )
  assert.equal(
    from.compactNullableArray((inner) => inner.int8()),
    null,
  )
  const seen: [number, number[]][] = []
  from.taggedFields((tag, field) => seen.push([tag, [...field.raw(field.remaining)]]))
  assert.deepEqual(seen, [
    [1, [8, 8]],
    [7, [9]],
  ])
  from.skipTaggedFields()
  from.assertAtEnd()
})

test('the wire layout is that of the protocol guide', () => {
  const bytes = new ByteWriter()
    .string('ab')
    .compactString('ab')
    .compactByteString(Buffer.from([7]))
    .finish()
  // int16 2, 'ab'; varint 2 + 1, 'ab'; varint 1 + 1, 7
  assert.equal(bytes.toString('hex'), '00026162' + '036162' + '0207')
})

test('each read past the end throws and names the place', () => {
  const reads: ((from: ByteReader) => unknown)[] = [
    (from) => from.int8(),
    (from) => from.int16(),
    (from) => from.uint16(),
    (from) => from.int32(),
    (from) => from.uint32(),
    (from) => from.int64(),
    (from) => from.float64(),
    (from) => from.uuid(),
    (from) => from.varint(),
    (from) => from.varlong(),
    (from) => from.string(),
    (from) => from.compactString(),
    (from) => from.byteString(),
    (from) => from.compactByteString(),
    (from) => from.array((inner) => inner.int8()),
    (from) => from.compactArray((inner) => inner.int8()),
    (from) => from.skipTaggedFields(),
    (from) => from.raw(1),
  ]
  for (const read of reads) expectCode('KB_BATCH_CORRUPT', () => read(reader()), read.toString())
})

test('a length above what is left is refused, whatever its type', () => {
  expectCode('KB_BATCH_CORRUPT', () => reader(0x7f, 0xff, 1).string())
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xff, 0x0f).compactString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0x7f, 0xff, 0xff, 0xff).byteString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0x7f, 0xff, 0xff, 0xff).array((inner) => inner.skip(0)))
  expectCode('KB_BATCH_CORRUPT', () =>
    reader(0xff, 0xff, 0xff, 0xff, 0x0f).compactArray((inner) => inner.skip(0)),
  )
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xff, 0x0f).skipTaggedFields())
  // Three elements of four bytes do not fit eleven bytes.
  expectCode('KB_BATCH_CORRUPT', () =>
    new ByteReader(Buffer.from([0, 0, 0, 3, ...Array(11).fill(0)])).array(() => 0, 4),
  )
})

test('negative lengths other than null, and null where none may be, are refused', () => {
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xfe).nullableString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff).string())
  expectCode('KB_BATCH_CORRUPT', () => reader(0).compactString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xfe).nullableByteString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xff).byteString())
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xfe).nullableArray(() => 0))
  expectCode('KB_BATCH_CORRUPT', () => reader(0xff, 0xff, 0xff, 0xff).array(() => 0))
  expectCode('KB_BATCH_CORRUPT', () => reader(0).compactArray(() => 0))
  expectCode('KB_BATCH_CORRUPT', () => reader(1, 2).skip(-1))
})

test('a reader keeps to its range', () => {
  const from = new ByteReader(Buffer.from([1, 2, 3, 4]), 1, 3)
  assert.equal(from.remaining, 2)
  assert.equal(from.int8(), 2)
  expectCode('KB_BATCH_CORRUPT', () => from.int16())
  expectCode('KB_BATCH_CORRUPT', () => from.assertAtEnd())
  expectCode('KB_BATCH_CORRUPT', () => new ByteReader(Buffer.alloc(2), 0, 3))
  expectCode('KB_BATCH_CORRUPT', () => new ByteReader(Buffer.alloc(2), 2, 1))
})

test('a writer grows, and patches what it reserved', () => {
  const writer = new ByteWriter(1)
  const lengthAt = writer.reserve(4)
  const offsetAt = writer.reserve(8)
  writer.raw(Buffer.alloc(1000, 7))
  writer.patchUint32(lengthAt, 4_000_000_000).patchInt64(offsetAt, -3n)
  assert.equal(writer.length, 1012)
  const bytes = writer.finish()
  assert.equal(bytes.length, 1012)
  assert.equal(bytes.readUInt32BE(0), 4_000_000_000)
  assert.equal(bytes.readBigInt64BE(4), -3n)
  assert.equal(bytes[1011], 7)
})

test('a writer refuses what its types cannot hold', () => {
  expectCode('KB_INTERNAL', () => new ByteWriter().string('x'.repeat(32768)))
  expectCode('KB_INTERNAL', () => new ByteWriter().uuid(Buffer.alloc(15)))
  expectCode('KB_INTERNAL', () => new ByteWriter().patchInt32(0, 1))
  expectCode('KB_INTERNAL', () => new ByteWriter().int32(0).patchInt64(0, 1n))
  assert.throws(() => new ByteWriter().int8(200), RangeError)
})
