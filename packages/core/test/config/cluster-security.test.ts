import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createAuthority } from '@kafka-backup/testkit'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Verb } from '../../src/config/setting.ts'
import { isKafkaBackupError, type KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import type { ClusterSecurity } from '../../src/kafka/security.ts'
import { LIMITS } from '../../src/runtime/limits.ts'
import { ENOUGH, withFolder } from './sandbox.ts'

const AUTHORITY = createAuthority('Authority')
const CLIENT = AUTHORITY.issue({ commonName: 'client' })
const OTHER = AUTHORITY.issue({ commonName: 'other' })
const ENCRYPTED_KEY = createPrivateKey(CLIENT.keyPem)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'canary-open' })
  .toString()
const FILES: Readonly<Record<string, string>> = {
  'ca.pem': `some words before it\n${AUTHORITY.certificatePem}${OTHER.certificatePem}`,
  'client.pem': CLIENT.certificatePem,
  'client.key': CLIENT.keyPem,
  'encrypted.key': ENCRYPTED_KEY,
  'other.key': OTHER.keyPem,
  'text.pem': 'no certificate at all',
  'damaged.pem': AUTHORITY.certificatePem.replace(/\n.{20}/, '\n'),
  'huge.pem': '-'.repeat(LIMITS.pemMaxBytes + 1),
}

type Settings = Readonly<Record<string, string | boolean>>

/** Loads a file in a folder `conf`, with these security settings, beside which the files lie. */
async function securityOf(
  settings: Settings,
  options: { verb?: Verb; env?: Record<string, string> } = {},
): Promise<ClusterSecurity | undefined> {
  const { verb = 'backup', env = {} } = options
  const section = verb === 'backup' ? 'source' : 'target'
  return withFolder(async (cwd) => {
    await mkdir(join(cwd, 'conf'))
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(cwd, 'conf', name), text)
    await writeFile(join(cwd, 'conf/b.yaml'), JSON.stringify({ [section]: { security: settings } }))
    const { config } = await loadConfig({ verb, flags: ENOUGH[verb], env, cwd, file: 'conf/b.yaml' })
    return config[section]?.security
  })
}

async function refusal(settings: Settings, env: Record<string, string> = {}): Promise<KafkaBackupError> {
  const outcome = await securityOf(settings, { env }).catch((error: unknown) => error)
  if (!isKafkaBackupError(outcome)) throw new assert.AssertionError({ message: inspect(outcome) })
  assert.doesNotMatch(inspect(outcome, { depth: 12, showHidden: true }), /canary|PRIVATE KEY/)
  return outcome
}

const ACCOUNT = { sasl_username: 'me', sasl_password: 'canary' }
const ENDPOINT = {
  security_protocol: 'SASL_SSL',
  sasl_mechanism: 'OAUTHBEARER',
  sasl_oauthbearer_token_endpoint_url: 'https://login.example.com/token',
  sasl_oauthbearer_client_id: 'backup',
  sasl_oauthbearer_client_secret: 'canary',
}
const MSK = { security_protocol: 'SASL_SSL', sasl_mechanism: 'AWS_MSK_IAM' }
const AWS_ENV = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'canary', AWS_REGION: 'eu-west-1' }

