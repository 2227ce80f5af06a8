import type { ClusterDocument } from '../../src/format/cluster-document.ts'
import { byQuota } from '../../src/kafka/cluster-administration.ts'
import type { AclEntry, QuotaEntry } from '../../src/kafka/cluster-facts.ts'

/** What shells, terminals and JSON get wrong. */
export const STRANGE_NAME = `it's "x"\n$(touch pwned) ünï 群\u001b`

export function aclOf(changes: Partial<AclEntry> = {}): AclEntry {
  return {
    ...{ resourceType: 'TOPIC', resource: 'orders', pattern: 'LITERAL', principal: 'User:alice' },
    ...{ host: '*', operation: 'READ', permission: 'ALLOW' },
    ...changes,
  }
}

/** A document with something in every place. */
export const CLUSTER_SAMPLE: ClusterDocument = {
  backupId: 'daily',
  writer: '0badc0de',
  readAtMs: 1_764_000_000_000n,
  clusterId: 'c1',
  brokers: [
    { id: 1, host: 'broker-1', port: 9092, rack: null },
    { id: 2, host: 'broker-2', port: 9092, rack: 'a b' },
  ],
  features: { entries: [{ name: 'metadata.version', level: 21 }], unread: null, readAtMs: null },
  acls: {
    entries: [aclOf(), aclOf({ operation: 'WRITE' }), aclOf({ principal: `User:${STRANGE_NAME}` })],
    unread: null,
    readAtMs: null,
  },
  quotas: {
    entries: (
      [
        { entity: [{ type: 'user', name: null }], key: 'consumer_byte_rate', value: '50000000000' },
        {
          entity: [
            { type: 'client-id', name: STRANGE_NAME },
            { type: 'user', name: 'bob' },
          ],
          key: 'producer_byte_rate',
          value: '12.25',
        },
      ] satisfies QuotaEntry[]
    ).sort(byQuota),
    unread: 'CLUSTER_AUTHORIZATION_FAILED',
    readAtMs: 1_763_000_000_000n,
  },
  scramUsers: { entries: null, unread: 'UNSUPPORTED_VERSION', readAtMs: null },
}
