import type { RecordInput } from '../../packages/core/src/protocol/record-batch-builder.ts'

/** Records that Kafka allows and that something in the way of them may not survive. */

const TIME_MS = 1_600_000_000_000n
const DAY_MS = 86_400_000n
/** A signed 32-bit count of milliseconds ends after 24.8 days. */
const BEYOND_32_BITS_MS = 2n ** 31n
const MANY_HEADERS = 1_000

function record(parts: Partial<RecordInput>): RecordInput {
  return { timestamp: TIME_MS, key: null, value: null, headers: [], ...parts }
}

function header(name: string, value: string | Buffer | null): RecordInput['headers'][number] {
  return { nameBytes: Buffer.from(name), value: typeof value === 'string' ? Buffer.from(value) : value }
}

/** Every combination of absent, empty and present keys and values. */
export function nullAndEmpty(): RecordInput[] {
  const choices = [null, Buffer.alloc(0), Buffer.from('present')]
  return choices.flatMap((key) => choices.map((value) => record({ key, value })))
}

/** Headers that a map from names to texts would change. */
export function headers(): RecordInput[] {
  const value = Buffer.from('value')
  const lists = [
    [],
    [header('once', 'a')],
    [header('same', 'first'), header('same', 'second'), header('same', 'first')],
    [header('b', '1'), header('a', '2'), header('c', '3'), header('a', '4'), header('b', '5')],
    [header('absent', null), header('empty', ''), header('absent', null)],
    [header('', 'of the empty name'), header('', null), header('', '')],
    [header('grün-数-😀', 'ключ'), header('__proto__', 'x'), header('10', 'a'), header('9', 'b')],
    [header('bytes', Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x80]))],
    Array.from({ length: MANY_HEADERS }, (_, index) => header(`h${index % 7}`, `${index}`)),
    [header('large', Buffer.alloc(100_000, 'large'))],
  ]
  return lists.map((list, index) => record({ key: Buffer.from(`headers-${index}`), value, headers: list }))
}

/** Times that do not fit where people put times; `farMs` is the latest that the broker takes. */
export function timestamps(farMs: bigint): RecordInput[] {
  const times = [
    TIME_MS,
    TIME_MS + BEYOND_32_BITS_MS - 1n,
    TIME_MS + BEYOND_32_BITS_MS,
    TIME_MS + BEYOND_32_BITS_MS + 1n,
    TIME_MS - BEYOND_32_BITS_MS - 1n,
    TIME_MS - 1n,
    TIME_MS + 400n * DAY_MS,
    0n,
    -1n,
    1n,
    farMs,
    TIME_MS,
  ]
  return times.map((timestamp, index) => record({ timestamp, key: Buffer.from(`time-${index}`) }))
}

/** The same with an absent time in front, against which a batch counts the others. */
export function timestampsFromAbsent(farMs: bigint): RecordInput[] {
  return [record({ timestamp: -1n, value: Buffer.from('first') }), ...timestamps(farMs)]
}

/** Keys and values that are no text. */
export function arbitraryBytes(): RecordInput[] {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const samples = [
    everyByte,
    everyByte.toReversed(),
    Buffer.from([0xc3, 0x28]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xf8, 0x88, 0x80, 0x80, 0x80]),
    Buffer.from([0xef, 0xbb, 0xbf]),
    Buffer.from([0]),
    Buffer.from('\r\n\t"\\'),
  ]
  return samples.map((bytes, index) =>
    record({ key: Buffer.from(bytes), value: Buffer.from(samples.at(-index - 1)!) }),
  )
}

/** One record with a value of `valueBytes` bytes that no codec makes much smaller. */
export function sized(valueBytes: number): RecordInput {
  const value = Buffer.alloc(valueBytes)
  // A counter times an odd number: cheap, and without repetitions that a codec would find.
  for (let at = 0; at + 4 <= valueBytes; at += 4) value.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, at)
  if (valueBytes < 4) value.fill(7)
  return record({ value })
}

/** So many records of a few bytes. */
export function tiny(count: number): RecordInput[] {
  return Array.from({ length: count }, (_, index) => record({ value: Buffer.from([index & 0xff]) }))
}
