import { KeyFileError } from './key-file-error.ts'

type Fields = Readonly<Record<string, unknown>>

/** The kinds of credentials that are taken from a file, and what each cannot do without. */
const NEEDED: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['service_account', ['client_email', 'private_key']],
  ['authorized_user', ['client_id', 'client_secret', 'refresh_token']],
  ['external_account', ['audience', 'subject_token_type', 'token_url', 'credential_source']],
  ['external_account_authorized_user', ['refresh_token', 'client_id', 'client_secret']],
  ['impersonated_service_account', ['source_credentials', 'service_account_impersonation_url']],
])
/** What an identity that is impersonated may be signed in with: one that is impersonated itself would have no end. */
const SOURCE = 'source_credentials'
const IMPERSONATED = 'impersonated_service_account'
const NAME = /^[a-z][a-z_]{0,63}$/

/**
 * The document of a file as credentials. What is of another kind is refused: the library would take it for a key, or sign in in a way
 * that nobody here has looked at. @throws KeyFileError
 */
export function assertCredentialKind(document: unknown): object {
  const fields = fieldsOf(document)
  const kind = assertKind(fields)
  if (kind !== IMPERSONATED) return fields
  if (assertKind(fieldsOf(fields[SOURCE])) === IMPERSONATED)
    throw new KeyFileError('its source_credentials are impersonated themselves')
  return fields
}

function fieldsOf(document: unknown): Fields {
  return typeof document === 'object' && document !== null ? (document as Fields) : {}
}

function assertKind(fields: Fields): unknown {
  const { type } = fields
  if (typeof type !== 'string') throw new KeyFileError('it does not say what kind of credentials it has')
  const needed = NEEDED.get(type)
  if (!needed) {
    const name = NAME.test(type) ? ` (${type})` : ''
    throw new KeyFileError(`it has credentials of a kind that is not supported${name}`)
  }
  const missing = needed.find((name) => !isGiven(fields[name]))
  if (missing !== undefined) throw new KeyFileError(`it has no ${missing}`)
  return type
}

function isGiven(value: unknown): boolean {
  return typeof value === 'string' ? value !== '' : typeof value === 'object' && value !== null
}
