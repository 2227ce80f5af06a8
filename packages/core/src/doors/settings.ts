export type { Setting } from '../config/setting.ts'
export { settingFlags } from '../config/settings.ts'
export { isRelativeTime, momentOf, TIME_UNITS_MS } from '../restore/request-time.ts'
