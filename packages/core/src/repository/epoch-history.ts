import type { PartitionState } from '../format/backup-state.ts'
import type { LeaderEpochStart } from '../format/segment-index.ts'
import type { EpochEnd } from '../kafka/cluster.ts'

/** The leader epochs of what was read of one history, ascending, and the offset behind the last batch that has one. */
export interface EpochHistory {
  readonly starts: readonly LeaderEpochStart[]
  readonly nextOffset: bigint
}

/** Asks the leader where an epoch of its ends; undefined when it cannot say. */
export type AskEpochEnd = (leaderEpoch: number) => Promise<EpochEnd | undefined>

/** What the backup holds of the epochs of a history. */
export function epochHistoryOf(state: PartitionState): EpochHistory {
  const starts: LeaderEpochStart[] = []
  let nextOffset = state.beginOffset
  for (const { part } of state.parts) {
    for (const entry of part.leaderEpochs) {
      // Batches of formats before v2 carry no epoch.
      if (entry[0] < 0) continue
      nextOffset = part.nextOffset
      if (entry[0] !== starts.at(-1)?.[0]) starts.push(entry)
    }
  }
  return { starts, nextOffset }
}

/** Epoch of the last batch that was read; -1 when there is none. */
export function lastEpochOf(history: EpochHistory): number {
  return history.starts.at(-1)?.[0] ?? -1
}

/** True when the leader's answer for the last epoch leaves no doubt that its history holds everything that was read. */
export function confirms(history: EpochHistory, answer: EpochEnd): boolean {
  return answer.leaderEpoch === lastEpochOf(history) && answer.endOffset >= history.nextOffset
}

/**
 * First offset at which the leader's history may differ from what was read: the truncation of a follower (KIP-101, KIP-279),
 * asked epoch by epoch. Equals `nextOffset` when nothing differs; null when the leader cannot say.
 */
export async function findCommonEnd(history: EpochHistory, ask: AskEpochEnd): Promise<bigint | null> {
  let common = history.nextOffset
  let wanted = lastEpochOf(history)
  while (wanted >= 0) {
    const answer = await ask(wanted)
    if (!answer || answer.leaderEpoch < 0) return null
    common = least(common, answer.endOffset, ownEndOf(history, answer.leaderEpoch))
    if (answer.leaderEpoch === wanted) return common
    wanted = history.starts.findLast(([epoch]) => epoch <= answer.leaderEpoch)?.[0] ?? -1
    if (wanted === answer.leaderEpoch) continue
    // The leader has an epoch that was never read: what was read under older ones is asked for next.
    common = least(common, ownEndOf(history, wanted))
  }
  return history.starts.length > 0 ? common : null
}

/**
 * Whether a common end can be believed. A leader that lost records to an election goes on under an epoch that nobody read from; one
 * that is still in the last epoch that was read is another disk, on which the same numbers may stand for other records.
 */
export function isUnderNewEpoch(history: EpochHistory, leaderEpoch: number): boolean {
  return leaderEpoch > lastEpochOf(history)
}

function ownEndOf(history: EpochHistory, epoch: number): bigint {
  return history.starts.find(([other]) => other > epoch)?.[1] ?? history.nextOffset
}

function least(...offsets: readonly bigint[]): bigint {
  return offsets.reduce((min, offset) => (offset < min ? offset : min))
}
