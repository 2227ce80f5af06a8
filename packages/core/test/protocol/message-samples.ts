import { crc32 } from 'node:zlib'
import {
  compressMessages,
  encodeMessage,
  encodeWrapper,
  type MessageCodec,
  type MessageInput,
} from '../../../testkit/src/message-set-builder.ts'
import { mutate } from './mutations.ts'
import type { Prng } from './prng.ts'
import { randomRecords } from './samples.ts'

/** Codecs of message sets by format. */
export const MESSAGE_CODECS: Readonly<Record<0 | 1, readonly MessageCodec[]>> = {
  0: ['gzip', 'snappy', 'snappy-raw', 'lz4', 'lz4-old-checksum'],
  1: ['gzip', 'snappy', 'snappy-raw', 'lz4'],
}

const CODEC_IDS: Readonly<Record<MessageCodec, number>> = {
  gzip: 1,
  snappy: 2,
  'snappy-raw': 2,
  lz4: 3,
  'lz4-old-checksum': 3,
}

/** Makes the CRC of the message from `begin` to `end` right again. */
export function sealMessage(bytes: Buffer, begin: number, end: number): void {
  bytes.writeUInt32BE(crc32(bytes.subarray(begin + 16, end)), begin + 12)
}

/** A wrapper around these bytes, whatever they are. */
export function wrap(
  inner: Buffer,
  parts: Partial<MessageInput> & { readonly codec?: MessageCodec } = {},
): Buffer {
  const { codec = 'gzip', ...message } = parts
  return encodeMessage({
    magic: 1,
    offset: 9n,
    key: null,
    value: compressMessages(codec, inner),
    codecId: CODEC_IDS[codec],
    timestamp: 5000n,
    ...message,
  })
}

/** A message or a wrapper of either format, as a broker may hold it. */
export function randomMessages(random: Prng): Buffer {
  const magic = random.pick([0, 1] as const)
  const baseOffset = random.pick([0n, 12345n, 2n ** 40n])
  const records = randomRecords(random, 1 + random.below(6)).map((record, index) => ({
    ...record,
    offset: baseOffset + BigInt(record.offsetDelta ?? index),
  }))
  if (random.chance(0.3)) return encodeMessage({ ...records[0]!, magic })
  const appendTimestamp = magic === 1 && random.chance(0.3) ? 1_700_000_000_000n : undefined
  return encodeWrapper(magic, random.pick(MESSAGE_CODECS[magic]), records, appendTimestamp)
}

/** A wrapper that is well made around a message set that is not: changed before it was compressed. */
export function mutatedWrapper(random: Prng): Buffer {
  const magic = random.pick([0, 1] as const)
  const inner = Array.from({ length: 1 + random.below(4) }, (_, index) => {
    const [record] = randomRecords(random, 1)
    const bytes = encodeMessage({ ...record!, magic, offset: BigInt(index) })
    if (random.chance(0.6)) return bytes
    const changed = mutate(random, bytes, bytes)
    if (random.chance(0.7) && changed.length > 16) sealMessage(changed, 0, changed.length)
    return changed
  })
  const set = Buffer.concat(random.chance(0.8) ? inner : random.shuffled(inner))
  return wrap(random.chance(0.9) ? set : mutate(random, set, set), {
    magic,
    codec: random.pick(MESSAGE_CODECS[magic]),
    offset: random.chance(0.8) ? BigInt(inner.length - 1) : random.pick([0n, -1n, 2n ** 63n - 1n, 9n]),
    timestampType: random.pick(['create_time', 'log_append_time']),
  })
}
