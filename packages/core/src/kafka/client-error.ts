import { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import { brokerError } from './kafka-error.ts'

interface ClientErrorShape {
  readonly code?: unknown
  readonly message?: unknown
  readonly apiCode?: unknown
  readonly serverErrorMessage?: unknown
  readonly errors?: unknown
  readonly cause?: unknown
}

const UNKNOWN_TOPIC_OR_PARTITION = 3

/**
 * An error of the client library as one of ours. The library nests errors in aggregates: the first broker error decides,
 * else the first network error; anything else is not expected to pass by itself.
 */
export function translateClientError(error: unknown, doing: string): KafkaBackupError {
  if (error instanceof KafkaBackupError) return error
  const leaves = leafErrors(error, 0)
  const fromBroker = leaves.find((leaf) => typeof leaf.apiCode === 'number')
  if (fromBroker) {
    const detail =
      typeof fromBroker.serverErrorMessage === 'string' ? ` (${fromBroker.serverErrorMessage})` : ''
    const translated = brokerError(fromBroker.apiCode as number, doing)
    return new KafkaBackupError(translated.code, translated.message + detail, {
      context: translated.context,
      cause: error,
    })
  }
  if (leaves.some(isUnknownTopic)) return brokerError(UNKNOWN_TOPIC_OR_PARTITION, doing)
  const network = leaves.find((leaf) => leaf.code === 'PLT_KFK_NETWORK' || leaf.code === 'PLT_KFK_TIMEOUT')
  if (network) {
    return new KafkaBackupError(
      'KB_CLUSTER_UNREACHABLE',
      `${doing}: ${lowerFirst(String(network.message))}${reasonOf(network)}`,
      { cause: error },
    )
  }
  const message = error instanceof Error ? error.message : String(error)
  return new KafkaBackupError('KB_BROKER_ERROR', `${doing}: ${lowerFirst(message)}`, { cause: error })
}

// The library's aggregates are three levels deep at most.
const NESTING_MAX = 8

function leafErrors(error: unknown, depth: number): ClientErrorShape[] {
  if (error === null || typeof error !== 'object' || depth > NESTING_MAX) return []
  const shape = error as ClientErrorShape
  if (Array.isArray(shape.errors)) return shape.errors.flatMap((inner) => leafErrors(inner, depth + 1))
  return [shape]
}

/** The library makes a mistake of the caller out of it, although a broker may not have heard of a new topic yet. */
function isUnknownTopic(leaf: ClientErrorShape): boolean {
  return leaf.code === 'PLT_KFK_USER' && /^Unknown (topic|partition)\b/.test(String(leaf.message))
}

/** What the system said, such as that a host name is unknown. */
function reasonOf(leaf: ClientErrorShape): string {
  return leaf.cause instanceof Error && leaf.cause.message !== '' ? ` (${leaf.cause.message})` : ''
}

/** The library's sentences as part of ours. */
function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '')
}
