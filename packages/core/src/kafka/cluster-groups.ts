import { settleAll } from '../runtime/settle-all.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { ABSENT, type ConsumerGroup, type ConsumerGroups, type GroupType } from './consumer-group.ts'
import { type AskedGroup, askCoordinator, type GroupAnswer } from './group-answers.ts'
import { findCoordinators, sharesOf } from './group-coordinators.ts'
import { failureName, GroupPatience } from './group-patience.ts'
import type { ListedGroup } from './group-requests.ts'
import { listGroups } from './list-groups.ts'

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
    for (const [group, own] of found) if ('failure' in own) answers.set(group, own)
    const asking = [...sharesOf(waiting, found).values()].map(async (share) => {
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
