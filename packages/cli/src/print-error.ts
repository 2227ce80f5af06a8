import { toKafkaBackupError } from '@kafka-backup/core/errors'
import type { OutputFormat } from './command.ts'
import { errorDocument, renderErrorText } from './render/error-text.ts'
import { isDocumentFormat, renderDocument } from './render/render-document.ts'

/** Tells people on stderr what went wrong, and programs on stdout. Returns the exit code. */
export function printError(error: unknown, format: OutputFormat): number {
  if (isDocumentFormat(format)) process.stdout.write(`${renderDocument(errorDocument(error), format)}\n`)
  process.stderr.write(`${renderErrorText(error)}\n`)
  return toKafkaBackupError(error).exitCode
}
