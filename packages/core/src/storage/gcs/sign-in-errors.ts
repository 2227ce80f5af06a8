import { isKafkaBackupError, type KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { denied, type Meaning, passing } from '../error-meaning.ts'
import { networkMeaning } from '../network-meaning.ts'
import { failure, type GcsAttempt } from './errors.ts'
import { KeyFileError } from './key-file-error.ts'

const ABSENT_HINT =
  'Set storage.service_account_path, or GOOGLE_APPLICATION_CREDENTIALS, or run where Google gives an identity; see docs/providers.md.'
const FILE_HINT =
  'Give the file of a service account (JSON with client_email and private_key) or of a federation as Google makes it; see docs/providers.md.'
const REFUSED_HINT =
  'Check that the account and its key exist and are enabled, and the clock of this machine.'

// The library has no code for it.
const ABSENT = /could not load the default credentials/i
const NAME = /^[a-z][a-z_]{0,63}$/
const BREAKS_MAX = 5

/** Errors of Google's library as ours. Neither its text nor its object is kept: they can hold keys, assertions and tokens. */
export function translateSignInError(error: unknown, attempt: GcsAttempt): KafkaBackupError {
  if (isKafkaBackupError(error)) return error
  if (error instanceof KeyFileError) {
    const reason = `the file of the service account cannot be used: ${error.reason}`
    return failure(attempt, { code: 'KB_CONFIG_INVALID', reason, hint: FILE_HINT })
  }
  const { meaning, detail } = judge(error)
  return failure(attempt, meaning, detail)
}

function judge(error: unknown): { readonly meaning: Meaning; readonly detail?: string } {
  const { message, response } = (error ?? {}) as {
    readonly message?: unknown
    readonly response?: { readonly status?: unknown; readonly data?: unknown }
  }
  const status = response?.status
  if (typeof status === 'number') {
    if (status >= 500 || status === 429) {
      return { meaning: passing('the service that issues tokens does not answer'), detail: `HTTP ${status}` }
    }
    const name = (response?.data as { readonly error?: unknown } | undefined)?.error
    const detail = typeof name === 'string' && NAME.test(name) ? `${name}, ${status}` : `HTTP ${status}`
    return { meaning: denied('the credentials were refused', REFUSED_HINT), detail }
  }
  const code = networkCode(error)
  if (code !== undefined) {
    return { meaning: passing('the service that issues tokens does not answer'), detail: code }
  }
  if (typeof message === 'string' && ABSENT.test(message)) {
    return { meaning: denied('no credentials were found', ABSENT_HINT) }
  }
  return { meaning: denied('the credentials cannot be used', ABSENT_HINT) }
}

/** The code of a socket that is the reason, however deep it is. */
function networkCode(error: unknown): string | undefined {
  let at = error as { readonly code?: unknown; readonly cause?: unknown } | undefined
  for (let depth = 0; at && depth < BREAKS_MAX; depth++) {
    const { code } = at
    if (typeof code === 'string' && networkMeaning(code)?.code === 'KB_STORAGE_UNAVAILABLE') return code
    at = at.cause as typeof at
  }
  return undefined
}
