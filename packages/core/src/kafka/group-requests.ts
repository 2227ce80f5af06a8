import type { LibraryApi } from './library-request.ts'

/** One group in an answer to ListGroups. Version 4 is the first with a state, 5 the first with a type; before, they are empty or left out. */
export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly groupState: string
  readonly groupType?: string
}

/** Empty filters let everything through. */
export const LIST_GROUPS: LibraryApi<
  [states: [], types: []],
  { readonly errorCode: number; readonly groups: readonly ListedGroup[] }
> = {
  name: 'ListGroups',
  key: 16,
  firstVersion: 2,
  flexibleFrom: 3,
  codecs: ['listGroupsV2', 'listGroupsV3', 'listGroupsV4', 'listGroupsV5'],
}

/** Offsets in an answer to OffsetFetch; below 0: none was committed. */
export interface FetchedOffsets {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly metadata: string | null | undefined
    readonly errorCode: number
  }[]
}

/** From version 8 on in `groups`; before, `topics` and `errorCode` are of the first group that was asked for, and of no other. */
export interface OffsetFetchAnswer {
  readonly groups: readonly {
    readonly groupId: string
    readonly topics: readonly FetchedOffsets[]
    readonly errorCode: number
  }[]
  readonly topics?: readonly FetchedOffsets[]
  readonly errorCode?: number
}

/** All partitions of a group for null. Version 5 is the first with leader epochs. */
export const OFFSET_FETCH: LibraryApi<
  [groups: { groupId: string; memberId: null; memberEpoch: number; topics: null }[], requireStable: boolean],
  OffsetFetchAnswer
> = {
  name: 'OffsetFetch',
  key: 9,
  firstVersion: 5,
  flexibleFrom: 6,
  codecs: ['offsetFetchV5', 'offsetFetchV6', 'offsetFetchV7', 'offsetFetchV8', 'offsetFetchV9'],
}

/** What a coordinator says of one group. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly groupId: string
  readonly groupState: string
  readonly members: readonly unknown[]
}

/** Classic groups; one that is none is `Dead`. */
export const DESCRIBE_GROUPS: LibraryApi<
  [groups: string[], withOperations: boolean],
  { readonly groups: readonly (DescribedGroup & { readonly protocolType: string })[] }
> = {
  name: 'DescribeGroups',
  key: 15,
  firstVersion: 2,
  flexibleFrom: 5,
  codecs: ['describeGroupsV2', 'describeGroupsV3', 'describeGroupsV4', 'describeGroupsV5'],
}

/** Groups of KIP-848. */
export const CONSUMER_GROUP_DESCRIBE: LibraryApi<
  [groups: string[], withOperations: boolean],
  { readonly groups: readonly DescribedGroup[] }
> = {
  name: 'ConsumerGroupDescribe',
  key: 69,
  firstVersion: 0,
  flexibleFrom: 0,
  codecs: ['consumerGroupDescribeV0'],
}
