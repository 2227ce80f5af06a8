import type { PreparedRestore } from '@kafka-backup/core'
import { formatTime } from './units.ts'

type Known = Pick<PreparedRestore, 'plan' | 'since'>

/** What is not in a restore that is gone on with or reported, and which times it keeps. */
export function sinceLines({ plan, since }: Known): string[] {
  if (!since) return []
  return [...newerLines(plan, since.newer), ...keptTimeLines(plan, since.keptTimes)]
}

function newerLines(
  { commit, isKeepingOffsets }: Known['plan'],
  newer: NonNullable<Known['since']>['newer'],
): string[] {
  if (!newer) return []
  const now = `the backup has commit ${newer.commit} now, this restore is of commit ${commit}`
  if (!newer.isMore) return [`${now}: nothing was added to what this restore takes`]
  const replacing = isKeepingOffsets
    ? 'or delete the topics first'
    : 'or into these without --resume and with --existing-topics purge, which deletes them first'
  return [
    `Note: ${now} and does not contain what was added since`,
    `to restore commit ${newer.commit}: into other topics with --topic-mapping, ${replacing}`,
  ]
}

function keptTimeLines({ window }: Known['plan'], kept: NonNullable<Known['since']>['keptTimes']): string[] {
  const line = (flag: string, text: string | null, atMs: bigint | null | undefined): string[] =>
    text === null || atMs == null
      ? []
      : [`${flag} ${text} is ${formatTime(atMs)}, as when this restore was begun; it does not move on`]
  return [...line('--from', kept.from, window?.fromMs), ...line('--to', kept.to, window?.toMs)]
}

/** The same for programs; for a new restore there is nothing to say. */
export function sinceDocument({ plan, since }: Known) {
  const { window } = plan
  return {
    newer_commit: since?.newer ? { commit: since.newer.commit, adds: since.newer.isMore } : null,
    window: window && { from: window.fromMs, to: window.toMs },
    kept_times: since && (since.keptTimes.from ?? since.keptTimes.to) !== null ? since.keptTimes : null,
  }
}
