import { type KafkaBackupError, toKafkaBackupError } from '@kafka-backup/core'

/** What a person sees: what and where, the code, and what to do. The stack only for defects of ours. */
export function renderErrorText(error: unknown): string {
  const known = toKafkaBackupError(error)
  const lines = [`${verdictOf(known)}: ${known.message}`, `  ${known.code} · ${known.hint}`]
  if (known.category === 'bug' && known.cause instanceof Error && known.cause.stack)
    lines.push(known.cause.stack)
  return lines.join('\n')
}

/** The same for programs; fields as in docs/json-output.md. */
export function errorDocument(error: unknown) {
  const { code, category, message, hint, retryable, exitCode, context } = toKafkaBackupError(error)
  return {
    kind: 'error',
    version: 1,
    error: { code, category, message, hint, retryable, exit_code: exitCode, context },
  }
}

function verdictOf(error: KafkaBackupError): string {
  if (error.category === 'conflict') return 'Refused'
  if (error.category === 'interrupted') return 'Interrupted'
  if (error.category === 'integrity') return 'Damaged'
  return 'Failed'
}
