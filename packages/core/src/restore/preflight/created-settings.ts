import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { HeldSetting } from '../../format/restore-ledger.ts'
import type { Cluster } from '../../kafka/cluster.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'
import {
  CLEANUP_POLICY,
  DELETES_ALL,
  heldInstead,
  REPLICATION_FACTOR,
  RETENTION_MS,
  type SettingNote,
  type WantedTopic,
  wouldDeleteAll,
} from './captured-settings.ts'

type Values = ReadonlyMap<string, string>

const MIN_IN_SYNC = 'min.insync.replicas'
const LACKS_ALTER =
  'it could not be set when the restore is done, because the account lacks the ACL AlterConfigs'

/** How many replicas a topic is created with, and those settings of its source that nobody has beaten. */
export function wantedShape(
  { targetTopic: topic, configOverrides }: TopicRestorePlan,
  { overrides, replicationFactor: captured, unread }: WantedTopic,
  { replicationFactor, brokers }: { readonly replicationFactor: number; readonly brokers: number },
): { readonly replicas: number; readonly values: Map<string, string>; readonly notes: SettingNote[] } {
  const notes: SettingNote[] = []
  const replicas = replicationFactor === -1 ? Math.min(captured, brokers) : replicationFactor
  const change = (name: string, from: string, value: string, reason: string): void =>
    void notes.push({ topic, name, captured: from, value, kind: 'changed', reason })
  if (replicationFactor === -1 && replicas < captured)
    change(REPLICATION_FACTOR, String(captured), String(replicas), 'the target has no more brokers')
  if (unread !== null)
    notes.push({
      topic,
      name: '*',
      captured: '?',
      value: null,
      kind: 'left_out',
      reason: `they were not read: ${unread}`,
    })
  const values = new Map([...overrides].filter(([name]) => !configOverrides.has(name)))
  const minInSync = values.get(MIN_IN_SYNC)
  if (minInSync !== undefined && Number(minInSync) > replicas) {
    values.set(MIN_IN_SYNC, String(replicas))
    change(MIN_IN_SYNC, minInSync, String(replicas), 'there are no more replicas')
  }
  return { replicas, values, notes }
}

/** What a topic has while records are written, and what it gets when they are. */
export interface HeldCreation {
  /** What it is created with. */
  readonly values: Values
  readonly held: readonly HeldSetting[]
  readonly notes: readonly SettingNote[]
}

/** `cleanupPolicy`: what the topic has in the end. */
export async function holdSettings(
  cluster: Pick<Cluster, 'changeTopicSettings'>,
  topic: TopicRestorePlan,
  accepted: Values,
  options: {
    readonly cleanupPolicy: string | undefined
    readonly isHolding: boolean
    readonly nowMs: number
  },
): Promise<HeldCreation> {
  const { targetTopic, configOverrides } = topic
  const held: HeldSetting[] = []
  const notes: SettingNote[] = []
  const values = new Map(accepted)
  // Retention that somebody gave would delete from a topic that is not compacted yet.
  const isRetentionGiven = configOverrides.has(RETENTION_MS) || configOverrides.has('retention.bytes')
  for (const [name, original] of accepted) {
    const instead = name === CLEANUP_POLICY && isRetentionGiven ? null : heldInstead(name, original)
    if (instead === null) continue
    values.set(name, instead)
    const isAll = name === RETENTION_MS && !options.isHolding && wouldDeleteAll(topic, original, options)
    if (isAll) notes.push({ ...noteOf(name, original, instead), reason: DELETES_ALL })
    else held.push({ topic: targetTopic, name, held: instead, original })
  }
  if (held.length === 0 || (await mayAlter(cluster, held))) return { values, held, notes }
  for (const { name, held: instead, original } of held) {
    // Compacted from the beginning, it is at least what it was.
    if (name === CLEANUP_POLICY) values.set(name, original ?? instead)
    else notes.push({ ...noteOf(name, original ?? '', instead), reason: LACKS_ALTER })
  }
  return { values, held: [], notes }

  function noteOf(name: string, captured: string, value: string) {
    return { topic: targetTopic, name, captured, value, kind: 'changed' as const }
  }
}

/** Asked of a topic that is not there yet: brokers look at the right first. */
async function mayAlter(
  cluster: Pick<Cluster, 'changeTopicSettings'>,
  held: readonly HeldSetting[],
): Promise<boolean> {
  try {
    await cluster.changeTopicSettings(
      held.map(({ topic, name, held: value }) => ({ topic, name, value })),
      true,
    )
    return true
  } catch (error) {
    return !isKafkaBackupError(error, 'KB_CLUSTER_PERMISSION')
  }
}
