import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { BrokerAddress } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { type GroupPatience, ownFailure } from './group-patience.ts'
import { brokerError } from './kafka-error.ts'
import { FIND_COORDINATOR } from './transaction-requests.ts'

const GROUP_KEY = 0
const UNKNOWN_SERVER_ERROR = -1

/** Who coordinates a group, or why nobody says so. */
export type FoundCoordinator =
  | { readonly coordinator: BrokerAddress }
  | { readonly failure: KafkaBackupError }

/** Looks up who coordinates each group now; every group has an entry. */
export async function findCoordinators(
  connections: ClusterConnections,
  groups: readonly string[],
  patience: GroupPatience,
): Promise<Map<string, FoundCoordinator>> {
  const found = new Map<string, FoundCoordinator>()
  let size: number = LIMITS.groupsPerRequest
  for (let at = 0; at < groups.length; ) {
    const some = groups.slice(at, at + size)
    try {
      const told = await askFor(connections, some, patience)
      for (const [group, entry] of told) found.set(group, entry)
      at += told.size
      // The broker is an old one, which knows one group a request.
      if (told.size < some.length) size = 1
    } catch (error) {
      const failure = ownFailure(error)
      for (const group of some) found.set(group, { failure })
      at += some.length
    }
  }
  return found
}

/** Of all these groups, or of the first alone: version 3 and before takes one key, and does not repeat it. */
async function askFor(
  connections: ClusterConnections,
  groups: readonly string[],
  patience: GroupPatience,
): Promise<Map<string, FoundCoordinator>> {
  const asking = connections.askAny(FIND_COORDINATOR, GROUP_KEY, [...groups])
  const { coordinators } = await patience.within(connections.where, asking)
  const isOfFirst = coordinators.length < groups.length || groups.length === 1
  const byKey = new Map(coordinators.map((entry) => [isOfFirst ? groups[0] : entry.key, entry]))
  const foundOf = (group: string): FoundCoordinator => {
    const { errorCode, errorMessage, host, port } = byKey.get(group) ?? NOT_TOLD
    if (errorCode === 0) return { coordinator: { host, port } }
    const doing = `looking for the coordinator of group "${group}"`
    return { failure: brokerError(errorCode, doing, { says: errorMessage ?? null }) }
  }
  return new Map((isOfFirst ? groups.slice(0, 1) : groups).map((group) => [group, foundOf(group)]))
}

const NOT_TOLD = { errorCode: UNKNOWN_SERVER_ERROR, errorMessage: null, host: '', port: 0 }

/** Groups that one broker coordinates. */
export interface CoordinatedShare<Group> {
  readonly coordinator: BrokerAddress
  readonly groups: readonly Group[]
}

/** Groups by their coordinator, by `host:port`; those without one are left out. */
export function sharesOf<Group extends { readonly group: string }>(
  groups: readonly Group[],
  found: ReadonlyMap<string, FoundCoordinator>,
): Map<string, CoordinatedShare<Group>> {
  const shares = new Map<string, { readonly coordinator: BrokerAddress; readonly groups: Group[] }>()
  for (const entry of groups) {
    const own = found.get(entry.group)
    if (!own || 'failure' in own) continue
    const where = `${own.coordinator.host}:${own.coordinator.port}`
    const share = shares.get(where) ?? { coordinator: own.coordinator, groups: [] }
    share.groups.push(entry)
    shares.set(where, share)
  }
  return shares
}
