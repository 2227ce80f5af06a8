import { createHash, createHmac } from 'node:crypto'
import type { Secret } from '../../runtime/secret.ts'

/** Who signs, and for what. */
export interface AwsSigner {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
  /** Of temporary credentials; null for permanent ones. */
  readonly sessionToken: Secret | null
  readonly region: string
  readonly service: string
}

/** A request as Signature Version 4 sees it. `path` is encoded already; names of `headers` are in lower case. */
export interface AwsRequest {
  readonly method: string
  readonly path: string
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly headers: ReadonlyMap<string, string>
  /** SHA-256 of the body in hex, or the word that stands for one. */
  readonly payloadHash: string
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** SHA-256 of no bytes. */
export const EMPTY_PAYLOAD_HASH = createHash('sha256').digest('hex')

/** `20150830T123600Z` */
export function awsTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
}

/** The one spelling of a request that both sides digest (Signature Version 4, "canonical request"). */
export function canonicalRequest(request: AwsRequest): string {
  const headers = sortedHeaders(request)
  return [
    request.method,
    request.path,
    canonicalQuery(request.query),
    ...headers.map(([name, value]) => `${name}:${value.trim().replaceAll(/ +/g, ' ')}`),
    '',
    headers.map(([name]) => name).join(';'),
    request.payloadHash,
  ].join('\n')
}

/** What the signature is made over. */
export function stringToSign(request: AwsRequest, signer: AwsSigner, time: string): string {
  const digest = createHash('sha256').update(canonicalRequest(request)).digest('hex')
  return [ALGORITHM, time, scopeOf(signer, time), digest].join('\n')
}

/** The signature in hex. */
export function awsSignature(request: AwsRequest, signer: AwsSigner, time: string): string {
  const keyed = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest()
  let key = keyed(`AWS4${signer.secretAccessKey.reveal()}`, time.slice(0, 8))
  for (const part of [signer.region, signer.service, 'aws4_request']) key = keyed(key, part)
  return keyed(key, stringToSign(request, signer, time)).toString('hex')
}

/** The query of a request that carries its own signature and is valid for `lifetimeSecs`. */
export function presignedQuery(
  request: AwsRequest,
  signer: AwsSigner,
  { time, lifetimeSecs }: { readonly time: string; readonly lifetimeSecs: number },
): string {
  const query: (readonly [string, string])[] = [
    ...request.query,
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${signer.accessKeyId}/${scopeOf(signer, time)}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(lifetimeSecs)],
    [
      'X-Amz-SignedHeaders',
      sortedHeaders(request)
        .map(([name]) => name)
        .join(';'),
    ],
  ]
  if (signer.sessionToken) query.push(['X-Amz-Security-Token', signer.sessionToken.reveal()])
  const signature = awsSignature({ ...request, query }, signer, time)
  return `${canonicalQuery(query)}&X-Amz-Signature=${signature}`
}

/** Everything but letters, digits and `-._~` as percent and two capital digits. */
export function awsEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function canonicalQuery(query: AwsRequest['query']): string {
  return query
    .map(([name, value]) => [awsEncoded(name), awsEncoded(value)] as const)
    .toSorted(([a, x], [b, y]) => byText(a, b) || byText(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function sortedHeaders(request: AwsRequest): (readonly [string, string])[] {
  return [...request.headers].toSorted(([a], [b]) => byText(a, b))
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function scopeOf(signer: AwsSigner, time: string): string {
  return `${time.slice(0, 8)}/${signer.region}/${signer.service}/aws4_request`
}
