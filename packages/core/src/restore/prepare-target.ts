import type { HeldSetting } from '../format/restore-ledger.ts'
import type { Cluster } from '../kafka/cluster.ts'
import type { LogStart } from './offset-start.ts'
import type { TargetPlan } from './restore-preflight.ts'

/**
 * What is done to the target before the first record: topics are created, settings held, old records deleted. Whoever goes on with
 * a restore that died here may do it again: what exists is not created, and nothing is deleted that came after the preflight.
 */
export async function prepareTarget(
  cluster: Cluster,
  target: TargetPlan,
  heldSettings: readonly HeldSetting[],
  signal: AbortSignal,
): Promise<void> {
  if (target.newTopics.length > 0) await cluster.createTopics(target.newTopics, signal)
  await holdTarget(cluster, heldSettings)
  await purgeTarget(cluster, target)
}

/** Deletes what was there when the restore was planned. The same again changes nothing. */
export async function purgeTarget(cluster: Cluster, target: Pick<TargetPlan, 'purges'>): Promise<void> {
  await cluster.deleteRecords(
    purgedStarts(target).map(({ beginOffset, ...place }) => ({ ...place, offset: beginOffset })),
  )
}

/** Where the logs of which a purge deletes something begin afterwards. */
export function purgedStarts({ purges }: Pick<TargetPlan, 'purges'>): LogStart[] {
  return [...purges].map(([place, beginOffset]) => {
    const slash = place.lastIndexOf('/')
    return { topic: place.slice(0, slash), partition: Number(place.slice(slash + 1)), beginOffset }
  })
}

/** Sets what is held. The same again changes nothing. */
export async function holdTarget(cluster: Cluster, heldSettings: readonly HeldSetting[]): Promise<void> {
  await cluster.changeTopicSettings(
    heldSettings.map(({ topic, name, held }) => ({ topic, name, value: held })),
    false,
  )
}

/** Puts back what was held. The same again changes nothing. */
export async function releaseTarget(cluster: Cluster, heldSettings: readonly HeldSetting[]): Promise<void> {
  await cluster.changeTopicSettings(
    heldSettings.map(({ topic, name, original }) => ({ topic, name, value: original })),
    false,
  )
}
