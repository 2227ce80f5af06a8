import { LIMITS } from '../runtime/limits.ts'
import {
  accepted,
  BOOLEAN,
  COUNT,
  effective,
  integer,
  LIST,
  type Setting,
  type SettingExtras,
  type SettingType,
  STRING,
} from './setting.ts'
import { securitySettings } from './settings-security.ts'
import { serverRule, topicPatternRule } from './text-rules.ts'
import { splitTopicPatterns } from './topic-pattern-list.ts'

const PATTERNS =
  'exact names, globs (`*`, `?`), and regular expressions after `~`, which match the whole name'
const SOCKETS = 'sockets are set up by the program in this version'

const RACK = effective(
  'source.rack_id',
  STRING,
  'Rack of this program, as brokers name theirs: replicas in it are read where there are any. Without it, leaders are read.',
  { maxLength: LIMITS.rackIdMaxLength },
)

/** The rows of `source` or `target`, which have the same shape. */
export function clusterSettings(section: 'source' | 'target'): readonly Setting[] {
  return [...placeSettings(section), ...securitySettings(section), ...connectionSettings(section)]
}

function placeSettings(section: 'source' | 'target'): readonly Setting[] {
  const isSource = section === 'source'
  const include = isSource
    ? `Topics to back up: ${PATTERNS}. Every exact name must exist.`
    : `Topics of the backup to restore: ${PATTERNS}.`
  return [
    effective(`${section}.bootstrap_servers`, LIST, `Brokers of the ${section} cluster, as \`host:port\`.`, {
      check: serverRule,
    }),
    effective(`${section}.topics.include`, LIST, include, {
      flag: 'topics',
      check: topicPatternRule,
      split: splitTopicPatterns,
      ...(isSource ? {} : { default: ['*'] }),
    }),
    effective(
      `${section}.topics.exclude`,
      LIST,
      'Topics to leave out, also if they are included; the same patterns.',
      {
        default: [],
        flag: 'exclude-topics',
        check: topicPatternRule,
        split: splitTopicPatterns,
      },
    ),
    ...(isSource ? [RACK] : []),
  ]
}

function connectionSettings(section: 'source' | 'target'): readonly Setting[] {
  const row = (name: string, type: SettingType, description: string, extras: SettingExtras = {}) =>
    accepted([`${section}.connection.${name}`, type, description], SOCKETS, extras)
  return [
    effective(
      `${section}.connection.connections_per_broker`,
      integer(1, 16),
      'Connections for data to one broker.',
      { default: 2 },
    ),
    row('tcp_keepalive', BOOLEAN, 'Whether idle connections are probed.'),
    row('keepalive_time_secs', COUNT, 'Idle time before the first probe.', { unit: 'seconds' }),
    row('keepalive_interval_secs', COUNT, 'Time between probes.', { unit: 'seconds' }),
    row('tcp_nodelay', BOOLEAN, 'Whether small packets are sent at once.'),
  ]
}
