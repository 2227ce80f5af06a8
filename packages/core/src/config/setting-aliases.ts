import type { Verb } from './setting.ts'
import { isExpression } from './topic-expression.ts'
import { splitTopicPatterns } from './topic-pattern-list.ts'

/** Another way to write a setting, in files only. */
export interface SettingAlias {
  readonly path: string
  /** The setting that is meant. */
  readonly meaning: string
  /** Meant instead when the verb is restore. */
  readonly meaningInRestore?: string
  /** Replaces a text that means something else in this place. */
  readonly translate?: (text: string) => string
  /** Says what is wrong with a text in this place: "must be …". */
  readonly check?: (text: string) => string | undefined
}

/** The second shape of the file, with `kafka:`, and second names of keys. */
export const SETTING_ALIASES: readonly SettingAlias[] = [
  {
    path: 'kafka.brokers',
    meaning: 'source.bootstrap_servers',
    meaningInRestore: 'target.bootstrap_servers',
  },
  {
    path: 'backup.topics',
    meaning: 'source.topics.include',
    translate: (text) => (text === '.*' ? '*' : text),
    // As a glob, `orders.*` is every name that begins with `orders.`; as a regular expression, with `orders`.
    check: (text) =>
      text !== '.*' && splitTopicPatterns(text).some((item) => !isExpression(item) && item.includes('.*'))
        ? 'must be topic names or globs; what is meant by .* is clear only alone (write ~ before a regular expression)'
        : undefined,
  },
  { path: 'storage.type', meaning: 'storage.backend' },
  { path: 'storage.access_key_id', meaning: 'storage.access_key' },
  { path: 'storage.secret_access_key', meaning: 'storage.secret_key' },
  { path: 'storage.credentials_file', meaning: 'storage.service_account_path' },
]

export function meaningOf(alias: SettingAlias, verb: Verb): string {
  return ((verb === 'restore' || verb === 'compare') && alias.meaningInRestore) || alias.meaning
}
