import { isKafkaBackupError } from '../../errors/kafka-backup-error.ts'
import type { Meaning } from '../error-meaning.ts'
import { networkMeaning } from '../network-meaning.ts'
import { MEANINGS } from './error-table.ts'

/** What answered a request, as the SDK tells it. */
export interface SdkAnswer {
  readonly name: string
  readonly status: number | undefined
  /** Whoever answered gave the request a number, or its document names a reason. The SDK names 404 by itself. */
  readonly isOfService: boolean
}

export const NOT_FOUND_NAMES = ['NoSuchKey', 'NotFound', 'NoSuchVersion']
/** Of an answer without a document, as every answer to HEAD is. */
export const NAMELESS = 'Unknown'
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/** What a name means, whether it is one of a document or of the network. */
export function meaningOf(name: string): Meaning | undefined {
  return MEANINGS[name] ?? networkMeaning(name)
}

/** For the brackets at the end of a message: `AccessDenied, 403`, `HTTP 502`, `ECONNRESET`. */
export function codeOf({ name, status }: SdkAnswer): string {
  if (status === undefined) return name
  return `${name === NAMELESS ? 'HTTP' : `${name},`} ${status}`
}

/** What answered, by name and status; undefined for what comes neither from a service nor from the network. */
export function answerOf(error: unknown): SdkAnswer | undefined {
  if (!(error instanceof Error) || isKafkaBackupError(error)) return undefined
  const { name, code, Code, $metadata } = error as Error & {
    readonly code?: unknown
    readonly Code?: unknown
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  }
  const status = $metadata?.httpStatusCode
  const isOfService = $metadata?.requestId !== undefined || typeof Code === 'string'
  const names = [code, Code, name].filter(
    (text): text is string => typeof text === 'string' && NAME.test(text),
  )
  const known = names.find((text) => meaningOf(text) !== undefined || NOT_FOUND_NAMES.includes(text))
  if (known !== undefined) return { name: known, status, isOfService }
  if (error.message === 'Region is missing') return { name: 'RegionMissing', status, isOfService }
  if (error.message.startsWith('Region not accepted:')) return { name: 'RegionInvalid', status, isOfService }
  if (status !== undefined) {
    return { name: names.find((text) => text !== 'Error') ?? NAMELESS, status, isOfService }
  }
  // Errors of the network have a code in capitals; what else is thrown here is a defect of ours.
  const socket = names.find((text) => /^[A-Z][A-Z0-9_]+$/.test(text) && !text.startsWith('ERR_'))
  return socket === undefined ? undefined : { name: socket, status, isOfService }
}
