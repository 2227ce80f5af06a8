import type { Setting, Verb } from './setting.ts'

const VERBS_OF_SECTION: ReadonlyMap<string, readonly Verb[]> = new Map<string, readonly Verb[]>([
  ['source', ['backup', 'groups', 'status']],
  ['backup', ['backup']],
  ['offset_storage', ['backup', 'status']],
  ['target', ['restore', 'compare']],
  ['restore', ['restore']],
  ['metrics', ['backup', 'restore']],
])

// Names inside these mean little alone: `--enabled` of what?
const PREFIXING_GROUPS = new Set([
  'circuit_breaker',
  'retention',
  'time_window',
  'offset_storage',
  'metrics',
  'logging',
])

/** `backup` of `backup.segment_max_bytes`. */
export function sectionOf(path: string): string {
  return path.split('.', 1)[0] ?? path
}

/** False for sections that a verb leaves alone: their refusals and unset variables do not concern it. */
export function isUsedBy(setting: Setting, verb: Verb): boolean {
  return VERBS_OF_SECTION.get(sectionOf(setting.path))?.includes(verb) ?? true
}

/** False also for what a verb can do without: a variable that is unset there keeps it from nothing else. */
export function isNeededBy(setting: Setting, verb: Verb): boolean {
  return isUsedBy(setting, verb) && (verb !== 'status' || sectionOf(setting.path) !== 'source')
}

/** The flag with its dashes, such as `--segment-max-bytes`; secrets and structures have none. */
export function flagOf(setting: Setting): string | undefined {
  if (setting.flag === null || setting.type.kind === 'secret' || setting.type.kind === 'structure') return
  if (setting.flag !== undefined) return `--${setting.flag}`
  const parts = setting.path.split('.')
  const group = parts.at(-2) ?? ''
  const name = PREFIXING_GROUPS.has(group) ? `${group}_${parts.at(-1)}` : parts.at(-1)
  return `--${name?.replaceAll('_', '-')}`
}

/** The environment variable, such as `KAFKA_BACKUP_BACKUP_SEGMENT_MAX_BYTES`; structures have none. */
export function environmentVariableOf(setting: Setting): string | undefined {
  if (setting.type.kind === 'structure') return
  return `KAFKA_BACKUP_${setting.path.toUpperCase().replaceAll('.', '_')}`
}
