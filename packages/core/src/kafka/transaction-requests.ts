import type { LibraryApi } from './library-request.ts'

/** Key type 0: groups, 1: transactional ids. From version 4 on it takes several keys; before, it leaves them out of the answer. */
export const FIND_COORDINATOR: LibraryApi<
  [keyType: number, keys: string[]],
  {
    readonly coordinators: readonly {
      readonly key: string
      readonly nodeId: number
      readonly host: string
      readonly port: number
      readonly errorCode: number
      readonly errorMessage: string | null | undefined
    }[]
  }
> = {
  name: 'FindCoordinator',
  key: 10,
  firstVersion: 1,
  flexibleFrom: 3,
  codecs: [
    'findCoordinatorV1',
    'findCoordinatorV2',
    'findCoordinatorV3',
    'findCoordinatorV4',
    'findCoordinatorV5',
    'findCoordinatorV6',
  ],
}

/** From version 3 on the own id and epoch may be given (KIP-360), which older ones leave out without a word. */
export const INIT_TRANSACTIONS: LibraryApi<
  [transactionalId: string, timeoutMs: number, producerId: bigint, producerEpoch: number],
  { readonly errorCode: number; readonly producerId: bigint; readonly producerEpoch: number }
> = {
  name: 'InitProducerId',
  key: 22,
  firstVersion: 0,
  flexibleFrom: 2,
  codecs: [
    'initProducerIdV0',
    'initProducerIdV1',
    'initProducerIdV2',
    'initProducerIdV3',
    'initProducerIdV4',
  ],
}

interface AddQuestion {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly verifyOnly: boolean
  readonly topics: { name: string; partitions: number[] }[]
}

/** Version 4 is for brokers only. */
export const ADD_PARTITIONS: LibraryApi<
  [transactions: AddQuestion[]],
  {
    readonly resultsByTransaction: readonly {
      readonly topicResults: readonly {
        readonly name: string
        readonly resultsByPartition: readonly {
          readonly partitionIndex: number
          readonly partitionErrorCode: number
        }[]
      }[]
    }[]
  }
> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  firstVersion: 0,
  flexibleFrom: 3,
  codecs: ['addPartitionsToTxnV0', 'addPartitionsToTxnV1', 'addPartitionsToTxnV2', 'addPartitionsToTxnV3'],
}

/** Version 5 would raise the epoch with every transaction (KIP-890), and sequences would begin anew each time. */
export const END_TRANSACTION: LibraryApi<
  [transactionalId: string, producerId: bigint, producerEpoch: number, isCommit: boolean],
  { readonly errorCode: number }
> = {
  name: 'EndTxn',
  key: 26,
  firstVersion: 0,
  flexibleFrom: 3,
  codecs: ['endTxnV0', 'endTxnV1', 'endTxnV2', 'endTxnV3'],
}
