import { isOauthExtension } from '../kafka/sasl/oauth-exchange.ts'
import {
  BOOLEAN,
  choice,
  effective,
  LIST,
  refused,
  SECRET,
  type Setting,
  type SettingExtras,
  type SettingType,
  STRING,
} from './setting.ts'

/** Mechanisms under all their spellings, in capitals and without hyphens, to what we call them. */
const MECHANISMS: ReadonlyMap<string, SaslMechanism> = new Map([
  ['PLAIN', 'PLAIN'],
  ['SCRAMSHA256', 'SCRAM-SHA-256'],
  ['SCRAMSHA512', 'SCRAM-SHA-512'],
  ['OAUTHBEARER', 'OAUTHBEARER'],
  ['AWS_MSK_IAM', 'AWS_MSK_IAM'],
])

/** How an account may prove itself. AWS_MSK_IAM is OAUTHBEARER with tokens of our own making. */
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'AWS_MSK_IAM'

const NO_KERBEROS = 'Kerberos (GSSAPI) needs libraries of the system that this program does not use'

/** `scram-sha256` and the like to the name of the mechanism. */
export function mechanismOf(text: string): SaslMechanism | undefined {
  return MECHANISMS.get(text.toUpperCase().replaceAll('-', ''))
}

/** The rows of `source.security` or `target.security`. */
export function securitySettings(section: 'source' | 'target'): readonly Setting[] {
  const path = (name: string) => `${section}.security.${name}`
  const row = (name: string, type: SettingType, description: string, extras: SettingExtras = {}) =>
    effective(path(name), type, description, extras)
  return [
    row(
      'security_protocol',
      choice('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'),
      'How brokers are talked to: with TLS (`SSL`), with an account (`SASL`), with both, or neither.',
      { default: 'PLAINTEXT' },
    ),
    row(
      'sasl_mechanism',
      STRING,
      'How the account proves itself: `PLAIN` (also if absent), `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` or `AWS_MSK_IAM`.',
      { check: mechanismRule },
    ),
    row('sasl_username', STRING, 'Name of the account, for PLAIN and SCRAM.'),
    row('sasl_password', SECRET, 'Password of the account, for PLAIN and SCRAM.'),
    ...tlsSettings(row),
    ...bearerSettings(row),
    ...mskSettings(row),
    ...['sasl_kerberos_service_name', 'sasl_keytab_path', 'sasl_krb5_config_path'].map((name) =>
      refused([path(name), STRING, 'For Kerberos.'], NO_KERBEROS),
    ),
  ]
}

type Row = (name: string, type: SettingType, description: string, extras?: SettingExtras) => Setting

function tlsSettings(row: Row): Setting[] {
  return [
    row('ssl_ca_location', STRING, 'PEM file with the authorities to trust. Absent: those of the system.', {
      names: 'file',
    }),
    row('ssl_certificate_location', STRING, 'PEM file with the certificate of the account (mutual TLS).', {
      names: 'file',
    }),
    row('ssl_key_location', STRING, 'PEM file with the key of that certificate.', { names: 'file' }),
    row('ssl_key_password', SECRET, 'Password of the key, if it has one.'),
    row(
      'ssl_verify_hostname',
      BOOLEAN,
      'Whether the certificate of a broker must be made out to the name it was reached by.',
      { default: true },
    ),
  ]
}

function bearerSettings(row: Row): Setting[] {
  const name = (rest: string) => `sasl_oauthbearer_${rest}`
  return [
    row(
      name('token_endpoint_url'),
      STRING,
      'Where tokens are asked for with client credentials (`OAUTHBEARER`).',
      {
        check: endpointRule,
      },
    ),
    row(name('client_id'), STRING, 'Name of this program at the token endpoint.'),
    row(name('client_secret'), SECRET, 'Its secret there.'),
    row(name('scope'), STRING, 'Scope that tokens are asked for.'),
    row(
      name('ca_location'),
      STRING,
      'PEM file with the authorities to trust at the token endpoint. Absent: those of the system.',
      { names: 'file' },
    ),
    row(
      name('token_file'),
      STRING,
      'File that holds a token, kept fresh by somebody else and read for every connection.',
      { names: 'file' },
    ),
    row(name('extensions'), LIST, 'SASL extensions, as `name=value`.', { check: extensionRule }),
  ]
}

function mskSettings(row: Row): Setting[] {
  return [
    row(
      'sasl_aws_region',
      STRING,
      'Region of the cluster (`AWS_MSK_IAM`). Absent: AWS_REGION or AWS_DEFAULT_REGION of the environment.',
      { check: regionRule },
    ),
    row('sasl_aws_access_key_id', SECRET, 'Key of AWS. Absent: AWS_ACCESS_KEY_ID of the environment.'),
    row(
      'sasl_aws_secret_access_key',
      SECRET,
      'Its secret. Absent: AWS_SECRET_ACCESS_KEY of the environment.',
    ),
    row('sasl_aws_session_token', SECRET, 'Its session. Absent: AWS_SESSION_TOKEN of the environment.'),
  ]
}

function mechanismRule(text: string): string | undefined {
  if (mechanismOf(text) !== undefined) return
  const names = 'must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM'
  return /^(?:GSSAPI|KERBEROS)$/i.test(text) ? `${names} (${NO_KERBEROS})` : names
}

function endpointRule(text: string): string | undefined {
  const url = URL.parse(text)
  const isFit = /^https?:$/.test(url?.protocol ?? '') && url?.username === '' && url.password === ''
  return isFit ? undefined : 'must be a URL such as https://login.example.com/token, without an account in it'
}

function extensionRule(text: string): string | undefined {
  const at = text.indexOf('=')
  return isOauthExtension(text.slice(0, Math.max(0, at)), text.slice(at + 1))
    ? undefined
    : 'must be name=value, with a name of letters other than auth'
}

/** It becomes part of a host name. */
function regionRule(text: string): string | undefined {
  return /^[a-z]{2,}(?:-[a-z0-9]+)+$/.test(text) ? undefined : 'must be a region of AWS, such as eu-central-1'
}
