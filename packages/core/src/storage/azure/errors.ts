import { isKafkaBackupError, KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { isPage, isPassingStatus } from '../answer-body.ts'
import {
  denied,
  IMPOSTOR_REASON,
  impossible,
  type Meaning,
  misplaced,
  NO_CONDITION_HINT,
  passing,
  STRANGER_HINT,
  STRANGER_REASON,
} from '../error-meaning.ts'
import { networkMeaning } from '../network-meaning.ts'
import { objectExists, objectNotFound } from '../object-errors.ts'
import { identityAnswerOf } from './identity-errors.ts'

/** What was tried, for the sentence "cannot write orders/x: access is denied (AuthorizationFailure)". */
export interface AzureAttempt {
  /** `create` refuses a taken key, `write` does not. */
  readonly action: 'read' | 'create' | 'write' | 'list' | 'delete' | 'inspect'
  /** The key, or the prefix of a listing. */
  readonly subject: string
  readonly container: string
}

const KEY_HINT =
  'Check storage.account_key or storage.sas_token, that the token has not expired, and the clock of this machine.'
const RIGHTS_HINT =
  'Check the key or the token. An identity needs the role Storage Blob Data Contributor here, a SAS token the permissions rcwl, this machine a way through the firewall of the account; see docs/providers.md.'
const CONTAINER_HINT =
  'Create the container, or correct its name, the account and the endpoint; kafka-backup makes none.'
const IDENTITY_HINT =
  'Set storage.account_key or storage.sas_token, or check client_id, tenant_id, storage.client_secret and the identity of this machine.'
const NETWORK_HINT = 'Let this machine through the firewall of the account.'
const POLICY_HINT =
  'Only manifest.json, the offset state and leases are ever replaced: use an immutability policy of versions, not of the container; see docs/providers.md.'
const LEASE_HINT = 'End the lease; nothing else may use the prefix of kafka-backup.'

/** THE table: codes of Azure and of its SDKs. What is not here is one of the network, or is judged by its status. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    ContainerNotFound: misplaced('there is no such container', CONTAINER_HINT),
    ContainerBeingDeleted: misplaced('the container is being deleted', CONTAINER_HINT),
    ContainerDisabled: misplaced('the container is disabled', CONTAINER_HINT),
    InvalidResourceName: misplaced('the name of the container is not valid', CONTAINER_HINT),
    InvalidUri: misplaced('the address is not valid', CONTAINER_HINT),
    AccountIsDisabled: denied('the account is disabled', RIGHTS_HINT),
    AuthenticationFailed: denied('the store refuses the key or the token', KEY_HINT),
    InvalidAuthenticationInfo: denied('the store refuses the key or the token', KEY_HINT),
    NoAuthenticationInformation: denied('the store wants a key or a token', KEY_HINT),
    AuthorizationFailure: denied('access is denied', RIGHTS_HINT),
    AuthorizationPermissionMismatch: denied('access is denied', RIGHTS_HINT),
    AuthorizationProtocolMismatch: denied('the token is for another protocol', KEY_HINT),
    AuthorizationResourceTypeMismatch: denied('the token is for another kind of resource', RIGHTS_HINT),
    AuthorizationServiceMismatch: denied('the token is for another service', RIGHTS_HINT),
    AuthorizationSourceIPMismatch: denied('this machine may not use the token', NETWORK_HINT),
    InsufficientAccountPermissions: denied('access is denied', RIGHTS_HINT),
    KeyBasedAuthenticationNotPermitted: denied('the account takes no keys', IDENTITY_HINT),
    PublicAccessNotPermitted: denied('the store wants a key or a token', KEY_HINT),
    InvalidTenantId: denied('the identity is of another tenant', IDENTITY_HINT),
    UnauthorizedBlobOverwrite: denied('the token does not allow to replace', RIGHTS_HINT),
    BlobImmutableDueToPolicy: denied('a retention policy protects the object', POLICY_HINT),
    LeaseIdMissing: denied('somebody holds a lease', LEASE_HINT),
    LeaseIdMismatchWithBlobOperation: denied('somebody holds a lease', LEASE_HINT),
    NoIdentity: denied('no credentials were found', IDENTITY_HINT),
    IdentityRefused: denied('the identity was refused', IDENTITY_HINT),
    AuthorityUnavailable: passing('the service that issues tokens does not answer'),
    // The store has not stored what it got: a checksum differs on the way. Sending it again helps.
    Md5Mismatch: passing('the bytes were damaged on the way'),
    InvalidMd5: passing('the bytes were damaged on the way'),
    IncompleteBody: passing('the connection broke in the middle'),
    ServerBusy: passing('the store asks to slow down'),
    InternalError: passing('the store has an internal error'),
    OperationTimedOut: passing('the store took too long'),
    PARSE_ERROR: passing('the answer broke off'),
    REQUEST_SEND_ERROR: passing('the connection broke'),
    InvalidBlockList: impossible(
      'the blocks were removed in the middle',
      'An upload has to end within a week after its first block; run again.',
    ),
    BlockCountExceedsLimit: impossible(
      'too many unfinished blocks are there',
      'They expire after a week; or delete the object.',
    ),
    RequestBodyTooLarge: impossible(
      'the object is larger than the store takes',
      'Lower backup.segment_max_bytes.',
    ),
    BlobArchived: impossible('the object is archived', 'Move the object to a tier that can be read.'),
    InvalidBlobType: impossible('an object of another kind is there', 'Move away what is in the way.'),
    ConditionHeadersNotSupported: impossible('the store cannot do this', NO_CONDITION_HINT),
    UnsupportedHeader: impossible('the store cannot do this', NO_CONDITION_HINT),
    FeatureNotSupported: impossible('the store cannot do this', NO_CONDITION_HINT),
    AbortError: passing('the connection broke'),
  }),
)

const NOT_FOUND = ['BlobNotFound', 'ResourceNotFound']
/** What an exclusive creation gets for a taken key. Some only come where overwriting would be forbidden anyway. */
const TAKEN = [
  'BlobAlreadyExists',
  'ConditionNotMet',
  'UnauthorizedBlobOverwrite',
  'BlobImmutableDueToPolicy',
]
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** Of an answer without a document, as every answer to HEAD may be. */
const NAMELESS = 'Unknown'

interface Answer {
  readonly name: string
  readonly status: number | undefined
  /** Of a refusal by the service that issues tokens. */
  readonly number?: string | undefined
  /** It has nothing that only the store would send. */
  readonly isUnproven?: boolean
  /** It is a page for people. */
  readonly isPage?: boolean
}

/**
 * Errors of the SDKs as ours; every other value, such as an abort reason or a defect, unchanged. Neither the text nor the
 * object of the SDK is kept, also not as a cause: they can repeat addresses with SAS tokens, headers and answers.
 */
export function translateAzureError(error: unknown, attempt: AzureAttempt): unknown {
  const answer = answerOf(error)
  if (answer === undefined) return error
  const { action, subject } = attempt
  const { name, status } = answer
  if (isOfImpostor(answer)) return foreignAnswer(attempt, status)
  const isNamelessAbsence = name === NAMELESS && status === 404
  const isOfObject = action !== 'list' && action !== 'inspect'
  if (isOfObject && (NOT_FOUND.includes(name) || isNamelessAbsence)) return objectNotFound(subject)
  if (action === 'create' && (TAKEN.includes(name) || (name === NAMELESS && status === 412))) {
    return objectExists(subject)
  }
  // A refusal whose document cannot be read is a refusal all the same.
  const isRefusal = name === 'PARSE_ERROR' && status !== undefined && status >= 400
  const meaning = (isRefusal ? undefined : meaningOf(name)) ?? meaningOfStatus(status)
  const text = answer.number ?? name
  const code = status === undefined ? text : `${name === NAMELESS ? 'HTTP' : `${text},`} ${status}`
  const message = `cannot ${verbOf(action)} ${placeOf(attempt)}: ${meaning.reason} (${code})`
  return new KafkaBackupError(meaning.code, message, {
    context: { key: subject },
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
  })
}

/** KB_STORAGE_UNAVAILABLE: the store sent fewer or more bytes than it announced. */
export function brokenBody(attempt: AzureAttempt): KafkaBackupError {
  const message = `cannot read ${placeOf(attempt)}: the connection broke in the middle of the object`
  return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', message, { context: { key: attempt.subject } })
}

/**
 * KB_STORAGE_UNAVAILABLE: a success without what every success has, such as an error document with status 200, or a refusal
 * that comes from something else.
 */
export function foreignAnswer(attempt: AzureAttempt, status = 200): KafkaBackupError {
  const reason = status < 300 ? STRANGER_REASON : `${IMPOSTOR_REASON} (HTTP ${status})`
  const message = `cannot ${verbOf(attempt.action)} ${placeOf(attempt)}: ${reason}`
  return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', message, {
    context: { key: attempt.subject },
    hint: STRANGER_HINT,
  })
}

