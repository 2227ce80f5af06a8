import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { RestorePlan } from './restore-plan.ts'
import type { RestoreRequest } from './restore-request.ts'

/** Written as seconds since 1970, a time between 1973 and 2286. */
const LIKE_SECONDS = /^[1-9][0-9]{8,9}$/

/**
 * A window that cannot have been meant for these records: one that ends before the oldest of them, and milliseconds that are a date only as
 * seconds. A window behind the newest record, or in a pause between two, is none of these: who restores the last hour every hour may find
 * nothing in it.
 * @throws KB_USAGE
 */
export function assertWindowFits(plan: RestorePlan, { from, to }: RestoreRequest): void {
  const { window, times, pruned } = plan
  if (window === null || times.lastMs < 0n || pruned.some(({ isWanted }) => isWanted)) return
  const { firstMs, lastMs } = times
  const held = `the records of the chosen topics are from ${firstMs === null ? 'a time that is not known' : timeText(firstMs)} to ${timeText(lastMs)}`
  const isBefore = (timeMs: bigint): boolean => timeMs < lastMs && (firstMs === null || timeMs < firstMs)
  const bounds = [
    ['--from', from, window.fromMs],
    ['--to', to, window.toMs],
  ] as const
  for (const [flag, text, timeMs] of bounds) {
    if (text === null || timeMs === null || !LIKE_SECONDS.test(text) || !isBefore(timeMs)) continue
    const meantMs = timeMs * 1_000n
    throw new KafkaBackupError(
      'KB_USAGE',
      `${flag} ${text} is ${timeText(timeMs)}: a number is a time in milliseconds since 1970, and ${held}`,
      {
        hint: `If seconds were meant, write ${flag} ${meantMs} or ${flag} ${timeText(meantMs)}; if not, write ${flag} ${timeText(timeMs)}.`,
      },
    )
  }
  if (to === null || window.toMs === null || firstMs === null || window.toMs >= firstMs || firstMs < 0n)
    return
  throw new KafkaBackupError(
    'KB_USAGE',
    `no record is in this window: --to ${to} is ${timeText(window.toMs)}, and ${held}`,
    { hint: 'Choose a later --to; nothing older is in the backup.' },
  )
}

function timeText(timeMs: bigint): string {
  const date = new Date(Number(timeMs))
  // Milliseconds can be written that no calendar shows.
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : date.toISOString()
}
