/** 1234567 -> `1,234,567` */
export function formatCount(value: number | bigint): string {
  return value.toLocaleString('en-US')
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Decimal units: 1500000 -> `1.5 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`
}

/** `840 ms`, `4.2 s`, `3 m 10 s`, `2 h 04 m`, `3 d 02 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`
  if (durationMs < 59_950) return `${(durationMs / 1_000).toFixed(1)} s`
  const seconds = Math.round(durationMs / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}

/** `214 MB/s` */
export function formatRate(bytes: number, durationMs: number): string {
  return durationMs <= 0 ? '–' : `${formatBytes((bytes / durationMs) * 1_000)}/s`
}

/** `2026-11-21T02:14:07.123Z`; `–` when there is none. */
export function formatTime(timeMs: number | bigint | null): string {
  if (timeMs === null || timeMs < 0) return '–'
  const date = new Date(Number(timeMs))
  // A record may carry a time that no calendar shows.
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()
}

/** Raw over stored: `4.4x`; `–` when nothing was stored. */
export function formatRatio(rawBytes: number, storedBytes: number): string {
  return storedBytes === 0 ? '–' : `${(rawBytes / storedBytes).toFixed(1)}x`
}

/** `1 topic`, `3 topics` */
export function plural(count: number | bigint, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 || count === 1n ? '' : 's'}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
