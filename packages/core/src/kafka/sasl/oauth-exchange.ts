import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { BearerToken, TokenSource } from '../security.ts'
import { quotedRemark } from './sasl-error.ts'
import type { SaslExchange } from './sasl-exchange.ts'

const SEPARATOR = '\u0001'
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
const EXTENSION_NAME = /^[A-Za-z]+$/
const EXTENSION_VALUE = /^[\x21-\x7E \t\r\n]+$/

/** What OAUTHBEARER needs besides the token. */
export interface OauthExchangeOptions {
  readonly tokens: TokenSource
  readonly extensions: ReadonlyMap<string, string>
  readonly nowMs: number
  readonly signal?: AbortSignal
}

/** OAUTHBEARER (RFC 7628, KIP-255) with the extensions of KIP-342. */
export function oauthExchange(options: OauthExchangeOptions): SaslExchange {
  let token: BearerToken | null = null
  let refusal: string | null = null
  return {
    mechanism: 'OAUTHBEARER',
    account: null,
    async begin() {
      token = await options.tokens(options.signal)
      const revealed = token.token.reveal()
      if (!TOKEN.test(revealed)) {
        throw new KafkaBackupError('KB_AUTHENTICATION_FAILED', 'what should be a bearer token is none', {
          hint: 'Check the token file or the token endpoint: a token has no spaces and no line ends.',
        })
      }
      const parts = [`auth=Bearer ${revealed}`, ...extensionsOf(options.extensions)]
      return Buffer.from(`n,,${SEPARATOR}${parts.map((part) => part + SEPARATOR).join('')}${SEPARATOR}`)
    },
    async answer(message) {
      if (message.length === 0 && refusal === null) return null
      if (refusal !== null) {
        throw new KafkaBackupError('KB_AUTHENTICATION_FAILED', `the broker refused the token: ${refusal}`)
      }
      refusal = refusalOf(message.toString())
      // The broker's verdict comes only after this one byte (RFC 7628, section 3.2.3).
      return Buffer.from(SEPARATOR)
    },
    explain(remark) {
      const age = ageOf(token, options.nowMs)
      return refusalOf(remark) + (age === null ? '' : ` (${age})`)
    },
  }
}

/** False for names and values that would end the message or replace the token. */
export function isOauthExtension(name: string, value: string): boolean {
  return EXTENSION_NAME.test(name) && name.toLowerCase() !== 'auth' && EXTENSION_VALUE.test(value)
}

function extensionsOf(extensions: ReadonlyMap<string, string>): string[] {
  return [...extensions].map(([name, value]) => {
    if (isOauthExtension(name, value)) return `${name}=${value}`
    throw new KafkaBackupError('KB_CONFIG_INVALID', `"${quotedRemark(name)}" cannot be a SASL extension`)
  })
}

/** The JSON document that a broker explains itself with; anything else is quoted. */
function refusalOf(text: string): string {
  try {
    const { status, scope } = JSON.parse(text) as { status?: unknown; scope?: unknown }
    const needs = typeof scope === 'string' && scope !== '' ? `, scope ${scope} is needed` : ''
    if (typeof status === 'string') return quotedRemark(status + needs)
  } catch {
    // Not JSON: the text itself has to do.
  }
  return quotedRemark(text)
}

function ageOf(token: BearerToken | null, nowMs: number): string | null {
  if (token === null || token.expiresAtMs > nowMs) return null
  return `the token expired at ${new Date(token.expiresAtMs).toISOString()}`
}
