/** Enumerations of org.apache.kafka.common.acl and .resource, by their codes in the protocol. */
const NAMES = {
  resourceType: new Map([
    [2, 'TOPIC'],
    [3, 'GROUP'],
    [4, 'CLUSTER'],
    [5, 'TRANSACTIONAL_ID'],
    [6, 'DELEGATION_TOKEN'],
    [7, 'USER'],
  ]),
  pattern: new Map([
    [3, 'LITERAL'],
    [4, 'PREFIXED'],
  ]),
  operation: new Map([
    [2, 'ALL'],
    [3, 'READ'],
    [4, 'WRITE'],
    [5, 'CREATE'],
    [6, 'DELETE'],
    [7, 'ALTER'],
    [8, 'DESCRIBE'],
    [9, 'CLUSTER_ACTION'],
    [10, 'DESCRIBE_CONFIGS'],
    [11, 'ALTER_CONFIGS'],
    [12, 'IDEMPOTENT_WRITE'],
    [13, 'CREATE_TOKENS'],
    [14, 'DESCRIBE_TOKENS'],
    [15, 'TWO_PHASE_COMMIT'],
  ]),
  permission: new Map([
    [2, 'DENY'],
    [3, 'ALLOW'],
  ]),
} as const

/** Kafka's name of a code; `UNKNOWN_{code}` for one that a newer Kafka may know. */
export function aclName(kind: keyof typeof NAMES, code: number): string {
  return NAMES[kind].get(code) ?? `UNKNOWN_${code}`
}
