import type { Config } from '@kafka-backup/core'
import { isKafkaBackupError, KafkaBackupError } from '@kafka-backup/core/errors'

const DEEP_VALIDATION = 'kafka-backup validate --deep'

/** The error with a hint that can be pasted as it is: the table of errors does not know which backup is meant. */
export function withPastableHint(error: unknown, config: Config | undefined): unknown {
  if (!isKafkaBackupError(error) || !config?.repositoryUrl || !config.backupId) return error
  if (!error.hint.includes(DEEP_VALIDATION)) return error
  const command = `kafka-backup validate --repo ${quoted(config.repositoryUrl)} --backup-id ${config.backupId} --deep`
  return new KafkaBackupError(error.code, error.message, {
    hint: error.hint.replace(DEEP_VALIDATION, command),
    context: error.context,
    cause: error.cause,
  })
}

/** For a shell. A URL of a folder has no quotes: they are escaped there. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text}'`
}
