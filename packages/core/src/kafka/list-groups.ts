import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { BrokerAddress, ClusterSurvey } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'
import { type GroupPatience, ownFailure } from './group-patience.ts'
import { LIST_GROUPS, type ListedGroup } from './group-requests.ts'
import { brokerError } from './kafka-error.ts'
import { GROUPS_TOPIC, groupPartitions, haveMoved, loadingCoordinators } from './loading-coordinators.ts'

const NOT_COORDINATOR = 16
/** Of the time for groups: what is listed has to be asked for, too. */
const LISTING_SHARE = 0.5

/** What brokers list. */
export interface GroupListing {
  readonly clusterId: string
  readonly listed: ReadonlyMap<string, ListedGroup>
  /** Those whose list is missing, or may not be whole, by `host:port`. */
  readonly silent: ReadonlyMap<string, KafkaBackupError>
}

/**
 * The groups of all brokers. Lists count when every coordinator had read what it took over, and none has changed meanwhile: otherwise they are
 * asked for again, for half of the time at most.
 */
export async function listGroups(
  connections: ClusterConnections,
  patience: GroupPatience,
): Promise<GroupListing> {
  const listed = new Map<string, ListedGroup>()
  const done = new Set<number>()
  const silent = new Map<string, KafkaBackupError>()
  let clusterId = ''
  await patience.untilSettled(async () => {
    const before = await survey(connections, patience)
    clusterId = before.clusterId
    // A broker that is gone coordinates no group any more.
    silent.clear()
    const listOne = async ([id, address]: readonly [number, BrokerAddress]): Promise<void> => {
      const broker = `${address.host}:${address.port}`
      try {
        const answer = await patience.within(broker, connections.ask(address, LIST_GROUPS, [], []))
        if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `listing the groups of ${broker}`)
        for (const entry of answer.groups) listed.set(entry.groupId, entry)
        done.add(id)
      } catch (error) {
        silent.set(broker, ownFailure(error))
      }
    }
    const changing = await whileStable({ connections, patience, before }, async () => {
      await settleAll([...before.brokers].filter(([id]) => !done.has(id)).map(listOne))
    })
    if (changing.size > 0) done.clear()
    for (const [where, failure] of changing) silent.set(where, failure)
    return [...silent.values()]
  }, LISTING_SHARE)
  return { clusterId, listed, silent }
}

/** Brokers, and who coordinates. */
function survey(connections: ClusterConnections, patience: GroupPatience): Promise<ClusterSurvey> {
  return patience.within(connections.where, readMetadata(connections, [GROUPS_TOPIC]))
}

interface Listing {
  readonly connections: ClusterConnections
  readonly patience: GroupPatience
  readonly before: ClusterSurvey
}

/** Lists, and says which coordinators did not know all of their groups at that time. */
async function whileStable(
  { connections, patience, before }: Listing,
  list: () => Promise<void>,
): Promise<ReadonlyMap<string, KafkaBackupError>> {
  const partitions = groupPartitions(before)
  const loading = partitions
    ? await loadingCoordinators(connections, partitions, patience)
    : new Map<string, KafkaBackupError>()
  await list()
  if (loading.size > 0 || !haveMoved(before, await survey(connections, patience))) return loading
  return new Map([
    [connections.where, brokerError(NOT_COORDINATOR, 'listing groups whose coordinator changed meanwhile')],
  ])
}
