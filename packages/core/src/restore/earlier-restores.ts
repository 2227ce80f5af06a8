import type { HeldSetting } from '../format/restore-ledger.ts'
import type { Cluster } from '../kafka/cluster.ts'
import {
  type LedgerOptions,
  type LedgerState,
  RestoreLedger,
  readLedgers,
} from '../repository/restore-ledger.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import { releaseTarget } from './prepare-target.ts'
import { purgedTopics, type TargetPlan } from './restore-preflight.ts'

type Begun = Pick<LedgerState, 'opened' | 'begun'>

/** Topics that were deleted since, or created again, hold nothing of a restore any more. */
export async function isStillThere(cluster: Cluster, { opened, begun }: Begun): Promise<boolean> {
  // One that died before it had begun may have held settings of topics; which ones those were is not known.
  if (!begun) {
    // What it would have created need not be there yet.
    const isOld = ({ topic }: HeldSetting) => !opened.createdTopics.includes(topic)
    const still = await stillHeld(cluster, { opened, begun })
    return still.filter(isOld).length === opened.heldSettings.filter(isOld).length
  }
  const survey = await cluster.survey(begun.topics.map((topic) => topic.name))
  return begun.topics.every(({ name, topicId }) => {
    const found = survey.topics.find((topic) => topic.name === name)
    return found !== undefined && found.topicId === topicId
  })
}

/**
 * Restores of other requests whose records a purge deletes: they cannot be gone on with, and what they have open would hide from readers of
 * committed records what is restored now. A ledger that cannot be read must not be in the way.
 */
export async function purgedRestores(
  { storage, backupId }: { readonly storage: StorageBackend; readonly backupId: string },
  target: TargetPlan,
  last: RestoreLedger | undefined,
  writing: LedgerOptions,
): Promise<RestoreLedger[]> {
  const topics = purgedTopics(target)
  const ledgers =
    topics.length === 0 ? [] : await readLedgers(storage, backupId, writing.signal).catch(() => [])
  const purged = ledgers.filter(
    ({ restoreId, opened, begun, finished, isAbandoned }) =>
      restoreId !== last?.state.restoreId &&
      opened.clusterId === target.clusterId &&
      finished === null &&
      !isAbandoned &&
      begun?.topics.some(({ name }) => topics.includes(name)),
  )
  return Promise.all(
    purged.map(({ restoreId }) => RestoreLedger.findById(storage, backupId, restoreId, writing)),
  )
}

/**
 * Ends restores in whose place another one is begun, and returns what they held, for that one to hold. A process that sleeps through this
 * finds the end of its ledger, and its transactions fenced.
 *
 * What was held is put back before the ledger ends: whoever dies between any two of these steps leaves each setting either as it was, or in
 * the ledger of a restore that has not ended.
 */
export async function giveUp(
  ledgers: readonly RestoreLedger[],
  { cluster, fence, signal }: GiveUpOptions,
): Promise<HeldSetting[]> {
  const held: HeldSetting[] = []
  for (const ledger of ledgers) {
    const own = await stillHeld(cluster, ledger.state)
    await releaseTarget(cluster, own)
    await ledger.append({ type: 'abandoned' }, signal)
    await fence(ledger.state)
    held.push(...own)
  }
  return held
}

/** What giving up works with. */
export interface GiveUpOptions {
  readonly cluster: Cluster
  /** Makes every request of a restore that is abandoned fail; where it used no transactions there is nothing to do. */
  readonly fence: (ledger: LedgerState) => Promise<void>
  readonly signal: AbortSignal
}

/** A topic that was deleted since holds nothing any more: its old setting would make one of the same name delete what is restored. */
async function stillHeld(cluster: Cluster, { opened, begun }: Begun): Promise<HeldSetting[]> {
  const { topics } = await cluster.survey(opened.heldSettings.map(({ topic }) => topic))
  return opened.heldSettings.filter(({ topic }) => {
    const topicId = begun?.topics.find(({ name }) => name === topic)?.topicId ?? null
    const found = topics.find(({ name }) => name === topic)
    return found !== undefined && (topicId === null || found.topicId === topicId)
  })
}

/** An earlier hold knows what the setting was before anybody held it. */
export function joinHeld(own: readonly HeldSetting[], earlier: readonly HeldSetting[]): HeldSetting[] {
  const isSame = (a: HeldSetting, b: HeldSetting) => a.topic === b.topic && a.name === b.name
  return [...earlier, ...own.filter((entry) => !earlier.some((before) => isSame(entry, before)))]
}
