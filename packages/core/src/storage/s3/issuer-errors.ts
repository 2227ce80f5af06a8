import { isPassingStatus } from '../answer-body.ts'
import { denied, type Meaning, passing } from '../error-meaning.ts'
import { networkMeaning } from '../network-meaning.ts'
import { answerOf, codeOf, meaningOf, type SdkAnswer } from './sdk-answer.ts'

const REFUSED_HINT =
  'This is about the role, not about the bucket: check AWS_ROLE_ARN or role_arn of the profile, the trust policy of the role, and the token or the keys that ask for it.'
const SILENT_HINT =
  'Check the way of this machine to the service of AWS that issues credentials (STS): the region, AWS_ENDPOINT_URL_STS, the firewall and the proxy.'
const SILENT: Meaning = {
  ...passing('the service that issues credentials does not answer'),
  hint: SILENT_HINT,
}
/** That the service does not reach whoever vouches for the identity has status 400. */
const PASSING_NAME = /^IDPCommunicationError/

/** Who issues credentials refused, or did not answer: the store was not asked. */
export class IssuerFailure extends Error {
  readonly meaning: Meaning
  /** A name and a status, for people. */
  readonly code: string

  constructor(meaning: Meaning, code: string) {
    super(meaning.reason)
    this.meaning = meaning
    this.code = code
  }
}

/** For an error of a request that was not sent: the answer of somebody else, or undefined. Nothing of its text is kept. */
export function issuerFailureOf(error: unknown): IssuerFailure | undefined {
  const answer = answerOf(error)
  const meaning = answer && meaningOfIssuer(answer)
  return meaning && new IssuerFailure(meaning, codeOf(answer))
}

function meaningOfIssuer({ name, status }: SdkAnswer): Meaning | undefined {
  const known = meaningOf(name)
  const isPassing = known?.code === 'KB_STORAGE_UNAVAILABLE'
  if (status === undefined) {
    if (isPassing) return SILENT
    const network = networkMeaning(name)
    return network && { ...network, reason: `the service that issues credentials: ${network.reason}` }
  }
  // Whatever is no refusal is no answer of the service either: credentials would have come with a success.
  if (isPassing || status < 400 || isPassingStatus(status) || PASSING_NAME.test(name)) return SILENT
  return denied('the service that issues credentials refuses the identity', REFUSED_HINT)
}
