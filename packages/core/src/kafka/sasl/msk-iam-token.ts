import { type Clock, systemClock } from '../../runtime/clock.ts'
import { Secret } from '../../runtime/secret.ts'
import type { TokenSource } from '../security.ts'
import { type AwsSigner, awsEncoded, awsTime, EMPTY_PAYLOAD_HASH, presignedQuery } from './aws-signature.ts'

const LIFETIME_SECS = 900
const USER_AGENT = 'kafka-backup'

/** Credentials of AWS, and the region of the cluster. */
export type MskAccount = Omit<AwsSigner, 'service'>

/**
 * Tokens for clusters of AWS MSK with IAM: a presigned request for the action `kafka-cluster:Connect`, which the cluster sends to AWS
 * in its turn, in base64url without padding. Signed anew for each connection, on this machine.
 */
export function mskIamTokens(account: MskAccount, clock: Clock = systemClock): TokenSource {
  return async (signal) => {
    signal?.throwIfAborted()
    const nowMs = clock.nowMs()
    const host = `kafka.${account.region}.amazonaws.com`
    const query = presignedQuery(
      {
        method: 'GET',
        path: '/',
        query: [['Action', 'kafka-cluster:Connect']],
        headers: new Map([['host', host]]),
        payloadHash: EMPTY_PAYLOAD_HASH,
      },
      { ...account, service: 'kafka-cluster' },
      { time: awsTime(nowMs), lifetimeSecs: LIFETIME_SECS },
    )
    // Behind the signature, which does not cover it: it only shows in the cluster's log.
    const url = `https://${host}/?${query}&User-Agent=${awsEncoded(USER_AGENT)}`
    return {
      token: new Secret(Buffer.from(url).toString('base64url')),
      expiresAtMs: nowMs + LIFETIME_SECS * 1000,
    }
  }
}
