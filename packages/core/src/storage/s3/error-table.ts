import {
  denied,
  FOREIGN_HINT,
  impossible,
  type Meaning,
  misplaced,
  NO_CONDITION_HINT,
  passing,
} from '../error-meaning.ts'

const KEY_HINT =
  'Check storage.access_key and storage.secret_key, or the profile and variables of AWS that are in force.'
export const RIGHTS_HINT =
  'The account needs s3:GetObject, s3:PutObject, s3:AbortMultipartUpload and s3:ListBucket here; see docs/providers.md.'
const BUCKET_HINT =
  'Create the bucket, or correct its name, the region and the endpoint; kafka-backup makes none.'
export const REGION_HINT = 'Add region=… to the location, or set storage.region, to the region of the bucket.'
const UNREADABLE: Meaning = {
  code: 'KB_CONFIG_UNREADABLE',
  reason: 'a file with credentials cannot be read',
  hint: 'Check the file that AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or the profile names.',
}
export const EXPIRED_HINT = 'Sign in again, or give credentials that can be renewed, such as a role.'
/** THE table: names of errors of S3 and of its SDK. What is not here is one of the network, or is judged by its status, in `errors.ts`. */
export const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: misplaced('there is no such bucket', BUCKET_HINT),
  InvalidBucketName: misplaced('the name of the bucket is not valid', BUCKET_HINT),
  PermanentRedirect: misplaced('the bucket is in another region', REGION_HINT),
  AuthorizationHeaderMalformed: misplaced(
    'the region, or the form of the access key, is not what the store expects',
    REGION_HINT,
  ),
  IllegalLocationConstraintException: misplaced('the bucket is in another region', REGION_HINT),
  AccessDenied: denied('access is denied', RIGHTS_HINT),
  Forbidden: denied('access is denied', RIGHTS_HINT),
  AllAccessDisabled: denied('access to the bucket is disabled', RIGHTS_HINT),
  AccountProblem: denied('the account has a problem', RIGHTS_HINT),
  InvalidAccessKeyId: denied('the store does not know the access key', KEY_HINT),
  SignatureDoesNotMatch: denied('the secret key is wrong', KEY_HINT),
  InvalidToken: denied('the session token is not valid', KEY_HINT),
  InvalidClientTokenId: denied('the credentials are not valid', KEY_HINT),
  CredentialsProviderError: denied('no credentials were found', KEY_HINT),
  TokenProviderError: denied('no credentials were found', KEY_HINT),
  ExpiredToken: denied('the credentials have expired', EXPIRED_HINT),
  ExpiredTokenException: denied('the credentials have expired', EXPIRED_HINT),
  TokenRefreshRequired: denied('the credentials have expired', EXPIRED_HINT),
  RequestTimeTooSkewed: denied('the clock of this machine is wrong', 'Set the clock of this machine right.'),
  KMSAccessDenied: denied('the key of the encryption may not be used', RIGHTS_HINT),
  // The store has not stored what it got: a checksum differs on the way. Sending it again helps.
  BadDigest: passing('the bytes were damaged on the way'),
  InvalidDigest: passing('the bytes were damaged on the way'),
  XAmzContentSHA256Mismatch: passing('the bytes were damaged on the way'),
  IncompleteBody: passing('the connection broke in the middle'),
  SlowDown: passing('the store asks to slow down'),
  Throttling: passing('the store asks to slow down'),
  TooManyRequests: passing('the store asks to slow down'),
  ServiceUnavailable: passing('the store is busy'),
  InternalError: passing('the store has an internal error'),
  RequestTimeout: passing('the store waited too long for the bytes'),
  OperationAborted: passing('another request for the same object is under way'),
  ConditionalRequestConflict: passing('another request for the same object is under way'),
  NotImplemented: impossible('the store cannot do this', NO_CONDITION_HINT),
  EntityTooLarge: impossible('the object is larger than the store takes', 'Lower backup.segment_max_bytes.'),
  EntityTooSmall: impossible(
    'the store refuses the size of a part',
    'Report this with the name of the store.',
  ),
  KeyTooLongError: impossible('the key is too long', 'Choose a shorter prefix.'),
  KeyTooLong: impossible('the key is too long', 'Choose a shorter prefix.'),
  NoSuchUpload: impossible(
    'the upload was removed in the middle',
    'Give the rule that removes unfinished uploads more than a day; then run again.',
  ),
  ObjectParentIsFile: impossible('an object is where a folder is needed', FOREIGN_HINT),
  ExistingObjectIsDirectory: impossible('a folder is where an object is needed', FOREIGN_HINT),
  QuotaExceeded: { code: 'KB_STORAGE_FULL', reason: 'the quota is used up' },
  XMinioStorageFull: { code: 'KB_STORAGE_FULL', reason: 'the store is full' },
  InvalidObjectState: impossible('the object is archived', 'Restore the object to a class that can be read.'),
  // Of the client. The only files that it reads are those of credentials.
  ENOENT: UNREADABLE,
  EACCES: UNREADABLE,
  EISDIR: UNREADABLE,
  ERR_INVALID_CHAR: denied(
    'a key, the token or the region has a character that no request can carry, such as a line break',
    KEY_HINT,
  ),
  ERR_INVALID_URL: {
    code: 'KB_CONFIG_INVALID',
    reason: 'an address in the environment or the profile is none',
    hint: 'Check AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and endpoint_url of the profile: each begins with https:// or http://.',
  },
  TimeoutError: passing('the store does not answer'),
}
