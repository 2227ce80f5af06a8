import type { ErrorCode } from '../../errors/error-codes.ts'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { TopicRestorePlan } from '../restore-plan.ts'

/** One reason why a target cannot take a restore. */
export interface Refusal {
  readonly code: Extract<
    ErrorCode,
    | 'KB_TARGET_NOT_EMPTY'
    | 'KB_TARGET_UNSUITABLE'
    | 'KB_CLUSTER_PERMISSION'
    | 'KB_RECORD_TOO_LARGE'
    | 'KB_FORMAT_UNSUPPORTED'
    | 'KB_BROKER_UNSUPPORTED'
  >
  readonly topic: string
  readonly sourceTopic: string
  /** What follows "topic NAME". */
  readonly message: string
  /** What would make it go away, as a sentence or a flag. */
  readonly remedy: string | null
}

/** A refusal because of how the topic is set up. */
export function unsuitable(
  topic: TopicRestorePlan,
  message: string,
  remedy: string | null = null,
  code: Refusal['code'] = 'KB_TARGET_UNSUITABLE',
): Refusal {
  return { code, topic: topic.targetTopic, sourceTopic: topic.sourceTopic, message, remedy }
}

/** All refusals in one error. `existing`: topics of the cluster. @throws the code of the first one */
export function throwRefusals(
  refusals: readonly Refusal[],
  clusterId: string,
  existing: ReadonlySet<string>,
): void {
  const [first] = refusals
  if (!first) return
  const lines = refusals.map(({ topic, message }) => `- topic ${topic} ${message}`)
  const remedies = [...new Set(refusals.flatMap(({ remedy }) => (remedy === null ? [] : [remedy])))]
  throw new KafkaBackupError(
    first.code,
    `cluster ${clusterId} cannot take this restore; nothing was written:\n${lines.join('\n')}`,
    {
      context: { topic: first.topic },
      hint: [...remedies, ...besideOf(refusals, existing)].join('\n      '),
    },
  )
}

/** Another name helps against none of them. */
const OF_NO_TOPIC: readonly ErrorCode[] = [
  'KB_CLUSTER_PERMISSION',
  'KB_FORMAT_UNSUPPORTED',
  'KB_BROKER_UNSUPPORTED',
]

/** Another name helps where a topic is in the way, but not for topics that are not there yet. */
function besideOf(refusals: readonly Refusal[], existing: ReadonlySet<string>): string[] {
  const helped = refusals.filter(({ code, topic }) => existing.has(topic) && !OF_NO_TOPIC.includes(code))
  if (helped.length === 0) return ['When nothing is in the way any more, run the same command again.']
  const sources = [...new Set(helped.map(({ sourceTopic }) => sourceTopic))]
  const mapping = sources.map((topic) => `${topic}=${topic}-restored`).join(',')
  return [`Or change or delete what is in the way, or restore beside it: --topic-mapping ${mapping}`]
}
