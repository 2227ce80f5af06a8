import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { boundedWindow, type TimeWindow } from './time-window.ts'

/** A time as somebody asked for it: itself, or so long before now. */
export type RequestTime = { readonly atMs: bigint } | { readonly beforeNowMs: bigint }

const ISO =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,3}))?)?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?$/
const TOO_FINE = /[0-9]\.[0-9]{4,}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?$/
const RELATIVE = /^-([0-9]{1,9})(ms|s|m|h|d|w)$/
const EPOCH_MS = /^[0-9]{1,18}$/
/** What one of each unit of a duration has, as users write them. */
export const TIME_UNITS_MS: Readonly<Record<string, bigint>> = {
  ms: 1n,
  s: 1_000n,
  m: 60_000n,
  h: 3_600_000n,
  d: 86_400_000n,
  w: 604_800_000n,
}

/** Says what a text must be to be a time, or nothing. */
export function requestTimeComplaint(text: string): string | undefined {
  if (readTime(text) !== undefined) return
  if (TOO_FINE.test(text))
    return 'must have at most three digits behind the point of the second: Kafka keeps milliseconds'
  const [, year] = ISO.exec(text) ?? []
  const zone = ISO.exec(text)?.[8]
  if (year !== undefined && zone === undefined) {
    return 'must say its zone, such as 2025-06-01T12:00:00Z or 2025-06-01T14:00:00+02:00'
  }
  return 'must be a time such as 2025-06-01T12:00:00Z, milliseconds since 1970, or relative such as -2h, -30m, -7d or now'
}

/** Whether a time is another one each time that it is asked for. */
export function isRelativeTime(text: string): boolean {
  const time = readTime(text)
  return time !== undefined && 'beforeNowMs' in time
}

/** Both ends at the same now. @throws KB_USAGE for a text that is no time, and for an end before the begin */
export function resolveWindow(
  asked: { readonly from: string | null; readonly to: string | null },
  nowMs: number,
): TimeWindow | null {
  const now = BigInt(Math.trunc(nowMs))
  const window = { fromMs: resolveTime(asked.from, now), toMs: resolveTime(asked.to, now) }
  const { fromMs, toMs } = window
  if (fromMs === null || toMs === null || fromMs <= toMs) return boundedWindow(window)
  const isRelative = [asked.from, asked.to].some((text) => text !== null && isRelativeTime(text))
  throw new KafkaBackupError(
    'KB_USAGE',
    `the time window ends before it begins: ${meant('--from', asked.from, fromMs)}, and ${meant('--to', asked.to, toMs)}`,
    {
      hint: isRelative
        ? 'Relative times are before now: --from -2h --to -1h is the hour that ended an hour ago.'
        : 'Exchange the two times.',
    },
  )
}

/** `--from -2h is 2025-06-01T10:00:00.000Z` */
function meant(flag: string, text: string | null, timeMs: bigint): string {
  const date = new Date(Number(timeMs))
  // Milliseconds can be written that no calendar shows.
  return `${flag} ${text} is ${Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()}`
}

/** The moment that a text means. @throws KB_USAGE for a text that is no time */
export function momentOf(text: string, nowMs: number): bigint {
  return resolveTime(text, BigInt(Math.trunc(nowMs)))
}

function resolveTime(text: string, nowMs: bigint): bigint
function resolveTime(text: string | null, nowMs: bigint): bigint | null
function resolveTime(text: string | null, nowMs: bigint): bigint | null {
  if (text === null) return null
  const time = readTime(text)
  if (!time) throw new KafkaBackupError('KB_USAGE', `a time ${requestTimeComplaint(text)}`)
  return 'atMs' in time ? time.atMs : nowMs - time.beforeNowMs
}

function readTime(text: string): RequestTime | undefined {
  if (text === 'now') return { beforeNowMs: 0n }
  if (EPOCH_MS.test(text)) return { atMs: BigInt(text) }
  const [, count, unit = ''] = RELATIVE.exec(text) ?? []
  if (count !== undefined) return { beforeNowMs: BigInt(count) * (TIME_UNITS_MS[unit] ?? 0n) }
  return readIso(text)
}

/** A date alone is no time, with a zone or without. */
function readIso(text: string): RequestTime | undefined {
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone] = ISO.exec(text) ?? []
  if (hour === undefined || zone === undefined) return
  const utcMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.padEnd(3, '0')),
  )
  // Fields that do not exist, such as the 30th of February, would be carried over.
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  if (!new Date(utcMs).toISOString().startsWith(written)) return
  const offset = offsetMinutes(zone)
  return offset === undefined ? undefined : { atMs: BigInt(utcMs - offset * 60_000) }
}

function offsetMinutes(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))]
  if (hours > 18 || minutes > 59) return
  return (hours * 60 + minutes) * (zone.startsWith('-') ? -1 : 1)
}
