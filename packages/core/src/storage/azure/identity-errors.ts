/** What signing in came to, by a name of the table in `errors.ts`, and the number that Entra gives its refusals. */
export interface IdentityAnswer {
  readonly name: 'NoIdentity' | 'IdentityRefused' | 'AuthorityUnavailable'
  readonly number: string | undefined
}

const REFUSED = ['AuthenticationRequiredError', 'AuthenticationError']
const ABSENT = ['CredentialUnavailableError', 'AggregateAuthenticationError']
// Of the library below that of identities, which keeps nothing but the text.
const PASSING = /\b(network_error|endpoints_resolution_error|temporarily_unavailable)\b/
const NUMBER = /\bAADSTS\d{3,8}\b/

/** What an error of the SDK of identities means; undefined for others. Its text is looked at and not kept. */
export function identityAnswerOf(error: Error): IdentityAnswer | undefined {
  const isAbsent = ABSENT.includes(error.name)
  if (!isAbsent && !REFUSED.includes(error.name)) return undefined
  const number = NUMBER.exec(error.message)?.[0]
  // A chain tells of every place where it looked; on a machine without identities one of them never answers.
  const isChain = error.name === 'AggregateAuthenticationError'
  if (!isChain && PASSING.test(error.message)) return { name: 'AuthorityUnavailable', number }
  return { name: isAbsent ? 'NoIdentity' : 'IdentityRefused', number }
}
