import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
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
import { objectExists, objectNotFound } from '../object-errors.ts'
import { EXPIRED_HINT, REGION_HINT, RIGHTS_HINT } from './error-table.ts'
import { IssuerFailure } from './issuer-errors.ts'
import { answerOf, codeOf, meaningOf, NAMELESS, NOT_FOUND_NAMES, type SdkAnswer } from './sdk-answer.ts'

/** The answer to a request is a page for people. */
export class PageInstead extends Error {
  readonly status: number

  constructor(status: number) {
    super('a page instead of an answer')
    this.status = status
  }
}

/** What was tried, for the sentence "cannot write orders/x: access is denied (AccessDenied)". */
export interface S3Attempt {
  readonly action: 'read' | 'write' | 'list' | 'delete'
  /** The key, or the prefix of a listing. */
  readonly subject: string
  readonly bucket: string
  /** An answer to HEAD has no document that could name its reason. */
  readonly isHead?: boolean
}

/** Codes of a network that took nothing. */
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']
const EXPIRED_NAMES = ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired']

/**
 * Errors of the SDK as ours; every other value, such as an abort reason or a defect, unchanged. Neither the text nor the
 * object of the SDK is kept, also not as a cause: they can repeat headers, signed text and answers of the server.
 */
export function translateS3Error(error: unknown, attempt: S3Attempt): unknown {
  if (error instanceof PageInstead) return foreignAnswer(attempt, error.status)
  if (error instanceof IssuerFailure) return failure(attempt, error.meaning, error.code)
  const answer = answerOf(error)
  if (answer === undefined) return error
  const { action, subject } = attempt
  if (isOfImpostor(answer, attempt.isHead)) return foreignAnswer(attempt, answer.status)
  if (NOT_FOUND_NAMES.includes(answer.name) && action !== 'list') return objectNotFound(subject)
  if (answer.status === 412) return objectExists(subject)
  const meaning = meaningOf(answer.name) ?? meaningOfStatus(answer, attempt.isHead)
  return failure(attempt, meaning, codeOf(answer))
}

function failure({ action, subject, bucket }: S3Attempt, meaning: Meaning, code: string): KafkaBackupError {
  const place = subject === '' ? `bucket ${bucket}` : `${subject} in bucket ${bucket}`
  return new KafkaBackupError(meaning.code, `cannot ${action} ${place}: ${meaning.reason} (${code})`, {
    context: { key: subject },
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
  })
}

/** KB_STORAGE_UNAVAILABLE: the store sent fewer or more bytes than it announced. */
export function brokenBody({ subject, bucket }: S3Attempt): KafkaBackupError {
  const message = `cannot read ${subject} in bucket ${bucket}: the connection broke in the middle of the object`
  return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', message, { context: { key: subject } })
}

/**
 * KB_STORAGE_UNAVAILABLE: a success without what every success has, such as an error document with status 200, or a refusal
 * that comes from something else.
 */
export function foreignAnswer({ action, subject, bucket }: S3Attempt, status = 200): KafkaBackupError {
  const place = subject === '' ? `bucket ${bucket}` : `${subject} in bucket ${bucket}`
  const reason = status < 300 ? STRANGER_REASON : `${IMPOSTOR_REASON} (HTTP ${status})`
  return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', `cannot ${action} ${place}: ${reason}`, {
    context: { key: subject },
    hint: STRANGER_HINT,
  })
}

/** KB_STORAGE_UNSUPPORTED: the store does something that no S3 may. */
export function strangeStore({ action, subject, bucket }: S3Attempt, reason: string): KafkaBackupError {
  const message = `cannot ${action} ${subject === '' ? '' : `${subject} in `}bucket ${bucket}: ${reason}`
  return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', message, {
    context: { key: subject },
    hint: 'The store does not behave like S3; report this with its name and version.',
  })
}

/** True for an answer to HEAD that says "absent" and has nothing that only a store would send. */
export function isUnprovenAbsence(error: unknown): boolean {
  const answer = answerOf(error)
  return answer?.status === 404 && !answer.isOfService
}

/** True when nothing of the chain of AWS had credentials. */
export function hasNoIdentity(error: unknown): boolean {
  return error instanceof Error && error.name === 'CredentialsProviderError'
}

/** True when the store may have carried out a request although its answer says nothing of it, or never came. */
export function mayBeDone(error: unknown): boolean {
  const answer = answerOf(error)
  if (answer === undefined) return false
  const { name, status } = answer
  // A success whose document nobody can read may be one all the same.
  if (status !== undefined) return isUnreadableSuccess(answer) || (status >= 500 && status !== 503)
  return meaningOf(name)?.code === 'KB_STORAGE_UNAVAILABLE' && !NEVER_SENT.includes(name)
}

/** True when credentials that were fetched have run out; fetching them anew may help. */
export function isExpired(error: unknown, isHead: boolean | undefined): boolean {
  const answer = answerOf(error)
  if (answer === undefined) return false
  return (
    EXPIRED_NAMES.includes(answer.name) || (isHead === true && isNamelessRefusal(answer.name, answer.status))
  )
}

/**
 * A redirection, or an answer that would decide something, without what every store says beside it. HEAD has no document, so that
 * its 404 is looked into by whoever asked.
 */
function isOfImpostor({ status = 0, isOfService }: SdkAnswer, isHead: boolean | undefined): boolean {
  if (isOfService) return false
  return (status >= 300 && status < 400) || status === 412 || (status === 404 && isHead !== true)
}

/** Not an error document with status 200: that has a name which is known. */
function isUnreadableSuccess({ name, status }: SdkAnswer): boolean {
  return status !== undefined && status < 300 && meaningOf(name) === undefined
}

function meaningOfStatus(answer: SdkAnswer, isHead: boolean | undefined): Meaning {
  const { name, status } = answer
  if (status !== undefined && status < 300) return { ...passing(STRANGER_REASON), hint: STRANGER_HINT }
  if (status !== undefined && isPassingStatus(status)) return passing('the store has a problem')
  if (status === 401 || status === 403) return denied('access is denied', RIGHTS_HINT)
  if (isHead && isNamelessRefusal(name, status))
    return denied('the store refuses the credentials', EXPIRED_HINT)
  if (status === 301 || status === 307) return misplaced('the bucket is in another region', REGION_HINT)
  if (name === 'RegionMissing') return misplaced('no region is known', REGION_HINT)
  if (name === 'RegionInvalid') return misplaced('the region is no name of one', REGION_HINT)
  return impossible('the store refuses the request', 'Look the answer up in the documentation of the store.')
}

/** What HEAD gets for credentials that have expired; our own requests give no other reason for it. Elsewhere it is a proxy's answer. */
function isNamelessRefusal(name: string, status: number | undefined): boolean {
  return name === NAMELESS && status === 400
}
