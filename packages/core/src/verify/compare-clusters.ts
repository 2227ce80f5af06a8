import {
  type ClusterView,
  isSectionUnread,
  NO_AUTHORIZER,
  NO_ENTRIES,
  type Section,
} from '../format/cluster-document.ts'
import type { CapturedTopic } from '../format/topics-document.ts'
import { quotaKey } from '../kafka/cluster-administration.ts'
import type { AclEntry, BrokerPlace, QuotaEntry } from '../kafka/cluster-facts.ts'

/** Value of what has no other: a topic, or an ACL. */
const PRESENT = 'present'
const NO_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION'

/** What differs. `before` and `after` are its value on either side; null: it is not there. */
export type ClusterDifference = { readonly before: string | null; readonly after: string | null } & (
  | { readonly part: 'topic' | 'partitions' | 'replication_factor'; readonly topic: string }
  | { readonly part: 'setting'; readonly topic: string; readonly setting: string }
  | { readonly part: 'acl'; readonly acl: AclEntry }
  | { readonly part: 'quota'; readonly quota: Pick<QuotaEntry, 'entity' | 'key'> }
  | { readonly part: 'scram_user'; readonly user: string; readonly mechanism: string }
)

/** What could not be compared, as one of the sides was not read. */
export interface NotCompared {
  readonly part: 'topics' | 'acls' | 'quotas' | 'scram_users'
  /** null: all of the part. */
  readonly topic: string | null
  readonly side: 'before' | 'after'
  /** Kafka's name of the error; `NOT_CAPTURED`: no run has asked. */
  readonly reason: string
}

/** What is another cluster's by nature, or changes with its machines: no difference by itself. */
export interface ClusterRemark {
  readonly part: 'cluster_id' | 'broker' | 'feature'
  readonly name: string
  readonly before: string | null
  readonly after: string | null
}

/** What came of it. `incomplete`: nothing differs of what could be compared. */
export interface ClusterComparison {
  readonly verdict: 'equal' | 'incomplete' | 'differs'
  readonly differences: readonly ClusterDifference[]
  readonly notCompared: readonly NotCompared[]
  readonly remarks: readonly ClusterRemark[]
  /** How many of each were there before. */
  readonly compared: {
    readonly topics: number
    readonly acls: number
    readonly quotas: number
    readonly scramUsers: number
  }
}

/**
 * Compares topics, ACLs, quotas and SCRAM users (names, mechanisms, iterations: nobody tells secrets). null: no run has described
 * the cluster. Pure.
 */
export function compareClusters(before: ClusterView | null, after: ClusterView | null): ClusterComparison {
  const sides = { before, after }
  const notCompared: NotCompared[] = []
  const pairs = pairOfSections(sides, notCompared)
  const topics = pairOfTopics(sides, notCompared)
  const differences = [
    ...topicDifferences(topics, notCompared),
    ...pairUp(
      pairs.acls,
      (acl) => JSON.stringify(Object.values(acl)),
      () => PRESENT,
    ).map(({ entry: acl, ...values }) => ({ part: 'acl' as const, acl, ...values })),
    ...pairUp(pairs.quotas, quotaKey, ({ value }) => value).map(({ entry: { entity, key }, ...values }) => {
      return { part: 'quota' as const, quota: { entity, key }, ...values }
    }),
    ...pairUp(
      pairs.scramUsers,
      ({ user, mechanism }) => JSON.stringify([user, mechanism]),
      ({ iterations }) => String(iterations),
    ).map(({ entry: { user, mechanism }, ...values }) => ({
      part: 'scram_user' as const,
      user,
      mechanism,
      ...values,
    })),
  ]
  return {
    verdict: differences.length > 0 ? 'differs' : notCompared.length > 0 ? 'incomplete' : 'equal',
    differences,
    notCompared,
    remarks: before && after ? remarksOn(before, after) : [],
    compared: {
      topics: topics.before.length,
      acls: pairs.acls.before.length,
      quotas: pairs.quotas.before.length,
      scramUsers: pairs.scramUsers.before.length,
    },
  }
}

interface Pair<Entry> {
  readonly before: readonly Entry[]
  readonly after: readonly Entry[]
}

type Sides = { readonly before: ClusterView | null; readonly after: ClusterView | null }

const NONE = { before: [], after: [] } as const
const NOT_CAPTURED = 'NOT_CAPTURED'

function pairOfSections(sides: Sides, notCompared: NotCompared[]) {
  const pairOf = <Entry>(
    part: NotCompared['part'],
    sectionOf: (view: ClusterView) => Section<Entry>,
  ): Pair<Entry> => {
    const told = (side: NotCompared['side']): readonly Entry[] | null => {
      const view = sides[side]
      const section = view && sectionOf(view)
      if (section && !isSectionUnread(section)) return entriesNow(section)
      notCompared.push({ part, topic: null, side, reason: section?.unread ?? NOT_CAPTURED })
      return null
    }
    const before = told('before')
    const after = told('after')
    return before && after ? { before, after } : NONE
  }
  return {
    acls: pairOf('acls', ({ acls }) => acls),
    quotas: pairOf('quotas', ({ quotas }) => quotas),
    scramUsers: pairOf('scram_users', ({ scramUsers }) => scramUsers),
  }
}

