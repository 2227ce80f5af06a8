import { isKafkaBackupError, KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { isPassingStatus } from '../answer-body.ts'
import {
  denied,
  IMPOSTOR_REASON,
  impossible,
  type Meaning,
  misplaced,
  passing,
  STRANGER_HINT,
  STRANGER_REASON,
} from '../error-meaning.ts'
import { networkMeaning } from '../network-meaning.ts'
import { objectExists, objectNotFound } from '../object-errors.ts'

/** What was tried, for the sentence "cannot write orders/x: access is denied (forbidden, 403)". */
export interface GcsAttempt {
  /** `create` refuses a taken key, `write` does not. */
  readonly action: 'read' | 'create' | 'write' | 'list' | 'delete' | 'inspect'
  /** The key, or the prefix of a listing. */
  readonly subject: string
  readonly bucket: string
}

const RIGHTS_HINT =
  'Give the account the roles Storage Object Creator and Storage Object Viewer for the bucket, and the right to replace manifest.json; see docs/providers.md.'
const KEY_HINT =
  'Check the key of the service account, that it was not removed, and the clock of this machine.'
const BUCKET_HINT = 'Create the bucket, or correct its name and the endpoint; kafka-backup makes none.'
const RETENTION_HINT =
  'Only manifest.json, the offset state and leases are ever replaced, which a retention policy of the whole bucket forbids; see docs/providers.md.'
const SESSION_HINT = 'An upload has to end within a week; run again.'
const DOCUMENTATION_HINT = 'Look the answer up in the documentation of Google Cloud Storage.'

/** THE table: reasons of Google. What is not here is judged by its status. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    retentionPolicyNotMet: denied('a retention policy protects the object', RETENTION_HINT),
    objectUnderActiveHold: denied('a hold protects the object', RETENTION_HINT),
    accountDisabled: denied('the account is disabled', RIGHTS_HINT),
    accessNotConfigured: denied('the service is not enabled in the project', RIGHTS_HINT),
    UserProjectMissing: denied('the bucket wants its readers to pay', 'Use a bucket whose owner pays.'),
    required: denied('the store wants credentials', KEY_HINT),
    authError: denied('the store refuses the credentials', KEY_HINT),
    rateLimitExceeded: passing('the store asks to slow down'),
    userRateLimitExceeded: passing('the store asks to slow down'),
    quotaExceeded: denied('a quota is used up', 'Raise the quota of the project.'),
    uploadTooLarge: impossible(
      'the object is larger than the store takes',
      'Lower backup.segment_max_bytes.',
    ),
  }),
)

const PAGE = /^\s*<(?:!doctype|html|head|body)\b/i
const NAME = /^[A-Za-z][A-Za-z0-9_.]{0,63}$/
// How Google says that the body is not what its checksum says; there is no reason of its own for it.
const DAMAGED = /doesn't match calculated|does not match calculated/i
const BUCKET_ABSENT = /bucket does not exist/i
// A new object needs no right to delete; where Google misses it, an object is there.
const TAKEN = /storage\.objects\.delete/

/** An answer that is a failure, as ours. Its text is looked at and not kept: it can repeat what was sent. */
export function refusalOf(status: number, text: string, attempt: GcsAttempt): KafkaBackupError {
  const { action, subject } = attempt
  const { reason, message, code } = readRefusal(text)
  if (isOfImpostor(status, text, code)) return foreignAnswer(attempt, status)
  if (status === 404 && isOfObject(attempt) && !BUCKET_ABSENT.test(message)) return objectNotFound(subject)
  if (action === 'create' && (status === 412 || (status === 403 && TAKEN.test(message)))) {
    return objectExists(subject)
  }
  const meaning = meaningOf(status, reason, message)
  return failure(attempt, meaning, reason === undefined ? `HTTP ${status}` : `${reason}, ${status}`)
}

/**
 * Errors of the network as ours; every other value, such as an abort reason or a defect, unchanged. No error of a library
 * is kept, also not as a cause: it can repeat tokens and the addresses of uploads.
 */
export function translateGcsError(error: unknown, attempt: GcsAttempt): unknown {
  if (!(error instanceof Error) || isKafkaBackupError(error)) return error
  const { code } = error as { readonly code?: unknown }
  if (typeof code !== 'string') return error
  const meaning = networkMeaning(code)
  return meaning === undefined ? error : failure(attempt, meaning, code)
}

/** One of our errors about an attempt. */
export function failure(attempt: GcsAttempt, meaning: Meaning, detail?: string): KafkaBackupError {
  const { code, reason, hint } = meaning
  const shown = detail === undefined ? '' : ` (${detail})`
  const message = `cannot ${verbOf(attempt.action)} ${placeOf(attempt)}: ${reason}${shown}`
  return new KafkaBackupError(code, message, {
    context: { key: attempt.subject },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** KB_STORAGE_UNAVAILABLE: the store sent fewer or more bytes than it announced. */
export function brokenBody(attempt: GcsAttempt): KafkaBackupError {
  return failure(attempt, passing('the connection broke in the middle of the object'))
}

/**
 * KB_STORAGE_UNAVAILABLE: a success without what every success has, such as an error document with status 200, or a refusal
 * that comes from something else.
 */
export function foreignAnswer(attempt: GcsAttempt, status = 200): KafkaBackupError {
  const isSuccess = status < 300
  const meaning = { ...passing(isSuccess ? STRANGER_REASON : IMPOSTOR_REASON), hint: STRANGER_HINT }
  return failure(attempt, meaning, isSuccess ? undefined : `HTTP ${status}`)
}

/** KB_STORAGE_UNSUPPORTED: the upload cannot be gone on with, since the store has forgotten it. */
export function lostSession(attempt: GcsAttempt): KafkaBackupError {
  return failure(attempt, impossible('the store does not know the upload any more', SESSION_HINT))
}

/** KB_STORAGE_UNSUPPORTED: the store does something that Google does not. */
export function strangeStore(attempt: GcsAttempt, reason: string): KafkaBackupError {
  const hint = 'The store does not behave like Google Cloud Storage; report this with its name and version.'
  return failure(attempt, impossible(reason, hint))
}

/**
 * A redirection, a page for people, or an answer that would decide something without the document of Google about it. The type of
 * an answer tells nothing here: Google labels the plain text with which it refuses a download as a page.
 */
function isOfImpostor(status: number, text: string, code: unknown): boolean {
  if (isPassingStatus(status)) return false
  const isDecisive = status < 400 || status === 404 || status === 412
  return (isDecisive && code !== status) || PAGE.test(text)
}

function isOfObject({ action }: GcsAttempt): boolean {
  return action === 'read' || action === 'delete'
}

function verbOf(action: GcsAttempt['action']): string {
  return action === 'create' ? 'write' : action
}

function placeOf({ subject, bucket }: GcsAttempt): string {
  return subject === '' ? `bucket ${bucket}` : `${subject} in bucket ${bucket}`
}

function meaningOf(status: number, reason: string | undefined, message: string): Meaning {
  if (status === 400 && DAMAGED.test(message)) return passing('the bytes were damaged on the way')
  if (isPassingStatus(status))
    return passing(status === 429 ? 'the store asks to slow down' : 'the store has a problem')
  const known = reason === undefined ? undefined : MEANINGS.get(reason)
  if (known) return known
  if (status === 401) return denied('the store refuses the credentials', KEY_HINT)
  if (status === 403) return denied('access is denied', RIGHTS_HINT)
  if (status === 404) return misplaced('there is no such bucket', BUCKET_HINT)
  return impossible('the store refuses the request', DOCUMENTATION_HINT)
}

/** Reason and text of Google's document; other text, such as that of a download, is the message. */
function readRefusal(text: string): {
  readonly reason: string | undefined
  readonly message: string
  /** The status once more. */
  readonly code?: unknown
} {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Record<string, unknown> }
    const [first] = (error?.errors ?? []) as readonly { readonly reason?: unknown }[]
    const reason = first?.reason
    return {
      reason: typeof reason === 'string' && NAME.test(reason) ? reason : undefined,
      message: typeof error?.message === 'string' ? error.message : '',
      code: error?.code,
    }
  } catch {
    return { reason: undefined, message: text }
  }
}
