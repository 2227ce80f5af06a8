import type { LibraryApi } from './library-request.ts'

/** One topic in an answer to Metadata. Ids are hyphened hex, all zeros where the version has none. */
export interface MetadataTopic {
  readonly errorCode: number
  readonly name: string | null | undefined
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly leaderId: number
    readonly leaderEpoch: number
    readonly replicaNodes: readonly number[]
    readonly isrNodes: readonly number[]
  }[]
  /** Bits of what the account may do; from version 8 on, when it was asked for. */
  readonly topicAuthorizedOperations?: number
}

/** An answer to Metadata. */
export interface MetadataAnswer {
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly rack?: string | null | undefined
  }[]
  readonly clusterId: string | null | undefined
  readonly controllerId: number
  readonly topics: readonly MetadataTopic[]
}

/** All topics for null. Version 7 is the first with leader epochs, 10 the first with topic ids. */
export const METADATA: LibraryApi<
  [topics: string[] | null, isCreating: boolean, withOperations: boolean],
  MetadataAnswer
> = {
  name: 'Metadata',
  key: 3,
  firstVersion: 7,
  flexibleFrom: 9,
  codecs: ['metadataV7', 'metadataV8', 'metadataV9', 'metadataV10', 'metadataV11', 'metadataV12'],
}

interface OffsetQuestion {
  readonly name: string
  readonly partitions: { partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }[]
}

interface OffsetAnswer {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly offset: bigint
    }[]
  }[]
}

/** Consumers have the replica id -1. Isolation 1 ends at the last stable offset. */
export const LIST_OFFSETS: LibraryApi<
  [replicaId: number, isolation: number, topics: OffsetQuestion[]],
  OffsetAnswer
> = {
  name: 'ListOffsets',
  key: 2,
  firstVersion: 4,
  flexibleFrom: 6,
  codecs: [
    'listOffsetsV4',
    'listOffsetsV5',
    'listOffsetsV6',
    'listOffsetsV7',
    'listOffsetsV8',
    'listOffsetsV9',
  ],
}

interface EpochTopicQuestion {
  readonly name: string
  readonly partitions: { partitionIndex: number; currentLeaderEpoch: number; leaderEpoch: number }[]
}

interface EpochAnswer {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly errorCode: number
      readonly partition: number
      readonly leaderEpoch: number
      readonly endOffset: bigint
    }[]
  }[]
}

/** Version 3 is the first with a replica id. */
export const OFFSET_FOR_LEADER_EPOCH: LibraryApi<
  [replicaId: number, topics: EpochTopicQuestion[]],
  EpochAnswer
> = {
  name: 'OffsetForLeaderEpoch',
  key: 23,
  firstVersion: 2,
  flexibleFrom: 4,
  codecs: ['offsetForLeaderEpochV2', 'offsetForLeaderEpochV3', 'offsetForLeaderEpochV4'],
}

/** Which settings of one topic (2) or broker (4, named by its id) are asked for. */
export interface ConfigQuestion {
  readonly resourceType: 2 | 4
  readonly resourceName: string
  /** null: all. The library encodes it, and does not say so. */
  readonly configurationKeys: string[]
}

interface ConfigAnswer {
  readonly results: readonly {
    readonly errorCode: number
    readonly errorMessage?: string | null | undefined
    readonly resourceName: string
    readonly configs: readonly {
      readonly name: string
      readonly value: string | null | undefined
      readonly configSource: number
      readonly isSensitive: boolean
    }[]
  }[]
}

export const DESCRIBE_CONFIGS: LibraryApi<
  [resources: ConfigQuestion[], withSynonyms: boolean, withDocumentation: boolean],
  ConfigAnswer
> = {
  name: 'DescribeConfigs',
  key: 32,
  firstVersion: 1,
  flexibleFrom: 4,
  codecs: ['describeConfigsV1', 'describeConfigsV2', 'describeConfigsV3', 'describeConfigsV4'],
}

interface CreateQuestion {
  readonly name: string
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments: []
  readonly configs: { name: string; value: string }[]
}

