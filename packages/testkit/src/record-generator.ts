import type { SeededRandom } from './seeded-random.ts'

/** A record as a test invents it; headers keep their order and may repeat names. */
export interface GeneratedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
  readonly timestampMs: bigint
}

/** Bounds of {@link generateRecords}. */
export interface GeneratedRecordLimits {
  readonly valueMaxBytes?: number
  readonly keyMaxBytes?: number
  readonly maxHeaders?: number
  readonly beginTimestampMs?: bigint
}

// Empty, repeated, of several bytes a character, composed and decomposed, with control characters.
const HEADER_NAMES = [
  '',
  'a',
  'trace-id',
  'Trace-Id',
  'straße',
  'é',
  'e\u0301',
  '件名',
  '🧾',
  'a\u0000b',
  ' ',
]
const YEAR_MS = 365n * 24n * 3600n * 1000n

/**
 * `count` records that exercise every corner of the encoding: null and empty keys and values, repeated and
 * Unicode header names, values at the limits of varint lengths, timestamps that jump both ways by years.
 */
export function generateRecords(
  random: SeededRandom,
  count: number,
  limits: GeneratedRecordLimits = {},
): GeneratedRecord[] {
  const valueMaxBytes = limits.valueMaxBytes ?? 4096
  const keyMaxBytes = limits.keyMaxBytes ?? 256
  const maxHeaders = limits.maxHeaders ?? 5
  let timestampMs = limits.beginTimestampMs ?? 1_700_000_000_000n
  return Array.from({ length: count }, () => {
    timestampMs = nextTimestamp(random, timestampMs)
    return {
      key: generateBytes(random, keyMaxBytes),
      value: generateBytes(random, valueMaxBytes),
      headers: generateHeaders(random, { maxHeaders, valueMaxBytes: keyMaxBytes }),
      timestampMs,
    }
  })
}

function nextTimestamp(random: SeededRandom, previousMs: bigint): bigint {
  const kind = random.below(20)
  if (kind === 0) return previousMs + (random.chance(0.5) ? YEAR_MS : -YEAR_MS)
  if (kind < 4) return previousMs - BigInt(random.below(60_000))
  const next = previousMs + BigInt(random.below(1_000))
  return next < 0n ? 0n : next
}

function generateHeaders(
  random: SeededRandom,
  limits: { maxHeaders: number; valueMaxBytes: number },
): GeneratedRecord['headers'] {
  if (random.chance(0.4)) return []
  return Array.from(
    { length: random.below(limits.maxHeaders + 1) },
    () => [random.pick(HEADER_NAMES), generateBytes(random, limits.valueMaxBytes)] as const,
  )
}

function generateBytes(random: SeededRandom, maxBytes: number): Buffer | null {
  const kind = random.below(10)
  if (kind === 0) return null
  if (kind === 1) return Buffer.alloc(0)
  // 63 and 64 are where the zigzag varint of a length grows by a byte.
  if (kind === 2) return random.bytes(Math.min(maxBytes, 63 + random.below(2)))
  if (kind === 3) return Buffer.alloc(random.below(maxBytes + 1), random.below(256))
  if (kind < 7) return random.bytes(random.below(Math.min(maxBytes, 32) + 1))
  return random.bytes(random.below(maxBytes + 1))
}
