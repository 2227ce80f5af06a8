/** A broker as clients of the listener are told of it. */
export interface BrokerPlace {
  readonly id: number
  readonly host: string
  readonly port: number
  /** null: none is set. */
  readonly rack: string | null
}

/** A feature of KIP-584 and the level that all brokers have agreed on, such as `metadata.version`. */
export interface FinalizedFeature {
  readonly name: string
  readonly level: number
}

/** One ACL, in the names of Kafka's enumerations; `UNKNOWN_17` for a number that has no name here. */
export interface AclEntry {
  readonly resourceType: string
  readonly resource: string
  /** `LITERAL` or `PREFIXED`. */
  readonly pattern: string
  /** Such as `User:alice`; any text. */
  readonly principal: string
  readonly host: string
  readonly operation: string
  /** `ALLOW` or `DENY`. */
  readonly permission: string
}

/** A part of what a quota is for. `name` null: the default of all that have none of their own. */
export interface QuotaEntity {
  /** Kafka's word, such as `user`, `client-id` or `ip`. */
  readonly type: string
  readonly name: string | null
}

/** One value of a client quota. */
export interface QuotaEntry {
  /** Ascending by type. */
  readonly entity: readonly QuotaEntity[]
  /** Such as `producer_byte_rate`. */
  readonly key: string
  /** The shortest decimal form of the 64-bit float. */
  readonly value: string
}

/** That a user has a credential; nobody gives out what it is. */
export interface ScramUser {
  readonly user: string
  /** Such as `SCRAM-SHA-512`. */
  readonly mechanism: string
  readonly iterations: number
}

/** What was answered, or Kafka's name of the error. */
export type Told<Entry> =
  | { readonly entries: readonly Entry[]; readonly unread: null }
  | { readonly entries: null; readonly unread: string }

/** What a cluster tells of itself beside its topics and groups. Lists are in the order of docs/format/artifacts.md. */
export interface ClusterFacts {
  readonly clusterId: string
  /** Ascending by id. */
  readonly brokers: readonly BrokerPlace[]
  readonly features: Told<FinalizedFeature>
  readonly acls: Told<AclEntry>
  readonly quotas: Told<QuotaEntry>
  readonly scramUsers: Told<ScramUser>
}
