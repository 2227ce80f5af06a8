import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { aclName } from './acl-names.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import type {
  AclEntry,
  BrokerPlace,
  ClusterFacts,
  FinalizedFeature,
  QuotaEntry,
  ScramUser,
  Told,
} from './cluster-facts.ts'
import { METADATA } from './cluster-requests.ts'
import {
  type AclAnswer,
  DESCRIBE_ACLS,
  DESCRIBE_CLIENT_QUOTAS,
  DESCRIBE_SCRAM_USERS,
  EVERY_ACL,
  type QuotaAnswer,
  type ScramAnswer,
} from './facts-requests.ts'
import { fetchFeatures } from './features-api.ts'
import { failureName, ownFailure } from './group-patience.ts'
import { brokerError, unreachable } from './kafka-error.ts'
import { withinTime } from './library-request.ts'

/** Brokers that are asked for features, one after the other, until one answers. */
const FEATURE_BROKERS_MAX = 3
const SCRAM_MECHANISMS: ReadonlyMap<number, string> = new Map([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
])

/**
 * Asks for everything that a cluster tells of itself beside topics and groups: five small requests, each once. What may not be read, or is
 * not known to these brokers, is named in its place. @throws KB_CLUSTER_UNREACHABLE when no broker answers the first of them
 */
export async function clusterFacts(connections: ClusterConnections): Promise<ClusterFacts> {
  // Metadata names racks as DescribeCluster does, and every broker knows it.
  const { clusterId, brokers: listed } = await connections.askAny(METADATA, [], false, false)
  const brokers = listed
    .map(({ nodeId: id, host, port, rack }): BrokerPlace => ({ id, host, port, rack: rack ?? null }))
    .sort((a, b) => a.id - b.id)
  connections.remember(brokers)
  const [features, acls, quotas, scramUsers] = await Promise.all([
    told(connections, () => finalizedFeatures(connections, brokers)),
    told(connections, async () => aclsOf(await connections.askAny(DESCRIBE_ACLS, EVERY_ACL))),
    told(connections, async () => quotasOf(await connections.askAny(DESCRIBE_CLIENT_QUOTAS, [], false))),
    told(connections, async () => scramUsersOf(await connections.askAny(DESCRIBE_SCRAM_USERS, []))),
  ])
  return { clusterId: clusterId ?? '', brokers, features, acls, quotas, scramUsers }
}

/** What does not answer takes nothing else with it, nor much time. */
async function told<Entry>({ where }: ClusterConnections, ask: () => Promise<Entry[]>): Promise<Told<Entry>> {
  const limitMs = LIMITS.clusterFactsPatienceMs
  const late = () => unreachable(where, `no answer within ${limitMs} ms`)
  try {
    return { entries: await withinTime(ask(), limitMs, late), unread: null }
  } catch (error) {
    return { entries: null, unread: failureName(ownFailure(error)) }
  }
}

async function finalizedFeatures(
  connections: ClusterConnections,
  brokers: readonly BrokerPlace[],
): Promise<FinalizedFeature[]> {
  let lost: unknown
  for (const broker of brokers.slice(0, FEATURE_BROKERS_MAX)) {
    try {
      return await fetchFeatures(await connections.link(broker))
    } catch (error) {
      if (!isKafkaBackupError(error, 'KB_CLUSTER_UNREACHABLE')) throw error
      lost = error
    }
  }
  if (lost !== undefined) throw lost
  return []
}

function aclsOf({ errorCode, resources }: AclAnswer): AclEntry[] {
  if (errorCode !== 0) throw brokerError(errorCode, 'reading the ACLs')
  const entries = resources.flatMap((resource) =>
    resource.acls.map(
      ({ principal, host, operation, permissionType }): AclEntry => ({
        resourceType: aclName('resourceType', resource.resourceType),
        resource: resource.resourceName,
        pattern: aclName('pattern', resource.resourcePatternType),
        principal,
        host,
        operation: aclName('operation', operation),
        permission: aclName('permission', permissionType),
      }),
    ),
  )
  return entries.sort(byAcl)
}

/** Order of ACLs in a document. */
export function byAcl(a: AclEntry, b: AclEntry): number {
  return (
    byText(a.resourceType, b.resourceType) ||
    byText(a.resource, b.resource) ||
    byText(a.pattern, b.pattern) ||
    byText(a.principal, b.principal) ||
    byText(a.host, b.host) ||
    byText(a.operation, b.operation) ||
    byText(a.permission, b.permission)
  )
}

function quotasOf({ errorCode, entries }: QuotaAnswer): QuotaEntry[] {
  if (errorCode !== 0) throw brokerError(errorCode, 'reading the client quotas')
  const quotas = (entries ?? []).flatMap(({ entity, values }) => {
    const parts = entity
      .map(({ entityType: type, entityName }) => ({ type, name: entityName ?? null }))
      .sort((a, b) => byText(a.type, b.type))
    return values.map(({ key, value }): QuotaEntry => ({ entity: parts, key, value: String(value) }))
  })
  return quotas.sort(byQuota)
}

/** Order of quotas in a document. */
export function byQuota(a: QuotaEntry, b: QuotaEntry): number {
  return byText(quotaKey(a), quotaKey(b))
}

/** What a quota is for and which one it is, as one text. */
export function quotaKey({ entity, key }: Pick<QuotaEntry, 'entity' | 'key'>): string {
  return JSON.stringify([entity.map(({ type, name }) => [type, name]), key])
}

function scramUsersOf({ errorCode, results }: ScramAnswer): ScramUser[] {
  if (errorCode !== 0) throw brokerError(errorCode, 'reading the SCRAM users')
  const users = results.flatMap(({ user, errorCode: own, credentialInfos }) => {
    // Users without those that may not be told would pass for all.
    if (own !== 0) throw brokerError(own, `reading the SCRAM credentials of "${user}"`)
    return credentialInfos.map(({ mechanism, iterations }): ScramUser => {
      return { user, mechanism: SCRAM_MECHANISMS.get(mechanism) ?? `UNKNOWN_${mechanism}`, iterations }
    })
  })
  return users.sort(byScramUser)
}

/** Order of SCRAM users in a document. */
export function byScramUser(a: ScramUser, b: ScramUser): number {
  return byText(a.user, b.user) || byText(a.mechanism, b.mechanism)
}

/** By code units, as in canonical JSON. */
function byText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
