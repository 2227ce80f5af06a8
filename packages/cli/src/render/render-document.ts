import type { OutputFormat } from '../command.ts'
import { renderJson } from './json-document.ts'
import { renderYaml } from './yaml-document.ts'

/** Formats in which a result is one document, and an error, too. */
export type DocumentFormat = 'json' | 'yaml'

export function isDocumentFormat(format: OutputFormat): format is DocumentFormat {
  return format === 'json' || format === 'yaml'
}

/** A document for programs, in the format that was asked for. */
export function renderDocument(document: unknown, format: DocumentFormat): string {
  return format === 'json' ? renderJson(document) : renderYaml(document)
}
