export { openCluster } from '../kafka/client-cluster.ts'
export type { Cluster } from '../kafka/cluster.ts'
export type {
  AclEntry,
  FinalizedFeature,
  QuotaEntity,
  QuotaEntry,
  ScramUser,
} from '../kafka/cluster-facts.ts'
export { readCommitted } from '../kafka/committed-log.ts'
export type { ClusterSecurity } from '../kafka/security.ts'
export { mayUseTransactions } from '../kafka/transaction-coordinator.ts'
