import { plural } from './units.ts'

/** One thing that a verb would refuse. */
export interface Objection {
  readonly code: string
  readonly message: string
  /** In the file. */
  readonly line: number | null
  /** Path of the setting. */
  readonly key: string | null
  readonly hint: string | null
}

/** What a check came to. */
export interface CheckedConfig {
  readonly verb: string
  readonly file: string | undefined
  readonly objections: readonly Objection[]
  readonly warnings: readonly string[]
}

/** The result for programs. */
export function configCheckDocument({ verb, file, objections, warnings }: CheckedConfig) {
  return {
    kind: 'config_check',
    version: 1,
    verb,
    file: file ?? null,
    usable: objections.length === 0,
    objections,
    warnings,
  }
}

/** The result for people: objections by line, warnings, the verdict. */
export function configCheckText({ verb, file, objections, warnings }: CheckedConfig): string {
  const lines = objections.flatMap(({ code, message, line, hint }) => [
    `${line === null ? '' : `${file ?? 'configuration'}:${line}: `}${message}`,
    `  ${code}${hint === null ? '' : ` · ${hint}`}`,
  ])
  const what = file ?? 'The settings'
  const verdict =
    objections.length === 0
      ? `${what} can be used for ${verb}: no objection. No cluster and no store was asked.`
      : `Refused: ${plural(objections.length, 'objection')}. ${verb} would not start. No cluster and no store was asked.`
  return [...lines, ...warnings.map((warning) => `Warning: ${warning}`), verdict].join('\n')
}
