import type { TopicPatterns } from '@kafka-backup/core'
import { matchTopics } from '@kafka-backup/core/config'
import { KafkaBackupError } from '@kafka-backup/core/errors'

const INTERNAL_HINT =
  'Internal topics (names that begin with __) must be named exactly, or asked for with backup.include_internal_topics.'

/**
 * The topics that patterns choose among those there are. `where` completes "topic x does not exist in …".
 * @throws KB_TOPIC_NOT_FOUND for exact names that do not exist, and when nothing is chosen
 */
export function chosenTopics(
  patterns: TopicPatterns,
  names: readonly string[],
  where: string,
): readonly string[] {
  const match = matchTopics(patterns, names)
  const [first] = match.missing
  if (first !== undefined) {
    const list = match.missing.map((name) => `"${name}"`).join(', ')
    const what = match.missing.length === 1 ? `topic ${list} does` : `topics ${list} do`
    throw new KafkaBackupError('KB_TOPIC_NOT_FOUND', `${what} not exist ${where}; nothing was written`, {
      context: { topic: first },
    })
  }
  if (match.topics.length === 0) {
    const wanted = patterns.include.join(', ')
    throw new KafkaBackupError(
      'KB_TOPIC_NOT_FOUND',
      `no topic ${where} matches ${wanted}; nothing was written`,
      patterns.includeInternal === true ? {} : { hint: INTERNAL_HINT },
    )
  }
  return match.topics
}