/** What is carried over is not what the cluster said: it had none. */
function entriesNow<Entry>({ entries, unread }: Section<Entry>): readonly Entry[] {
  return unread === NO_ENTRIES || unread === NO_AUTHORIZER ? [] : (entries ?? [])
}

function pairOfTopics({ before, after }: Sides, notCompared: NotCompared[]): Pair<CapturedTopic> {
  const missing = (side: NotCompared['side']) =>
    notCompared.push({ part: 'topics', topic: null, side, reason: NOT_CAPTURED })
  if (!before?.topics) missing('before')
  if (!after?.topics) missing('after')
  return before?.topics && after?.topics ? { before: before.topics, after: after.topics } : NONE
}

function topicDifferences(topics: Pair<CapturedTopic>, notCompared: NotCompared[]): ClusterDifference[] {
  const there = ({ unread }: CapturedTopic) => unread !== NO_TOPIC
  const present = { before: topics.before.filter(there), after: topics.after.filter(there) }
  const names = pairUp(
    present,
    ({ name }) => name,
    () => PRESENT,
  )
  const gone = names.map(({ entry, ...values }) => ({ part: 'topic' as const, topic: entry.name, ...values }))
  const later = new Map(present.after.map((topic) => [topic.name, topic]))
  const changed = present.before.flatMap((topic) => {
    const now = later.get(topic.name)
    return now ? changesOf(topic, now, notCompared) : []
  })
  return [...gone, ...changed]
}

function changesOf(
  before: CapturedTopic,
  after: CapturedTopic,
  notCompared: NotCompared[],
): ClusterDifference[] {
  const topic = before.name
  const shape = (
    [
      ['partitions', before.partitions, after.partitions],
      ['replication_factor', before.replicationFactor, after.replicationFactor],
    ] as const
  ).flatMap(([part, was, is]) =>
    was === is ? [] : [{ part, topic, before: String(was), after: String(is) }],
  )
  const unread = (['before', 'after'] as const).flatMap((side) => {
    const { unread: reason, settings } = side === 'before' ? before : after
    return reason === null && settings
      ? []
      : [{ part: 'topics' as const, topic, side, reason: reason ?? NOT_CAPTURED }]
  })
  if (unread.length > 0) {
    notCompared.push(...unread)
    return shape
  }
  const pair = { before: overridesOf(before), after: overridesOf(after) }
  const settings = pairUp(
    pair,
    ({ name }) => name,
    ({ value }) => value ?? '(secret)',
  )
  return [
    ...shape,
    ...settings.map(({ entry, ...values }) => ({
      part: 'setting' as const,
      topic,
      setting: entry.name,
      ...values,
    })),
  ]
}

function overridesOf({ settings }: CapturedTopic) {
  return (settings ?? []).filter(({ source }) => source === 'topic')
}

/** Entries whose values are not the same on both sides, in the order of their keys. */
function pairUp<Entry>(
  { before, after }: Pair<Entry>,
  keyOf: (entry: Entry) => string,
  shownValue: (entry: Entry) => string,
) {
  const earlier = new Map(before.map((entry) => [keyOf(entry), entry]))
  const later = new Map(after.map((entry) => [keyOf(entry), entry]))
  const keys = [...new Set([...earlier.keys(), ...later.keys()])].sort()
  return keys.flatMap((key) => {
    const was = earlier.get(key)
    const is = later.get(key)
    const values = { before: was ? shownValue(was) : null, after: is ? shownValue(is) : null }
    return values.before === values.after ? [] : [{ entry: (was ?? is) as Entry, ...values }]
  })
}

function remarksOn(before: ClusterView, after: ClusterView): ClusterRemark[] {
  const ids = { before: before.clusterId, after: after.clusterId }
  const id = ids.before === ids.after ? [] : [{ part: 'cluster_id' as const, name: '', ...ids }]
  const place = ({ host, port, rack }: BrokerPlace) =>
    `${host}:${port}${rack === null ? '' : ` (rack ${rack})`}`
  const brokers = pairUp(
    { before: before.brokers, after: after.brokers },
    (broker) => String(broker.id),
    place,
  )
  const features = { before: before.features.entries ?? [], after: after.features.entries ?? [] }
  const levels = pairUp(
    features,
    ({ name }) => name,
    ({ level }) => String(level),
  )
  return [
    ...id,
    ...brokers.map(({ entry, ...values }) => ({
      part: 'broker' as const,
      name: String(entry.id),
      ...values,
    })),
    ...levels.map(({ entry, ...values }) => ({ part: 'feature' as const, name: entry.name, ...values })),
  ]
}
