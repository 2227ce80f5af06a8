import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'

const SHOWN_MAX_LENGTH = 300

/** An authentication that did not succeed; repeating it would not help. */
export function authenticationFailed(broker: string, reason: string, hint?: string): KafkaBackupError {
  return new KafkaBackupError('KB_AUTHENTICATION_FAILED', `broker ${broker}: ${reason}`, {
    context: { broker },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** What a peer said, short and without characters that command a terminal. */
export function quotedRemark(text: string): string {
  const harmless = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()
  return harmless.length > SHOWN_MAX_LENGTH ? `${harmless.slice(0, SHOWN_MAX_LENGTH)}…` : harmless
}
