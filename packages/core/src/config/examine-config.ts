import type { KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { GivenValue } from './given-values.ts'
import { type ConfigSources, gatherConfig, type LoadedConfig } from './load-config.ts'
import type { Problem } from './problems.ts'
import type { Setting, SettingValue } from './setting.ts'
import { isUsedBy } from './setting-names.ts'
import { SETTINGS } from './settings.ts'

/** A setting with the value that counts. */
export interface EffectiveSetting {
  readonly setting: Setting
  /** Undefined: none was given, and there is no default. Secrets stay in their wrapper. */
  readonly value: SettingValue | undefined
  readonly from: 'default' | 'file' | 'environment' | 'flag'
  /** `backup.yaml:14`, the variable or the flag; undefined for a default. */
  readonly where: string | undefined
}

/** All that can be said of a configuration without using it. */
export interface ExaminedConfig {
  /** In the order of the file. */
  readonly problems: readonly Problem[]
  /** One line each. */
  readonly warnings: readonly string[]
  /** What the verb would work with, in the order of the table. */
  readonly settings: readonly EffectiveSetting[]
  /** Undefined when there are problems. */
  readonly loaded: LoadedConfig | undefined
  /** What `loadConfig` would throw; undefined without problems. */
  readonly refusal: KafkaBackupError | undefined
}

/**
 * Reads the same as `loadConfig` in the same order, and refuses nothing but a file that cannot be read or is not YAML.
 * @throws KB_CONFIG_UNREADABLE, KB_CONFIG_INVALID
 */
export async function examineConfig(sources: ConfigSources): Promise<ExaminedConfig> {
  const { problems, warnings, values, build } = await gatherConfig(sources)
  const used = SETTINGS.filter((row) => row.status.kind === 'effective' && isUsedBy(row, sources.verb))
  return {
    problems: problems.sorted,
    warnings,
    settings: used.map((setting) => ({
      setting,
      value: values.get(setting.path),
      ...origin(values.given(setting.path)),
    })),
    loaded: problems.isEmpty ? build() : undefined,
    refusal: problems.refusal,
  }
}

function origin(given: GivenValue | undefined): Pick<EffectiveSetting, 'from' | 'where'> {
  if (!given) return { from: 'default', where: undefined }
  if (given.origin === 'flag' || given.origin === 'environment')
    return { from: given.origin, where: given.name }
  return { from: 'file', where: given.origin }
}
