import {
  accepted,
  BOOLEAN,
  COUNT,
  choice,
  effective,
  integer,
  LIST,
  refused,
  SECRET,
  type Setting,
  type SettingExtras,
  type SettingType,
  STRING,
} from './setting.ts'
import { serverRule, topicPatternRule } from './text-rules.ts'

const NO_SECURITY = 'encrypted and authenticated connections arrive with a later version'
const SOCKETS = 'sockets are set up by the program in this version'

/** The rows of `source` or `target`, which have the same shape. */
export function clusterSettings(section: 'source' | 'target'): readonly Setting[] {
  return [...placeSettings(section), ...securitySettings(section), ...connectionSettings(section)]
}

function placeSettings(section: 'source' | 'target'): readonly Setting[] {
  const isSource = section === 'source'
  const include = isSource
    ? 'Topics to back up: exact names and globs (`*`, `?`). Every exact name must exist.'
    : 'Topics of the backup to restore: exact names and globs (`*`, `?`).'
  return [
    effective(`${section}.bootstrap_servers`, LIST, `Brokers of the ${section} cluster, as \`host:port\`.`, {
      check: serverRule,
    }),
    effective(`${section}.topics.include`, LIST, include, {
      flag: 'topics',
      check: topicPatternRule,
      ...(isSource ? {} : { default: ['*'] }),
    }),
    effective(`${section}.topics.exclude`, LIST, 'Topics to leave out, also if they are included.', {
      default: [],
      flag: 'exclude-topics',
      check: topicPatternRule,
    }),
  ]
}

function securitySettings(section: 'source' | 'target'): readonly Setting[] {
  const protocol = `${section}.security.security_protocol`
  const row = (name: string, type: SettingType, description: string, extras: SettingExtras = {}) =>
    refused([`${section}.security.${name}`, type, description], NO_SECURITY, { ...extras, saidBy: protocol })
  return [
    refused(
      [protocol, choice('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'), 'How brokers are talked to.'],
      NO_SECURITY,
      { default: 'PLAINTEXT' },
    ),
    row('sasl_mechanism', STRING, 'How the account proves itself.'),
    row('sasl_username', STRING, 'Name of the account.'),
    row('sasl_password', SECRET, 'Password of the account.'),
    row('ssl_ca_location', STRING, 'File with the certificates to trust.'),
    row('ssl_certificate_location', STRING, 'File with the certificate of the account.'),
    row('ssl_key_location', STRING, 'File with the key of the account.'),
    row('sasl_kerberos_service_name', STRING, 'Kerberos name of the brokers.'),
    row('sasl_keytab_path', STRING, 'File with the Kerberos keys.'),
    row('sasl_krb5_config_path', STRING, 'Kerberos configuration file.'),
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
