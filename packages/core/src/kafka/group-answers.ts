import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import { settleAll } from '../runtime/settle-all.ts'
import type { BrokerAddress } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import type { CommittedOffset, GroupType } from './consumer-group.ts'
import { type GroupPatience, ownFailure } from './group-patience.ts'
import {
  CONSUMER_GROUP_DESCRIBE,
  DESCRIBE_GROUPS,
  type DescribedGroup,
  type FetchedOffsets,
  OFFSET_FETCH,
} from './group-requests.ts'
import { brokerError } from './kafka-error.ts'

/** A group to ask about. */
export interface AskedGroup {
  readonly group: string
  readonly type: GroupType
}

/** How a group stands; absent parts were not told. */
export interface DescribedState {
  readonly state: string
  readonly members: number
  readonly protocolType: string
}

/** What a coordinator said of a group: its offsets, or why there are none. */
export type GroupAnswer = { readonly described?: DescribedState | undefined } & (
  | { readonly offsets: readonly CommittedOffset[]; readonly failure?: undefined }
  | { readonly failure: KafkaBackupError; readonly offsets?: undefined }
)

const UNKNOWN_SERVER_ERROR = -1
/** For clients that are no members. */
const NO_EPOCH = -1
/** Offsets of transactions that are open are as good as not committed. */
const REQUIRE_STABLE = false

/** Asks one broker for offsets and states of groups that it coordinates, some at a time. Every group gets an answer. */
export async function askCoordinator(
  connections: ClusterConnections,
  coordinator: BrokerAddress,
  groups: readonly AskedGroup[],
  patience: GroupPatience,
): Promise<Map<string, GroupAnswer>> {
  const asking = { connections, coordinator, patience }
  const offsets = new Map<string, GroupAnswer>()
  const states = new Map<string, DescribedState>()
  await settleAll([fetchOffsets(asking, groups, offsets), describeGroups(asking, groups, states)])
  return new Map(
    groups.map(({ group }) => {
      const answer = offsets.get(group) ?? { failure: failureOf(UNKNOWN_SERVER_ERROR, group) }
      return [group, { ...answer, described: states.get(group) }]
    }),
  )
}

/** Who is asked. */
export interface Asking {
  readonly connections: ClusterConnections
  readonly coordinator: BrokerAddress
  readonly patience: GroupPatience
}

/** Their offsets alone. */
export async function fetchOffsets(
  asking: Asking,
  groups: readonly AskedGroup[],
  answers: Map<string, GroupAnswer>,
): Promise<void> {
  let size: number = LIMITS.groupsPerRequest
  for (let at = 0; at < groups.length; ) {
    const some = groups.slice(at, at + size).map(({ group }) => group)
    try {
      const isOfAll = await fetchSome(asking, some, answers)
      if (!isOfAll) size = 1
      at += isOfAll ? some.length : 1
    } catch (error) {
      const failure = ownFailure(error)
      for (const group of some) answers.set(group, { failure })
      at += some.length
    }
  }
}

/** False: the broker is an old one, which knows one group a request; its answer is of the first one. */
async function fetchSome(
  { connections, coordinator, patience }: Asking,
  groups: readonly string[],
  answers: Map<string, GroupAnswer>,
): Promise<boolean> {
  const question = groups.map((groupId) => ({
    groupId,
    memberId: null,
    memberEpoch: NO_EPOCH,
    topics: null,
  }))
  const asked = connections.ask(coordinator, OFFSET_FETCH, question, REQUIRE_STABLE)
  const answer = await patience.within(nameOf(coordinator), asked)
  const { topics, errorCode = 0 } = answer
  if (!topics) {
    for (const entry of answer.groups)
      answers.set(entry.groupId, offsetsOf(entry.groupId, entry.topics, entry.errorCode))
    return true
  }
  const [first = ''] = groups
  answers.set(first, offsetsOf(first, topics, errorCode))
  return groups.length === 1
}

/** A group with a partition that may not be told is one that cannot be read: half of its offsets would pass for all. */
function offsetsOf(group: string, topics: readonly FetchedOffsets[], errorCode: number): GroupAnswer {
  const entries = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((entry) => ({ topic, ...entry })),
  )
  const refused = errorCode || entries.find((entry) => entry.errorCode !== 0)?.errorCode
  if (refused) return { failure: failureOf(refused, group) }
  const offsets = entries
    .filter(({ committedOffset }) => committedOffset >= 0n)
    .map((entry) => ({
      topic: entry.topic,
      partition: entry.partitionIndex,
      offset: entry.committedOffset,
      leaderEpoch: Math.max(entry.committedLeaderEpoch, -1),
      metadata: entry.metadata ?? '',
    }))
  return { offsets }
}

/** What is not told is left out: nothing depends on it. */
async function describeGroups(
  asking: Asking,
  groups: readonly AskedGroup[],
  states: Map<string, DescribedState>,
): Promise<void> {
  const namesOf = (...types: readonly GroupType[]) =>
    groups.filter(({ type }) => types.includes(type)).map(({ group }) => group)
  await settleAll([
    inTurn(namesOf('classic', 'unknown'), async (some) => {
      const answer = asking.connections.ask(asking.coordinator, DESCRIBE_GROUPS, some, false)
      const told = await asking.patience.within(nameOf(asking.coordinator), answer)
      for (const entry of told.groups) note(states, entry, entry.protocolType)
    }),
    inTurn(namesOf('consumer'), async (some) => {
      const answer = asking.connections.ask(asking.coordinator, CONSUMER_GROUP_DESCRIBE, some, false)
      const told = await asking.patience.within(nameOf(asking.coordinator), answer)
      for (const entry of told.groups) note(states, entry, '')
    }),
  ])
}

function note(states: Map<string, DescribedState>, entry: DescribedGroup, protocolType: string): void {
  if (entry.errorCode !== 0) return
  states.set(entry.groupId, { state: entry.groupState, members: entry.members.length, protocolType })
}

async function inTurn(groups: readonly string[], ask: (some: string[]) => Promise<void>): Promise<void> {
  try {
    for (let at = 0; at < groups.length; at += LIMITS.groupsPerRequest)
      await ask(groups.slice(at, at + LIMITS.groupsPerRequest))
  } catch (error) {
    ownFailure(error)
  }
}

function failureOf(errorCode: number, group: string): KafkaBackupError {
  return brokerError(errorCode, `reading the offsets of group "${group}"`)
}

function nameOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}
