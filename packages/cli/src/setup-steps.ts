import type { CapturedTopic, ClusterDocument, QuotaEntry, Section } from '@kafka-backup/core'
import { isSectionUnread, NO_AUTHORIZER } from '@kafka-backup/core/repository'
import { isShellWord } from '@kafka-backup/core/runtime'
import { aclSteps } from './acl-steps.ts'
import type { KnownCluster } from './read-cluster.ts'
import { entityText } from './render/cluster-text.ts'
import { quotedText } from './render/shown-name.ts'
import { plural } from './render/units.ts'

/** One call of one of Kafka's tools. */
export interface SetupStep {
  readonly tool: 'kafka-topics' | 'kafka-acls' | 'kafka-configs'
  /** Of the tool, behind those that say where the cluster is. Any text. */
  readonly words: readonly string[]
  /** For people, in one line. */
  readonly what: string
}

/** What no step sets up. */
export interface LeftOut {
  readonly what: string
  readonly reason: string
  /** False: there was nothing to set up, such as a topic that brokers create by themselves. */
  readonly isMissing: boolean
}

/** How a cluster is set up as a backup knows its source. */
export interface SetupPlan {
  readonly steps: readonly SetupStep[]
  readonly left: readonly LeftOut[]
}

/** Topics that brokers create when they need them. */
const OF_BROKERS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
  '__cluster_metadata',
])
const GONE = 'UNKNOWN_TOPIC_OR_PARTITION'
/** Java trims words at both ends of what it calls white space, and the tools trim some of theirs. */
const TRIMMED = /^[\0- ]|[\0- ]$/

/** Topics, then ACLs, then quotas. Pure. */
export function planSetup({ cluster, topics }: KnownCluster): SetupPlan {
  const steps: SetupStep[] = []
  const left: LeftOut[] = []
  const add = (plan: SetupPlan) => {
    steps.push(...plan.steps)
    left.push(...plan.left)
  }
  if (!topics) left.push(notKnown('topics', 'not captured'))
  for (const topic of topics?.topics ?? []) add(topicPlan(topic))
  if (!cluster) left.push(notKnown('ACLs, client quotas and SCRAM users', 'not captured'))
  else {
    left.push(...unreadOf('ACLs', cluster.acls), ...unreadOf('client quotas', cluster.quotas))
    add(aclSteps(cluster.acls.entries ?? []))
    add(quotaPlan(cluster.quotas.entries ?? []))
    left.push(...unreadOf('SCRAM users', cluster.scramUsers), ...newSecrets(cluster))
  }
  return { steps, left }
}

function notKnown(what: string, reason: string): LeftOut {
  return { what, reason, isMissing: true }
}

/** What is carried over is set up all the same: a cluster that answers with nothing may be the one that has lost it. */
function unreadOf(what: string, section: Section<unknown>): LeftOut[] {
  const { entries, unread } = section
  if (unread === null || (unread === NO_AUTHORIZER && !entries?.length)) return []
  const reason = entries === null ? `not read (${unread})` : `not read at last (${unread}): those of before`
  return [{ what, reason, isMissing: isSectionUnread(section) && entries === null }]
}

function newSecrets({ scramUsers }: ClusterDocument): LeftOut[] {
  const byUser = Map.groupBy(scramUsers.entries ?? [], ({ user }) => user)
  return [...byUser].map(([user, credentials]) => {
    const kinds = credentials.map(({ mechanism, iterations }) => `${mechanism}, ${iterations} iterations`)
    const what = `SCRAM user ${quotedText(user)}`
    return { what, reason: `needs a new secret: ${kinds.join('; ')}`, isMissing: false }
  })
}

function topicPlan(topic: CapturedTopic): SetupPlan {
  const { name, partitions, replicationFactor, settings, unread } = topic
  const nothing = (reason: string) => ({
    steps: [],
    left: [{ what: `topic ${name}`, reason, isMissing: false }],
  })
  if (OF_BROKERS.has(name)) return nothing('brokers create it themselves')
  if (unread === GONE) return nothing('it was deleted at the source')
  const own = (settings ?? []).filter(({ source }) => source === 'topic')
  const left: LeftOut[] = own.flatMap(({ name: setting, value }) => {
    const reason = value === null ? 'its value is secret' : toolObjection(value)
    return reason === null ? [] : [notKnown(`setting ${quotedText(setting)} of topic ${name}`, reason)]
  })
  if (!settings) left.push(notKnown(`settings of topic ${name}`, `not read (${unread})`))
  const given = own.filter(({ value }) => value !== null && toolObjection(value) === null)
  const words = [
    ...['--create', '--if-not-exists', `--topic=${name}`],
    ...[`--partitions=${partitions}`, `--replication-factor=${replicationFactor}`],
    ...given.map(({ name: setting, value }) => `--config=${setting}=${value}`),
  ]
  const shape = `${plural(partitions, 'partition')}, replication factor ${replicationFactor}`
  const what = `topic ${name}: ${shape}${given.length === 0 ? '' : `, ${plural(given.length, 'setting')}`}`
  return { steps: [{ tool: 'kafka-topics', words, what }], left }
}

/** Why kafka-topics would take a value for another one; null: it would not. */
function toolObjection(value: string): string | null {
  return value === '' || value.includes('=') || TRIMMED.test(value) || !isShellWord(value)
    ? 'kafka-topics cannot say its value'
    : null
}

const ENTITY_FLAGS: Readonly<Record<string, { readonly named: string; readonly others: string }>> = {
  user: { named: '--user', others: '--user-defaults' },
  'client-id': { named: '--client', others: '--client-defaults' },
  ip: { named: '--ip', others: '--ip-defaults' },
}

function quotaPlan(quotas: readonly QuotaEntry[]): SetupPlan {
  const byEntity = Map.groupBy(quotas, ({ entity }) => JSON.stringify(entity))
  const plans = [...byEntity.values()].map((own): SetupPlan => {
    const { entity } = own[0] as QuotaEntry
    const what = `client quotas of ${entityText(entity)}`
    const flags = entity.map(({ type, name }) => {
      const flag = ENTITY_FLAGS[type]
      return flag && (name === null ? flag.others : `${flag.named}=${name}`)
    })
    const isSayable =
      flags.every((flag) => flag !== undefined && isShellWord(flag)) &&
      own.every(({ key }) => /^[\w.-]+$/.test(key))
    if (!isSayable) return { steps: [], left: [notKnown(what, 'kafka-configs cannot say it')] }
    const values = own.map(({ key, value }) => `${key}=${value}`).join(',')
    const words = ['--alter', ...(flags as string[]), `--add-config=${values}`]
    return { steps: [{ tool: 'kafka-configs', words, what: `${what}: ${values}` }], left: [] }
  })
  return { steps: plans.flatMap(({ steps }) => steps), left: plans.flatMap(({ left }) => left) }
}
