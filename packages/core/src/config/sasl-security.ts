import { mskIamTokens } from '../kafka/sasl/msk-iam-token.ts'
import { cachedTokens } from '../kafka/sasl/token-cache.ts'
import { requestToken } from '../kafka/sasl/token-endpoint.ts'
import { tokenFile } from '../kafka/sasl/token-file.ts'
import type { SaslSecurity, TokenSource } from '../kafka/security.ts'
import { Secret } from '../runtime/secret.ts'
import type { SecuritySection } from './cluster-security.ts'
import { readVariable } from './interpolation.ts'
import type { SectionValues } from './section-values.ts'
import { mechanismOf, type SaslMechanism } from './settings-security.ts'
import { readCertificates } from './tls-security.ts'

const PASSWORD_NAMES = ['sasl_username', 'sasl_password']
const ENDPOINT = 'sasl_oauthbearer_token_endpoint_url'
const ENDPOINT_NAMES = ['client_id', 'client_secret', 'scope', 'ca_location'].map(
  (name) => `sasl_oauthbearer_${name}`,
)
const TOKEN_FILE = 'sasl_oauthbearer_token_file'
const EXTENSIONS = 'sasl_oauthbearer_extensions'
const BEARER_NAMES = [ENDPOINT, ...ENDPOINT_NAMES, TOKEN_FILE, EXTENSIONS]
const AWS_NAMES = ['region', 'access_key_id', 'secret_access_key', 'session_token'].map(
  (name) => `sasl_aws_${name}`,
)
const MECHANISM = 'sasl_mechanism'

/** All settings that only an account has. */
export const SASL_NAMES = [MECHANISM, ...PASSWORD_NAMES, ...BEARER_NAMES, ...AWS_NAMES]

/** Undefined when something was reported as wrong. */
export async function readSaslSecurity(section: SecuritySection): Promise<SaslSecurity | undefined> {
  const { values } = section
  if (values.isWrong(MECHANISM)) return
  const mechanism = mechanismOf(values.get<string>(MECHANISM) ?? 'PLAIN') ?? 'PLAIN'
  const isSound = refuseForeign(values, mechanism)
  const sasl = await saslOf(section, mechanism)
  return isSound ? sasl : undefined
}

async function saslOf(section: SecuritySection, mechanism: SaslMechanism): Promise<SaslSecurity | undefined> {
  switch (mechanism) {
    case 'OAUTHBEARER': {
      const tokens = await bearerTokens(section)
      const extensions = extensionsOf(section.values)
      return tokens && Object.freeze({ mechanism, tokens, extensions })
    }
    case 'AWS_MSK_IAM': {
      const tokens = mskTokens(section)
      return tokens && Object.freeze({ mechanism: 'OAUTHBEARER', tokens, extensions: new Map() })
    }
    default:
      return passwordAccount(section.values, mechanism)
  }
}

/** Settings of another mechanism are a sign that the wrong one would be used. */
function refuseForeign(values: SectionValues, mechanism: SaslMechanism): boolean {
  const own =
    mechanism === 'OAUTHBEARER' ? BEARER_NAMES : mechanism === 'AWS_MSK_IAM' ? AWS_NAMES : PASSWORD_NAMES
  const foreign = [...PASSWORD_NAMES, ...BEARER_NAMES, ...AWS_NAMES].filter(
    (name) => !own.includes(name) && values.given(name) !== undefined,
  )
  for (const name of foreign) values.complain(name, `is nothing that sasl_mechanism ${mechanism} uses`)
  return foreign.length === 0
}

function passwordAccount(
  values: SectionValues,
  mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
): SaslSecurity | undefined {
  const username = values.get<string>('sasl_username')
  const password = filledSecret(values, 'sasl_password')
  if (username && password) return Object.freeze({ mechanism, username, password })
  const isSaid = PASSWORD_NAMES.some((name) => values.isWrong(name))
  if (!isSaid) values.complain('security_protocol', `needs sasl_username and sasl_password (${mechanism})`)
  return undefined
}

async function bearerTokens(section: SecuritySection): Promise<TokenSource | undefined> {
  const { values } = section
  const hasEndpoint = values.given(ENDPOINT) !== undefined
  const strayName = hasEndpoint ? undefined : ENDPOINT_NAMES.find((name) => values.given(name))
  if (values.isWrong(ENDPOINT)) return
  if (strayName) return values.complain(strayName, `needs ${ENDPOINT}`) as undefined
  if (values.given(TOKEN_FILE)) {
    if (!hasEndpoint) return tokenFile(section.pathOf(TOKEN_FILE))
    return values.complain(
      TOKEN_FILE,
      `and ${ENDPOINT} both say where tokens come from; keep one`,
    ) as undefined
  }
  if (!hasEndpoint) {
    return values.complain(MECHANISM, `OAUTHBEARER needs ${ENDPOINT} or ${TOKEN_FILE}`) as undefined
  }
  const clientId = values.get<string>('sasl_oauthbearer_client_id')
  const clientSecret = filledSecret(values, 'sasl_oauthbearer_client_secret')
  if (!clientId || !clientSecret) {
    const both = 'sasl_oauthbearer_client_id and sasl_oauthbearer_client_secret'
    return values.complain(ENDPOINT, `needs ${both}`) as undefined
  }
  const caName = 'sasl_oauthbearer_ca_location'
  const trustedPem = values.given(caName) ? await readCertificates(section, caName) : null
  if (trustedPem === undefined) return
  const scope = values.get<string>('sasl_oauthbearer_scope') || null
  const endpoint = new URL(values.get<string>(ENDPOINT) ?? '')
  return cachedTokens(() => requestToken({ endpoint, clientId, clientSecret, scope, trustedPem }))
}

function extensionsOf(values: SectionValues): ReadonlyMap<string, string> {
  const items = values.get<readonly string[]>(EXTENSIONS) ?? []
  return new Map(
    items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)] as const),
  )
}

/** Keys come from the settings or from the environment, all from the same side: halves of two accounts are none. */
function mskTokens({ values, env }: SecuritySection): TokenSource | undefined {
  const region =
    values.get<string>('sasl_aws_region') ??
    (readVariable(env, 'AWS_REGION') || readVariable(env, 'AWS_DEFAULT_REGION'))
  if (!region) {
    const where = 'sasl_aws_region, or AWS_REGION in the environment'
    return values.isWrong('sasl_aws_region')
      ? undefined
      : (values.complain(MECHANISM, `AWS_MSK_IAM needs ${where}`) as undefined)
  }
  const own = ['access_key_id', 'secret_access_key', 'session_token'].map((name) =>
    filledSecret(values, `sasl_aws_${name}`),
  )
  const ambient = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'].map((name) => {
    const value = readVariable(env, name)
    return value ? new Secret(value) : undefined
  })
  const isOwn = own.some((part) => part !== undefined)
  const [keyId, secretAccessKey, sessionToken] = isOwn ? own : ambient
  if (!keyId || !secretAccessKey) {
    const where = isOwn
      ? 'both sasl_aws_access_key_id and sasl_aws_secret_access_key'
      : 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or settings of the same names'
    return values.complain(MECHANISM, `AWS_MSK_IAM needs ${where}`) as undefined
  }
  return mskIamTokens({
    region,
    accessKeyId: keyId.reveal(),
    secretAccessKey,
    sessionToken: sessionToken ?? null,
  })
}

/** An empty secret is a variable that nobody filled. */
function filledSecret(values: SectionValues, name: string): Secret | undefined {
  const secret = values.get<Secret>(name)
  return secret?.reveal() === '' ? undefined : secret
}
