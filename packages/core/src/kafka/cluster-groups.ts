import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { BrokerAddress } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'
import { ABSENT, type ConsumerGroup, type ConsumerGroups, type GroupType } from './consumer-group.ts'
import { type AskedGroup, askCoordinator, type GroupAnswer } from './group-answers.ts'
import { findCoordinators } from './group-coordinators.ts'
import { failureName, GroupPatience, ownFailure } from './group-patience.ts'
import { LIST_GROUPS, type ListedGroup } from './group-requests.ts'
import { brokerError } from './kafka-error.ts'

const GROUP_TYPES: ReadonlySet<string> = new Set<GroupType>(['classic', 'consumer', 'share', 'streams'])
const NO_SIGNAL = new AbortController().signal
/** State of a classic group that a coordinator does not know, or knows with another protocol. */
const DEAD = 'Dead'

/** A group as it was listed, or a known one that was not. */
interface SoughtGroup extends AskedGroup {
  readonly listed: ListedGroup | null
}

/**
 * All groups that the account may see, and those of `known` that no broker lists, with what their coordinators say of them. A group
 * that cannot be read is one with a failure. Takes `LIMITS.groupPatienceMs` at most.
 */
export async function consumerGroups(
  connections: ClusterConnections,
  known: readonly string[],
  signal: AbortSignal = NO_SIGNAL,
): Promise<ConsumerGroups> {
  const patience = new GroupPatience(AbortSignal.any([connections.signal, signal]))
  const { clusterId, listed, silent } = await listGroups(connections, patience)
  const sought: SoughtGroup[] = [...listed.values()].map((entry) => ({
    group: entry.groupId,
    type: typeOf(entry),
    listed: entry,
  }))
  // A group that moved while brokers were asked one after the other is listed by none of them.
  for (const group of known) if (!listed.has(group)) sought.push({ group, type: 'unknown', listed: null })
  // What share groups have is no committed offset.
  const asked = sought.filter(({ type }) => type !== 'share')
  const answers = await askCoordinators(connections, asked, patience)
  return {
    clusterId,
    groups: sought.map((entry) => toGroup(entry, answers.get(entry.group))),
    silentBrokers: new Map([...silent].map(([broker, failure]) => [broker, failureName(failure)])),
  }
}

async function listGroups(connections: ClusterConnections, patience: GroupPatience) {
  const listed = new Map<string, ListedGroup>()
  const done = new Set<number>()
  const silent = new Map<string, KafkaBackupError>()
  let clusterId = ''
  await patience.untilSettled(async () => {
    const metadata = await patience.within(connections.where, readMetadata(connections, []))
    clusterId = metadata.clusterId
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
    await settleAll([...metadata.brokers].filter(([id]) => !done.has(id)).map(listOne))
    return [...silent.values()]
  })
  return { clusterId, listed, silent }
}

/** What the coordinators say, by group; all of them at the same time, and again where that may help. */
async function askCoordinators(
  connections: ClusterConnections,
  groups: readonly SoughtGroup[],
  patience: GroupPatience,
): Promise<ReadonlyMap<string, GroupAnswer>> {
  const answers = new Map<string, GroupAnswer>()
  let waiting = groups
  await patience.untilSettled(async () => {
    const names = waiting.map(({ group }) => group)
    const found = await findCoordinators(connections, names, patience)
    const shares = new Map<string, { readonly coordinator: BrokerAddress; readonly groups: SoughtGroup[] }>()
    for (const entry of waiting) {
      const own = found.get(entry.group)
      if (!own || 'failure' in own) {
        if (own) answers.set(entry.group, own)
        continue
      }
      const where = `${own.coordinator.host}:${own.coordinator.port}`
      const share = shares.get(where) ?? { coordinator: own.coordinator, groups: [] }
      share.groups.push(entry)
      shares.set(where, share)
    }
    const asking = [...shares.values()].map(async (share) => {
      const told = await askCoordinator(connections, share.coordinator, share.groups, patience)
      for (const [group, answer] of told) answers.set(group, answer)
    })
    await settleAll(asking)
    const failureOf = ({ group }: SoughtGroup) => answers.get(group)?.failure
    waiting = waiting.filter((entry) => failureOf(entry)?.retryable === true)
    return waiting.flatMap((entry) => failureOf(entry) ?? [])
  })
  return answers
}

function toGroup({ group, type, listed }: SoughtGroup, answer: GroupAnswer | undefined): ConsumerGroup {
  const isGone = answer?.failure?.context.kafkaError === 'GROUP_ID_NOT_FOUND'
  const failure = answer?.failure && !isGone ? failureName(answer.failure) : null
  const offsets = failure === null ? (answer?.offsets ?? []) : null
  const described = answer?.described?.state === DEAD ? undefined : answer?.described
  const isAbsent = isGone || (!listed && !described && offsets?.length === 0)
  return {
    group,
    type,
    protocolType: listed?.protocolType || described?.protocolType || '',
    state: isAbsent ? ABSENT : described?.state || listed?.groupState || 'Unknown',
    members: described?.members ?? 0,
    offsets,
    failure,
  }
}

function typeOf({ groupType }: ListedGroup): GroupType {
  const type = groupType?.toLowerCase() ?? ''
  return GROUP_TYPES.has(type) ? (type as GroupType) : 'unknown'
}
