import { isKafkaBackupError, KafkaBackupError } from '@kafka-backup/core/errors'

const SAID = /nothing was (?:written|started|changed)/i

/** Runs what comes before the first write: whatever fails there also says that nothing was written. */
export async function beforeWriting<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw saying(error, 'Nothing was written')
  }
}

/** The same error with a sentence at its end, unless it says so already. */
export function saying(error: unknown, sentence: string): unknown {
  if (!isKafkaBackupError(error) || SAID.test(error.message)) return error
  const { message, hint, context, cause } = error
  const separator = message.includes('\n') ? '\n' : /[.?!]$/.test(message) ? ' ' : '. '
  return new KafkaBackupError(error.code, message + separator + sentence, { hint, context, cause })
}
