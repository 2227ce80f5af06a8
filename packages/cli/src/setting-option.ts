import type { Setting } from '@kafka-backup/core'
import { Option } from 'commander'

/** Heading of what most people give. */
export const PLACES = 'What and where:'
const CONNECTION = 'Connections:'
const TUNING = 'Fine tuning:'
const PLACE_FLAGS = new Set([
  'backup-id',
  'repo',
  'path',
  'prefix',
  'bootstrap-servers',
  'topics',
  'exclude-topics',
  'topic-mapping',
  'internal-topics',
  'include-internal-topics',
  'partitions',
  'as-of-commit',
  'from',
  'to',
  'offsets',
  'source-partitions',
  'partition-mapping',
  'repartition',
  'allow-many-to-one',
  'existing-topics',
  'resume',
  'verify',
  'dry-run',
])

/** The flag of a setting, as a verb has it. */
export function settingOption(flag: string, setting: Setting): Option {
  const isBoolean = setting.type.kind === 'boolean'
  const value = isBoolean ? ' [true|false]' : ` <${placeholder(setting)}>`
  const option = new Option(flag + value, helpText(setting))
  option.helpGroup(groupOf(option.name(), setting))
  // Given twice, a list has the items of both; nothing of what somebody asked for may be lost.
  if (isRepeatable(setting)) option.argParser(appended)
  if (setting.type.kind === 'choice') option.argChoices = [...setting.type.choices]
  if (setting.status.kind !== 'effective') option.hideHelp()
  return option
}

/** Of what may be given several times: all of it. */
export function appended(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

function isRepeatable({ type }: Setting): boolean {
  return type.kind === 'list' || type.kind === 'pairs' || type.kind === 'sections'
}

function groupOf(flag: string, { path }: Setting): string {
  if (PLACE_FLAGS.has(flag)) return PLACES
  return /^(source|target)\./.test(path) ? CONNECTION : TUNING
}

/** The description of the reference, without its markup, and the default where there is one worth telling. */
function helpText(setting: Setting): string {
  const text = setting.description.replaceAll('`', '')
  const value = setting.default
  const isTold = typeof value === 'string' || typeof value === 'number' || value === true
  return isTold ? `${text} (default: ${value})` : text
}

const UNIT_PLACEHOLDERS = { bytes: 'bytes', milliseconds: 'ms', seconds: 's' } as const

function placeholder(setting: Setting): string {
  if (setting.type.kind === 'choice') {
    const choices = setting.type.choices.join('|')
    return choices.length > 32 ? 'name' : choices
  }
  if (setting.type.kind === 'list') return 'a,b'
  if (setting.type.kind === 'pairs') return 'old=new,…'
  if (setting.type.kind === 'sections') return 'name=value,…'
  if (setting.unit !== undefined) return UNIT_PLACEHOLDERS[setting.unit]
  return setting.type.kind === 'integer' ? 'n' : (setting.names ?? 'text')
}
