import type { Setting, Verb } from './setting.ts'
import { flagOf, isUsedBy } from './setting-names.ts'
import { BACKUP_SETTINGS } from './settings-backup.ts'
import { clusterSettings } from './settings-cluster.ts'
import { RESTORE_SETTINGS } from './settings-restore.ts'
import { SIDE_SETTINGS, STORAGE_SETTINGS } from './settings-storage.ts'

/**
 * THE table of settings: the file, the flags, the environment and docs/configuration.md follow from it. A setting
 * that is missing here does not exist.
 */
export const SETTINGS: readonly Setting[] = [
  ...STORAGE_SETTINGS,
  ...clusterSettings('source'),
  ...clusterSettings('target'),
  ...BACKUP_SETTINGS,
  ...RESTORE_SETTINGS,
  ...SIDE_SETTINGS,
]

const SETTING_BY_PATH: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((row) => [row.path, row]))

export function findSetting(path: string): Setting | undefined {
  return SETTING_BY_PATH.get(path)
}

/** The flags of a verb, with dashes, to their settings. Help shows those that are effective; all are understood. */
export function settingFlags(verb: Verb): ReadonlyMap<string, Setting> {
  const flags = new Map<string, Setting>()
  for (const setting of SETTINGS) {
    const flag = isUsedBy(setting, verb) ? flagOf(setting) : undefined
    if (flag !== undefined) flags.set(flag, setting)
  }
  return flags
}
