import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'
import { LIMITS } from '../runtime/limits.ts'
import type { BrokerAddress, SettingSource, TopicSettings } from './cluster.ts'
import type { ClusterConnections } from './cluster-connections.ts'
import { readMetadata } from './cluster-metadata.ts'
import { type ConfigQuestion, DESCRIBE_CONFIGS } from './cluster-requests.ts'
import { brokerError } from './kafka-error.ts'

const TOPIC_RESOURCE = 2
const BROKER_RESOURCE = 4
/** org.apache.kafka.clients.admin.ConfigEntry.ConfigSource; those that are not here are defaults, or not told. */
const SOURCES: ReadonlyMap<number, SettingSource> = new Map([
  [1, 'topic'],
  [2, 'broker'],
  [3, 'cluster'],
  [4, 'static'],
])

/** Asks for some hundred topics at a time: an answer has about forty settings of each, four kilobytes. */
export async function topicSettings(
  connections: ClusterConnections,
  topics: readonly string[],
  names: readonly string[] | null,
): Promise<Map<string, TopicSettings>> {
  const told = new Map<string, TopicSettings>()
  for (let at = 0; at < topics.length; at += LIMITS.describedTopicsMax) {
    const asked = topics.slice(at, at + LIMITS.describedTopicsMax)
    const resources = asked.map((resourceName) => {
      const configurationKeys = (names && [...names]) as string[]
      return { resourceType: TOPIC_RESOURCE, resourceName, configurationKeys } as const
    })
    const { results } = await connections.askAny(DESCRIBE_CONFIGS, resources, false, false)
    for (const { errorCode, resourceName, configs } of results) {
      told.set(resourceName, errorCode === 0 ? settingsOf(configs) : unreadBecause(errorCode))
    }
  }
  return told
}

/** Each broker knows only its own: one that is gone, or does not tell this account, is left out. */
export async function brokerSetting(
  connections: ClusterConnections,
  name: string,
): Promise<Map<number, string>> {
  const { brokers } = await readMetadata(connections, [])
  const asked = [...brokers].map(async ([id, broker]) => {
    return [id, await ownSetting(connections, id, broker, name)] as const
  })
  const told = new Map<number, string>()
  for (const [id, value] of await Promise.all(asked)) if (value !== null) told.set(id, value)
  return told
}

async function ownSetting(
  connections: ClusterConnections,
  id: number,
  broker: BrokerAddress,
  name: string,
): Promise<string | null> {
  const question: ConfigQuestion = {
    resourceType: BROKER_RESOURCE,
    resourceName: String(id),
    configurationKeys: [name],
  }
  try {
    const { results } = await connections.ask(broker, DESCRIBE_CONFIGS, [question], false, false)
    return results.flatMap(({ configs }) => configs).find((own) => own.name === name)?.value ?? null
  } catch (error) {
    if (isKafkaBackupError(error, 'KB_CLUSTER_UNREACHABLE')) return null
    throw error
  }
}

function settingsOf(configs: readonly AnsweredConfig[]): TopicSettings {
  const settings = configs.map(({ name, value, configSource, isSensitive }) => ({
    name,
    value: isSensitive ? null : (value ?? null),
    source: SOURCES.get(configSource) ?? ('default' as const),
  }))
  return { settings: settings.sort((a, b) => (a.name < b.name ? -1 : 1)), unread: null }
}

interface AnsweredConfig {
  readonly name: string
  readonly value: string | null | undefined
  readonly configSource: number
  readonly isSensitive: boolean
}

function unreadBecause(errorCode: number): TopicSettings {
  const { context } = brokerError(errorCode, 'reading settings')
  return { settings: null, unread: String(context.kafkaError) }
}
