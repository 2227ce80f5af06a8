import type { StorageUsage } from '@kafka-backup/core'
import { formatBytes, formatCount } from './units.ts'

/** `Storage     3.1 MB written, 12 kB read · 41 requests (put 12, get 3, upload_part 26)`; requests only where there are some. */
export function storageText({ bytesRead, bytesWritten, requests }: StorageUsage): string {
  const sent = Object.entries(requests).filter(([, count]) => count > 0)
  const sum = sent.reduce((total, [, count]) => total + count, 0)
  const kinds = sent.map(([kind, count]) => `${kind} ${formatCount(count)}`).join(', ')
  const counted = sum === 0 ? '' : ` · ${formatCount(sum)} request${sum === 1 ? '' : 's'} (${kinds})`
  return `${'Storage'.padEnd(12)}${formatBytes(bytesWritten)} written, ${formatBytes(bytesRead)} read${counted}`
}

/** The same for programs: requests by what stores charge for, repeated ones included. */
export function storageDocument({ bytesRead, bytesWritten, requests }: StorageUsage) {
  return { bytes_written: bytesWritten, bytes_read: bytesRead, requests }
}