/** KB_STORAGE_UNSUPPORTED: the store does something that Azure does not. */
export function strangeStore(attempt: AzureAttempt, reason: string): KafkaBackupError {
  const message = `cannot ${verbOf(attempt.action)} ${placeOf(attempt)}: ${reason}`
  return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', message, {
    context: { key: attempt.subject },
    hint: 'The store does not behave like Azure Blob Storage; report this with its name and version.',
  })
}

function verbOf(action: AzureAttempt['action']): string {
  return action === 'create' ? 'write' : action
}

function placeOf({ subject, container }: AzureAttempt): string {
  return subject === '' ? `container ${container}` : `${subject} in container ${container}`
}

/** A redirection, a page for people, or an answer that would decide something without what Azure says beside it. */
function isOfImpostor({ name, status = 0, isUnproven, isPage }: Answer): boolean {
  if (!isUnproven || status < 300 || isPassingStatus(status)) return false
  const isNameless = name === NAMELESS || name === 'PARSE_ERROR'
  const isDecisive = status < 400 || status === 404 || status === 412
  return isPage === true || (isNameless && isDecisive)
}

function meaningOf(name: string): Meaning | undefined {
  return MEANINGS.get(name) ?? networkMeaning(name)
}

function meaningOfStatus(status: number | undefined): Meaning {
  if (status !== undefined && isPassingStatus(status)) return passing('the store has a problem')
  if (status !== undefined && status < 300) return { ...passing(STRANGER_REASON), hint: STRANGER_HINT }
  if (status === 401 || status === 403) return denied('access is denied', RIGHTS_HINT)
  return impossible('the store refuses the request', 'Look the answer up in the documentation of Azure.')
}

