import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { LIMITS } from '../../runtime/limits.ts'
import { Secret } from '../../runtime/secret.ts'
import type { BearerToken } from '../security.ts'
import { connectionError } from '../tls-error.ts'
import { quotedRemark } from './sasl-error.ts'
import { tokenExpiryMs } from './token-expiry.ts'

/** An identity provider and the account of this program there. */
export interface ClientCredentials {
  readonly endpoint: URL
  readonly clientId: string
  readonly clientSecret: Secret
  /** null: whatever the provider gives. */
  readonly scope: string | null
  /** PEM; null: the authorities that the system trusts. */
  readonly trustedPem: string | null
}

const TIMEOUT_MS = 10_000
// For providers that do not say: short, so that a token that has expired is not used for long.
const DEFAULT_LIFETIME_SECS = 300

/**
 * Gets a token by client credentials (RFC 6749, section 4.4), with the secret in the header. Follows no redirect: it would carry the
 * secret elsewhere.
 * @throws KB_AUTHENTICATION_FAILED when the provider refuses, KB_CLUSTER_UNREACHABLE when it does not answer, KB_TLS_FAILED
 */
export async function requestToken(
  credentials: ClientCredentials,
  clock: Clock = systemClock,
): Promise<BearerToken> {
  const beganMs = clock.nowMs()
  const { status, text } = await post(credentials)
  const fields = parseFields(text)
  const where = `the token endpoint ${credentials.endpoint.host}`
  if (status === 429 || status >= 500) throw noAnswer(where, `answered ${status}`)
  if (status !== 200) {
    const remarks = [fields?.error, fields?.error_description].filter((field) => typeof field === 'string')
    const reason = remarks.length > 0 ? `: ${quotedRemark(remarks.join(', '))}` : ''
    throw refused(`${where} answered ${status}${reason}`)
  }
  const token = fields?.access_token
  if (typeof token !== 'string' || token === '') throw refused(`${where} answered without an access_token`)
  // A number in a text is what some providers send.
  const lifetimeSecs = Number(fields?.expires_in)
  const expiresAtMs =
    lifetimeSecs > 0
      ? beganMs + lifetimeSecs * 1000
      : (tokenExpiryMs(token) ?? beganMs + DEFAULT_LIFETIME_SECS * 1000)
  return { token: new Secret(token), expiresAtMs }
}

interface Answer {
  readonly status: number
  readonly text: string
}

function post(credentials: ClientCredentials): Promise<Answer> {
  const { endpoint, clientId, clientSecret, scope, trustedPem } = credentials
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (scope !== null) form.set('scope', scope)
  const body = form.toString()
  const account = `${formEncoded(clientId)}:${formEncoded(clientSecret.reveal())}`
  const isEncrypted = endpoint.protocol === 'https:'
  const options = {
    method: 'POST',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      accept: 'application/json',
      authorization: `Basic ${Buffer.from(account).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    },
    ...(trustedPem === null ? {} : { ca: trustedPem }),
  }
  return new Promise((resolve, reject) => {
    const send = isEncrypted ? httpsRequest : httpRequest
    const request: ClientRequest = send(endpoint, options, (response) => {
      receive(response).then(resolve, reject)
    })
    request.on('error', (error) => reject(endpointError(endpoint, error)))
    request.end(body)
  }).catch((error: unknown) => {
    throw error instanceof KafkaBackupError ? error : endpointError(endpoint, error as Error)
  }) as Promise<Answer>
}

async function receive(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LIMITS.tokenAnswerMaxBytes) {
      response.destroy()
      throw refused(`a token endpoint answered with more than ${LIMITS.tokenAnswerMaxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}

function parseFields(text: string): Record<string, unknown> | null {
  try {
    const document: unknown = JSON.parse(text)
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** As RFC 6749, section 2.3.1 wants it in the header. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

function endpointError(endpoint: URL, error: Error): KafkaBackupError {
  const translated = connectionError(endpoint.host, error, null)
  if (translated.code === 'KB_TLS_FAILED') {
    return new KafkaBackupError('KB_TLS_FAILED', translated.message.replace(/^broker/, 'token endpoint'), {
      hint: 'Check the certificate of the token endpoint, and sasl_oauthbearer_ca_location.',
      cause: error,
    })
  }
  const isLate = error.name === 'TimeoutError' || error.name === 'AbortError'
  const reason = isLate ? `did not answer within ${TIMEOUT_MS} ms` : `cannot be reached: ${error.message}`
  return noAnswer(`the token endpoint ${endpoint.host}`, reason, error)
}

function noAnswer(where: string, what: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_CLUSTER_UNREACHABLE', `${where} ${what}`, {
    hint: 'Check sasl_oauthbearer_token_endpoint_url and that the identity provider is running.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function refused(message: string): KafkaBackupError {
  return new KafkaBackupError('KB_AUTHENTICATION_FAILED', message, {
    hint: 'Check sasl_oauthbearer_client_id, …_client_secret and …_scope with the identity provider.',
  })
}