describe('security that is sound', () => {
  it('is nothing at all for PLAINTEXT, said or not', async () => {
    assert.equal(await securityOf({}), undefined)
    assert.equal(await securityOf({ security_protocol: 'PLAINTEXT', ssl_verify_hostname: true }), undefined)
  })

  it('is TLS with the authorities of the system for SSL alone', async () => {
    assert.deepEqual(await securityOf({ security_protocol: 'SSL' }), {
      tls: { trustedPem: null, identity: null, verifiesHostname: true },
      sasl: null,
    })
  })

  it('takes files beside the configuration file, for restore too', async () => {
    const settings = {
      security_protocol: 'SSL',
      ssl_ca_location: 'ca.pem',
      ssl_certificate_location: './client.pem',
      ssl_key_location: 'encrypted.key',
      ssl_key_password: 'canary-open',
      ssl_verify_hostname: false,
    }
    const security = await securityOf(settings, { verb: 'restore' })
    assert.equal(security?.tls?.trustedPem, FILES['ca.pem'])
    assert.equal(security?.tls?.identity?.certificatePem, CLIENT.certificatePem)
    assert.equal(security?.tls?.identity?.keyPem.reveal(), ENCRYPTED_KEY)
    assert.equal(security?.tls?.identity?.keyPassword?.reveal(), 'canary-open')
    assert.equal(security?.tls?.verifiesHostname, false)
    assert.doesNotMatch(inspect(security, { depth: 12 }), /canary|PRIVATE KEY/)
  })

  for (const [written, mechanism] of [
    [undefined, 'PLAIN'],
    ['plain', 'PLAIN'],
    ['SCRAM-SHA256', 'SCRAM-SHA-256'],
    ['SCRAM-SHA-256', 'SCRAM-SHA-256'],
    ['scram-sha-512', 'SCRAM-SHA-512'],
    ['SCRAM-SHA512', 'SCRAM-SHA-512'],
  ] as const) {
    it(`knows the mechanism ${written ?? 'that is not named'} as ${mechanism}`, async () => {
      const settings = {
        security_protocol: 'SASL_PLAINTEXT',
        ...ACCOUNT,
        ...(written ? { sasl_mechanism: written } : {}),
      }
      const security = await securityOf(settings)
      assert.equal(security?.tls, null)
      assert.equal(security?.sasl?.mechanism, mechanism)
      assert.ok(security?.sasl && 'password' in security.sasl)
      assert.deepEqual([security.sasl.username, security.sasl.password.reveal()], ['me', 'canary'])
    })
  }

  it('is OAUTHBEARER for client credentials, with extensions, and for a token file', async () => {
    const settings = { ...ENDPOINT, sasl_oauthbearer_extensions: 'logicalCluster=lkc-1, pool=a=b' }
    const byEndpoint = await securityOf(settings)
    assert.ok(byEndpoint?.tls)
    assert.ok(byEndpoint.sasl?.mechanism === 'OAUTHBEARER')
    assert.deepEqual(
      [...byEndpoint.sasl.extensions],
      [
        ['logicalCluster', 'lkc-1'],
        ['pool', 'a=b'],
      ],
    )
    const byFile = await securityOf({
      security_protocol: 'SASL_PLAINTEXT',
      sasl_mechanism: 'oauthbearer',
      sasl_oauthbearer_token_file: 'token',
    })
    assert.ok(byFile?.sasl?.mechanism === 'OAUTHBEARER')
    await assert.rejects(byFile.sasl.tokens(), /the token file .*\/conf\/token cannot be read \(ENOENT\)/)
  })

  it('makes tokens for MSK with the keys of the environment, or with those of the settings alone', async () => {
    const urlOf = async (settings: Settings, env: Record<string, string>): Promise<URL> => {
      const security = await securityOf(settings, { env })
      assert.ok(security?.sasl?.mechanism === 'OAUTHBEARER')
      const { token } = await security.sasl.tokens()
      return new URL(Buffer.from(token.reveal(), 'base64url').toString())
    }
    const ambient = await urlOf(MSK, { ...AWS_ENV, AWS_SESSION_TOKEN: 'session' })
    assert.equal(ambient.host, 'kafka.eu-west-1.amazonaws.com')
    assert.match(ambient.searchParams.get('X-Amz-Credential') ?? '', /^AKID\//)
    assert.equal(ambient.searchParams.get('X-Amz-Security-Token'), 'session')
    const own = {
      ...MSK,
      sasl_aws_region: 'us-east-2',
      sasl_aws_access_key_id: 'OWN',
      sasl_aws_secret_access_key: 'canary',
    }
    const explicit = await urlOf(own, { ...AWS_ENV, AWS_SESSION_TOKEN: 'session' })
    assert.equal(explicit.host, 'kafka.us-east-2.amazonaws.com')
    assert.match(explicit.searchParams.get('X-Amz-Credential') ?? '', /^OWN\//)
    assert.equal(explicit.searchParams.get('X-Amz-Security-Token'), null)
  })

  it('is left alone where the verb does not use the section', async () => {
    const { config } = await withFolder(async (cwd) => {
      const text = { target: { security: { security_protocol: 'SASL_SSL', ssl_ca_location: 'nowhere' } } }
      await writeFile(join(cwd, 'b.yaml'), JSON.stringify(text))
      return loadConfig({ verb: 'backup', flags: ENOUGH.backup, env: {}, cwd, file: 'b.yaml' })
    })
    assert.equal(config.source?.security, undefined)
  })
})

describe('security that is not sound is refused where it stands', () => {
  const SSL = { security_protocol: 'SSL' }
  const SASL = { security_protocol: 'SASL_SSL' }
  const TOKENS = { ...SASL, sasl_mechanism: 'OAUTHBEARER' }
  const rows: readonly (readonly [settings: Settings, message: RegExp, env?: Record<string, string>])[] = [
    [ACCOUNT, /sasl_username needs security_protocol SASL_PLAINTEXT or SASL_SSL, which is PLAINTEXT/],
    [
      { ...SSL, sasl_password: 'canary' },
      /sasl_password needs security_protocol SASL_PLAINTEXT or SASL_SSL, which is SSL/,
    ],
    [
      { sasl_aws_session_token: 'canary' },
      /sasl_aws_session_token needs security_protocol SASL_PLAINTEXT or SASL_SSL/,
    ],
    [
      { ...SSL, sasl_oauthbearer_scope: 'x' },
      /sasl_oauthbearer_scope needs security_protocol SASL_PLAINTEXT or SASL_SSL/,
    ],
    [{ ssl_ca_location: 'ca.pem' }, /ssl_ca_location needs security_protocol SSL or SASL_SSL/],
    [{ ssl_verify_hostname: false }, /ssl_verify_hostname needs security_protocol SSL or SASL_SSL/],
    [
      { ...SSL, ssl_ca_location: 'nowhere.pem' },
      /ssl_ca_location names a file that does not exist: nowhere\.pem$/,
    ],
    [{ ...SSL, ssl_ca_location: '.' }, /ssl_ca_location names a file that cannot be read \(EISDIR\): \.$/],
    [{ ...SSL, ssl_ca_location: 'text.pem' }, /is not in PEM \(a text with -----BEGIN\): text\.pem$/],
    [{ ...SSL, ssl_ca_location: 'client.key' }, /holds no certificate: client\.key$/],
    [{ ...SSL, ssl_ca_location: 'damaged.pem' }, /holds a certificate that cannot be read: damaged\.pem$/],
    [{ ...SSL, ssl_ca_location: 'huge.pem' }, /is larger than \d+ bytes: huge\.pem$/],
    [
      { ...SSL, ssl_certificate_location: 'client.pem' },
      /ssl_certificate_location needs ssl_key_location too$/,
    ],
    [{ ...SSL, ssl_key_location: 'client.key' }, /ssl_key_location needs ssl_certificate_location too$/],
    [{ ...SSL, ssl_key_password: 'canary' }, /ssl_key_password needs ssl_key_location too$/],
    [
      keyPair('other.key'),
      /ssl_key_location names the key of another certificate than ssl_certificate_location$/,
    ],
    [keyPair('client.pem'), /ssl_key_location names a file that holds no key: client\.pem$/],
    [keyPair('encrypted.key'), /ssl_key_location names a key that needs ssl_key_password$/],
    [
      { ...keyPair('encrypted.key'), ssl_key_password: 'canary' },
      /ssl_key_password is not the password of the key in ssl_key_location$/,
    ],
    [SASL, /security_protocol needs sasl_username and sasl_password \(PLAIN\)$/],
    [
      { ...SASL, sasl_mechanism: 'SCRAM-SHA-512', sasl_username: 'me' },
      /security_protocol needs sasl_username and sasl_password \(SCRAM-SHA-512\)$/,
    ],
    [{ ...SASL, ...ACCOUNT, sasl_mechanism: 'MD5' }, /sasl_mechanism must be PLAIN, .*, not MD5$/],
    [
      { ...SASL, sasl_mechanism: 'GSSAPI' },
      /sasl_mechanism must be .* \(Kerberos \(GSSAPI\) needs libraries/,
    ],
    [
      TOKENS,
      /sasl_mechanism OAUTHBEARER needs sasl_oauthbearer_token_endpoint_url or sasl_oauthbearer_token_file$/,
    ],
    [{ ...TOKENS, ...ACCOUNT }, /sasl_username is nothing that sasl_mechanism OAUTHBEARER uses/],
    [{ ...ENDPOINT, sasl_oauthbearer_token_file: 'x' }, /both say where tokens come from; keep one$/],
    [
      { ...ENDPOINT, sasl_oauthbearer_client_secret: '' },
      /needs sasl_oauthbearer_client_id and sasl_oauthbearer_client_secret$/,
    ],
    [
      { ...TOKENS, sasl_oauthbearer_scope: 'x' },
      /sasl_oauthbearer_scope needs sasl_oauthbearer_token_endpoint_url$/,
    ],
    [{ ...ENDPOINT, sasl_oauthbearer_token_endpoint_url: 'ftp://x' }, /must be a URL such as/],
    [{ ...ENDPOINT, sasl_oauthbearer_ca_location: 'text.pem' }, /sasl_oauthbearer_ca_location names a file/],
    [{ ...ENDPOINT, sasl_oauthbearer_extensions: 'auth=x' }, /must be name=value/],
    [MSK, /AWS_MSK_IAM needs sasl_aws_region, or AWS_REGION in the environment$/],
    [MSK, /AWS_MSK_IAM needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/, { AWS_REGION: 'eu-west-1' }],
    [
      { ...MSK, sasl_aws_access_key_id: 'OWN' },
      /needs both sasl_aws_access_key_id and sasl_aws_secret/,
      AWS_ENV,
    ],
    [{ ...MSK, sasl_aws_region: 'x/y' }, /must be a region of AWS/, AWS_ENV],
  ]
  for (const [settings, message, env] of rows) {
    it(JSON.stringify(settings), async () => {
      const failure = await refusal(settings, env)
      assert.equal(failure.code, 'KB_CONFIG_INVALID')
      assert.match(failure.message.split('\n')[0] ?? '', message)
      assert.match(failure.message, /^conf\/b\.yaml:1: source\.security\./)
    })
  }

  it('Kerberos, with the reason', async () => {
    const failure = await refusal({ sasl_keytab_path: '/etc/kafka.keytab' })
    assert.equal(failure.code, 'KB_CONFIG_UNSUPPORTED')
    assert.match(failure.message, /Kerberos \(GSSAPI\) needs libraries of the system/)
  })

  it('a variable that names a file is shown by its name', async () => {
    const settings = { security_protocol: 'SSL', ssl_ca_location: `$\{CA_FILE}` }
    const failure = await refusal(settings, { CA_FILE: '/canary/ca.pem' })
    assert.match(failure.message, /does not exist: \$\{CA_FILE\}$/)
  })
})

function keyPair(key: string): Settings {
  return { security_protocol: 'SSL', ssl_certificate_location: 'client.pem', ssl_key_location: key }
}
