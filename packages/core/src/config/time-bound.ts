import type { TimeBound } from '../restore/restore-request.ts'

const EPOCH_MS = /^[0-9]{1,18}$/
const RELATIVE = /^-((?:[0-9]{1,9}(?:ms|s|m|h|d|w))+)$/
const ISO =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?(?<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?$/i
const UNIT_MS: Readonly<Record<string, bigint>> = {
  ms: 1n,
  s: 1_000n,
  m: 60_000n,
  h: 3_600_000n,
  d: 86_400_000n,
  w: 604_800_000n,
}

/** What is wrong with a text that should be a moment, or nothing. */
export function timeBoundRule(text: string): string | undefined {
  const read = readTimeBound(text)
  return typeof read === 'string' ? read : undefined
}

/**
 * A moment: `2026-11-21T02:14:07Z`, milliseconds since 1970, `now`, or a span before now such as `-2h` and `-1d12h`. Without a
 * zone nobody knows which moment is meant, so one is needed.
 */
export function readTimeBound(text: string): TimeBound | string {
  if (text === 'now') return { text, ms: 0n, isRelative: true }
  if (EPOCH_MS.test(text)) return { text, ms: BigInt(text), isRelative: false }
  const span = RELATIVE.exec(text)?.[1]
  if (span !== undefined) return { text, ms: spanMs(span), isRelative: true }
  const iso = ISO.exec(text)
  if (!iso)
    return 'must be a time with a zone (2026-11-21T02:14:07Z), epoch milliseconds, now or a span before now (-2h)'
  if (iso.groups?.zone === undefined)
    return 'must say its zone, such as 2026-11-21T02:14:07Z or 2026-11-21T03:14:07+01:00'
  const ms = Date.parse(text.replace(' ', 'T'))
  return Number.isNaN(ms) ? 'must be a time that exists' : { text, ms: BigInt(ms), isRelative: false }
}

function spanMs(span: string): bigint {
  let sum = 0n
  for (const [, count = '0', unit = 'ms'] of span.matchAll(/([0-9]+)(ms|s|m|h|d|w)/g)) {
    sum += BigInt(count) * (UNIT_MS[unit] ?? 0n)
  }
  return sum
}
