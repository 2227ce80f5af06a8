import type { UnreadGroup } from '../events/run-event.ts'
import { isUnreadable } from './merge-groups.ts'
import type { GroupReading } from './read-groups.ts'

/** What became of the groups in a run. */
export interface GroupsReport {
  /** Groups that the newest reading knows, those included that are carried over. */
  readonly groups: number
  /** Committed offsets of all of them. */
  readonly offsets: number
  readonly readAtMs: number
  readonly unread: readonly UnreadGroup[]
  /** Brokers that did not list their groups. */
  readonly silentBrokers: readonly { readonly broker: string; readonly reason: string }[]
  /** Why nothing was read, or written; null: it was. */
  readonly failure: string | null
}

export function reportOfGroups({ groups, readAtMs, silentBrokers, failure }: GroupReading): GroupsReport {
  return {
    groups: groups.length,
    offsets: groups.reduce((sum, entry) => sum + entry.offsets.length, 0),
    readAtMs,
    unread: groups.filter(isUnreadable).map(({ group, unread = '' }) => ({ group, reason: unread })),
    silentBrokers: [...silentBrokers].map(([broker, reason]) => ({ broker, reason })),
    failure: failure?.message ?? null,
  }
}
