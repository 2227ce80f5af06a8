import type { OutputFormat } from '../command.ts'
import { renderJson } from './json-document.ts'
import { renderYaml } from './yaml-document.ts'

/** A document for programs, in the format that was asked for. */
export function renderDocument(document: unknown, format: Exclude<OutputFormat, 'table'>): string {
  return format === 'json' ? renderJson(document) : renderYaml(document)
}
