import type { KafkaBackupError } from '@kafka-backup/core'
import { toKafkaBackupError, withoutPastedSecrets } from '@kafka-backup/core/errors'

/** What a person sees: what and where, the code, and what to do. The stack only for defects of ours. */
export function renderErrorText(error: unknown): string {
  const known = toKafkaBackupError(error)
  // A message of several lines tells several things; all of them belong to the verdict.
  const message = known.message.replaceAll('\n', '\n  ')
  const lines = [`${verdictOf(known)}: ${message}`, `  ${known.code} · ${known.hint}`]
  if (known.category === 'bug' && known.cause instanceof Error && known.cause.stack)
    lines.push(withoutPastedSecrets(known.cause.stack))
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
  const { category } = error
  if (category === 'conflict' || category === 'usage' || category === 'config') return 'Refused'
  if (category === 'interrupted') return 'Interrupted'
  if (category === 'integrity') return 'Damaged'
  return 'Failed'
}