/** An answer to CreateTopics. */
export interface CreateAnswer {
  readonly topics: readonly {
    readonly name: string
    readonly errorCode: number
    readonly errorMessage?: string | null | undefined
    /** From version 5 on; empty where the account may not see them. */
    readonly configs?: readonly { readonly name: string; readonly value: string | null | undefined }[] | null
  }[]
}

/** Version 4 is the first that takes -1 for the cluster's default of replicas (KIP-464). */
export const CREATE_TOPICS: LibraryApi<
  [topics: CreateQuestion[], timeoutMs: number, isTrial: boolean],
  CreateAnswer
> = {
  name: 'CreateTopics',
  key: 19,
  firstVersion: 4,
  flexibleFrom: 5,
  codecs: ['createTopicsV4', 'createTopicsV5', 'createTopicsV6', 'createTopicsV7'],
}

interface DeletionAnswer {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly lowWatermark: bigint
      readonly errorCode: number
    }[]
  }[]
}

export const DELETE_RECORDS: LibraryApi<
  [topics: { name: string; partitions: { partitionIndex: number; offset: bigint }[] }[], timeoutMs: number],
  DeletionAnswer
> = {
  name: 'DeleteRecords',
  key: 21,
  firstVersion: 0,
  flexibleFrom: 2,
  codecs: ['deleteRecordsV0', 'deleteRecordsV1', 'deleteRecordsV2'],
}

type ConfigChange =
  | { readonly name: string; readonly configOperation: 0; readonly value: string }
  | { readonly name: string; readonly configOperation: 1 }

/** Changes of the settings of one topic. */
export interface ConfigResource {
  readonly resourceType: 2
  readonly resourceName: string
  readonly configs: ConfigChange[]
}

/** Kafka 2.3 and later (KIP-339). Operation 0 sets a value, 1 removes it. */
export const ALTER_CONFIGS: LibraryApi<
  [resources: ConfigResource[], isTrial: boolean],
  {
    readonly responses: readonly {
      readonly errorCode: number
      readonly errorMessage: string | null | undefined
      readonly resourceName: string
    }[]
  }
> = {
  name: 'IncrementalAlterConfigs',
  key: 44,
  firstVersion: 0,
  flexibleFrom: 1,
  codecs: ['incrementalAlterConfigsV0', 'incrementalAlterConfigsV1'],
}

interface ProducersAnswer {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly activeProducers: readonly {
        readonly producerId: bigint
        readonly producerEpoch: number
        readonly lastTimestamp: bigint
        readonly currentTxnStartOffset: bigint
      }[]
    }[]
  }[]
}

export const DESCRIBE_PRODUCERS: LibraryApi<
  [topics: { name: string; partitionIndexes: number[] }[]],
  ProducersAnswer
> = {
  name: 'DescribeProducers',
  key: 61,
  firstVersion: 0,
  flexibleFrom: 0,
  codecs: ['describeProducersV0'],
}

interface TransactionsAnswer {
  readonly errorCode: number
  readonly transactionStates: readonly { readonly transactionalId: string; readonly producerId: bigint }[]
}

/** Durations below 0 filter nothing; so do empty lists and null. */
export const LIST_TRANSACTIONS: LibraryApi<
  [states: [], producerIds: bigint[], durationMs: bigint, idPattern: null],
  TransactionsAnswer
> = {
  name: 'ListTransactions',
  key: 66,
  firstVersion: 0,
  flexibleFrom: 0,
  codecs: ['listTransactionsV0', 'listTransactionsV1', 'listTransactionsV2'],
}

/** One transaction as its coordinator knows it. */
export interface TransactionState {
  readonly errorCode: number
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly transactionStartTimeMs: bigint
  readonly producerId: bigint
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
}

export const DESCRIBE_TRANSACTIONS: LibraryApi<
  [transactionalIds: string[]],
  { readonly transactionStates: readonly TransactionState[] }
> = {
  name: 'DescribeTransactions',
  key: 65,
  firstVersion: 0,
  flexibleFrom: 0,
  codecs: ['describeTransactionsV0'],
}
