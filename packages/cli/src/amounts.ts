import { KafkaBackupError } from '@kafka-backup/core/errors'
import { TIME_UNITS_MS } from '@kafka-backup/core/settings'

const DURATION = /^(?:[0-9]{1,9}(?:ms|s|m|h|d|w))+$/
const PIECE = /([0-9]+)(ms|s|m|h|d|w)/g
const SIZE = /^([0-9]{1,15}(?:\.[0-9]{1,3})?)(B|kB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)?$/
const PREFIXES = 'kMGTP'

/** `30d`, `1d12h` or `0` in milliseconds. @throws KB_USAGE, naming the option */
export function durationMs(option: string, text: string): number {
  if (text === '0') return 0
  if (!DURATION.test(text)) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `${option} takes a duration such as 30d, 12h or 1d12h, not "${text}"`,
    )
  }
  return [...text.matchAll(PIECE)].reduce((sum, [, count, unit = '']) => {
    return sum + Number(count) * Number(TIME_UNITS_MS[unit] ?? 0n)
  }, 0)
}

/** `500GB`, `1.5TiB` or a number of bytes. @throws KB_USAGE, naming the option */
export function sizeBytes(option: string, text: string): number {
  const [, count, unit = 'B'] = SIZE.exec(text) ?? []
  if (count === undefined) {
    throw new KafkaBackupError(
      'KB_USAGE',
      `${option} takes a size such as 500GB, 2TiB or 1000000, not "${text}"`,
    )
  }
  const power = PREFIXES.indexOf(unit.slice(0, 1).replace('K', 'k')) + 1
  const bytes = Math.round(Number(count) * (unit.includes('i') ? 1024 : 1000) ** power)
  if (Number.isSafeInteger(bytes)) return bytes
  throw new KafkaBackupError('KB_USAGE', `${option}: ${text} is more than any store holds`)
}

/** A number of things, 1 or more. @throws KB_USAGE, naming the option */
export function wholeNumber(option: string, text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new KafkaBackupError('KB_USAGE', `${option} takes a number from 1 on, not "${text}"`)
}
