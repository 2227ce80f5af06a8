import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import type { Prng } from '../protocol/prng.ts'

/** Topic that the sample answers are about, and its id as it stands in them. */
export const TOPIC = 'orders'
export const TOPIC_ID = Buffer.alloc(16, 0x5a)

/** A Fetch answer of `version` (4 to 13) with these batches, laid out as the protocol's schema says. */
export function fetchAnswer(random: Prng, version: number, batches: readonly Buffer[]): Buffer {
  const isFlexible = version >= 12
  const writer = new ByteWriter(1024).int32(0)
  if (version >= 7) writer.int16(random.chance(0.1) ? 3 : 0).int32(0)
  const list = <T>(items: readonly T[], write: (_: ByteWriter, item: T) => unknown) => {
    const inOrder = (out: ByteWriter, item: T) => void write(out, item)
    if (isFlexible) writer.compactArray(items, inOrder)
    else writer.array(items, inOrder)
  }
  const end = () => (isFlexible ? writer.taggedFields() : writer)
  list([batches], (_, own) => {
    if (version >= 13) writer.uuid(TOPIC_ID)
    else if (isFlexible) writer.compactString(TOPIC)
    else writer.string(TOPIC)
    list([...own.keys()], (__, partition) => {
      writer.int32(partition).int16(0).int64(99n).int64(98n)
      if (version >= 5) writer.int64(1n)
      list(
        Array.from({ length: random.below(4) }, () => BigInt(random.below(9))),
        (___, offset) => {
          writer.int64(4711n).int64(offset)
          end()
        },
      )
      if (version >= 11) writer.int32(-1)
      if (isFlexible) writer.compactByteString(own[partition]!)
      else writer.byteString(own[partition]!)
      if (!isFlexible) return
      const diverging = new ByteWriter(16).int32(7).int64(55n).finish()
      writer.taggedFields(random.chance(0.3) ? [{ tag: 0, value: diverging }] : [])
    })
    end()
  })
  end()
  return writer.finish()
}

/** A Produce answer of `version` (3 to 8). */
export function produceAnswer(random: Prng, version: number): Buffer {
  const writer = new ByteWriter(256)
  writer.array([0], () => {
    writer.string(TOPIC).array([0, 1, 2], (_, partition) => {
      writer.int32(partition).int16(0).int64(5n).int64(-1n)
      if (version >= 5) writer.int64(0n)
      if (version < 8) return
      writer.array(random.chance(0.5) ? [] : [3], () => void writer.int32(3).string('too old'))
      writer.string(random.chance(0.5) ? null : 'refused')
    })
  })
  return writer.int32(0).finish()
}

/** An ApiVersions answer of version 0. */
export function versionsAnswer(): Buffer {
  const writer = new ByteWriter(64).int16(0)
  return writer.array([0, 1, 18, 36], (_, key) => void writer.int16(key).int16(0).int16(9)).finish()
}

/** An ApiVersions answer of version 3 or 4 with features that are supported, and one that is finalized. */
export function featuresAnswer(): Buffer {
  const range = (writer: ByteWriter, name: string) =>
    void writer.compactString(name).int16(21).int16(1).taggedFields()
  const features = new ByteWriter(64).compactArray(['metadata.version'], range).finish()
  const writer = new ByteWriter(64).int16(0)
  writer.compactArray([0, 1, 18], (_, key) => void writer.int16(key).int16(0).int16(9).taggedFields())
  const epoch = new ByteWriter(8).int64(7n).finish()
  return writer
    .int32(0)
    .taggedFields([0, 1, 2].map((tag) => ({ tag, value: tag === 1 ? epoch : features })))
    .finish()
}

/** An InitProducerId answer of version 0 or 1. */
export function producerIdAnswer(): Buffer {
  return new ByteWriter(32).int32(0).int16(0).int64(4711n).int16(3).finish()
}

/** A SaslHandshake answer of version 1. */
export function handshakeAnswer(errorCode: number): Buffer {
  const writer = new ByteWriter(64).int16(errorCode)
  return writer.array(['PLAIN', 'SCRAM-SHA-256'], (_, name) => void writer.string(name)).finish()
}

/** A SaslAuthenticate answer of `version` (0 to 2). */
export function authenticateAnswer(version: number, errorCode: number, message: Buffer): Buffer {
  const remark = errorCode === 0 ? null : 'Authentication failed'
  const writer = new ByteWriter(256).int16(errorCode)
  if (version === 2) writer.compactString(remark).compactByteString(message)
  else writer.string(remark).byteString(message)
  if (version >= 1) writer.int64(3_600_000n)
  if (version === 2) writer.taggedFields()
  return writer.finish()
}

/**
 * Bytes as an answer of any schema may begin with: counts, small numbers, short texts, ids, and now and then something
 * wild. Answers that a library decodes are attacked with it.
 */
export function wireSoup(random: Prng): Buffer {
  const writer = new ByteWriter(256)
  for (let left = 1 + random.below(40); left > 0; left--) {
    const kind = random.below(12)
    if (kind < 3) writer.int32(random.pick([0, 1, 1, 2, 3]))
    else if (kind < 5) writer.int16(random.pick([0, 0, 1, 3]))
    else if (kind === 5) writer.string(random.pick(['', 'a', TOPIC]))
    else if (kind === 6) writer.compactString(random.pick([null, '', TOPIC]))
    else if (kind === 7) writer.int64(random.pick([-1n, 0n, 5n]))
    else if (kind === 8) writer.int8(random.pick([0, 1, 2, 3]))
    else if (kind === 9) writer.uuid(TOPIC_ID)
    else if (kind === 10) writer.int16(random.pick([-1, -2, -6, -10, -32768, 32767]))
    else writer.int32(random.pick([2 ** 31 - 1, -1, -2, -(2 ** 31), 65_536]))
  }
  return writer.finish()
}