/** What answered, by name and status; undefined for what comes neither from the store nor from the network. */
function answerOf(error: unknown): Answer | undefined {
  if (!(error instanceof Error) || isKafkaBackupError(error)) return undefined
  const identity = identityAnswerOf(error)
  if (identity) return { ...identity, status: undefined }
  const { name, code, statusCode, response, details } = error as Error & {
    readonly code?: unknown
    readonly statusCode?: unknown
    readonly response?: { readonly headers?: { get(name: string): string | undefined } }
    readonly details?: { readonly errorCode?: unknown }
  }
  const status = typeof statusCode === 'number' ? statusCode : undefined
  const header = response?.headers?.get('x-ms-error-code')
  const proof = {
    // Azure gives every request a number.
    isUnproven: header === undefined && response?.headers?.get('x-ms-request-id') === undefined,
    isPage: isPage(response?.headers?.get('content-type')),
  }
  const names = [header, details?.errorCode, code, name].filter(
    (text): text is string => typeof text === 'string' && NAME.test(text),
  )
  if (status !== undefined && (status >= 500 || status === 429)) {
    return {
      name: names.find((text) => meaningOf(text)?.code === 'KB_STORAGE_UNAVAILABLE') ?? NAMELESS,
      status,
    }
  }
  const known = names.find(
    (text) => meaningOf(text) !== undefined || NOT_FOUND.includes(text) || TAKEN.includes(text),
  )
  if (known !== undefined) return { name: known, status, ...proof }
  if (status !== undefined || name === 'RestError') {
    const given = names.find((text) => text !== 'Error' && text !== 'RestError')
    return { name: given ?? NAMELESS, status, ...proof }
  }
  // Errors of the network have a code in capitals; what else is thrown here is a defect of ours.
  const socket = names.find((text) => /^[A-Z][A-Z0-9_]+$/.test(text) && !text.startsWith('ERR_'))
  return socket === undefined ? undefined : { name: socket, status }
}
