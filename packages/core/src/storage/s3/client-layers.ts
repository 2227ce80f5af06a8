import type { S3Client } from '@aws-sdk/client-s3'
import { isPage, isPassingStatus } from '../answer-body.ts'
import type { OnStorageRequest, StorageRequestKind } from '../storage-request.ts'
import { PageInstead } from './errors.ts'
import { issuerFailureOf } from './issuer-errors.ts'

/** What stores charge for, by the command of the SDK. */
const KINDS: Readonly<Record<string, StorageRequestKind>> = {
  PutObjectCommand: 'put',
  GetObjectCommand: 'get',
  HeadObjectCommand: 'head',
  ListObjectsV2Command: 'list',
  ListMultipartUploadsCommand: 'list',
  DeleteObjectCommand: 'delete',
  CreateMultipartUploadCommand: 'begin_upload',
  UploadPartCommand: 'upload_part',
  CompleteMultipartUploadCommand: 'complete_upload',
  AbortMultipartUploadCommand: 'delete',
}

/** Takes no page for an answer, and nobody else's answer for one of the store. */
export function judgeAnswers({ middlewareStack: stack }: S3Client): void {
  const sent = new WeakSet<object>()
  stack.add(
    (next, context) => async (input) => {
      try {
        return await next(input)
      } catch (error) {
        // Credentials are fetched before the request is signed.
        throw (sent.has(context) ? undefined : issuerFailureOf(error)) ?? error
      }
    },
    { step: 'initialize', priority: 'high', name: 'tellIssuers' },
  )
  stack.add(
    (next, context) => async (request) => {
      sent.add(context)
      const result = await next(request)
      refusePage(result.response)
      return result
    },
    // Next to the wire, so that the SDK has not taken it for something yet.
    { step: 'deserialize', priority: 'low', name: 'refusePages' },
  )
}

/** Tells of every request just before it is sent. */
export function countRequests({ middlewareStack: stack }: S3Client, onRequest: OnStorageRequest): void {
  stack.add(
    (next, context) => (request) => {
      onRequest(KINDS[context.commandName ?? ''] ?? 'other')
      return next(request)
    },
    { step: 'finalizeRequest', name: 'countRequests' },
  )
}

/** Puts the bucket into the path at every endpoint but those of AWS, also at one that the environment or a profile names. */
export function preferPathStyle({ config }: S3Client): void {
  const { endpointProvider } = config
  config.endpointProvider = (parameters, context) => {
    const isOfAws = parameters.Endpoint === undefined
    return endpointProvider(isOfAws ? parameters : { ...parameters, ForcePathStyle: true }, context)
  }
}

/** A login page, or a page of a proxy, whatever it says; no store labels an object of ours or a document so. */
function refusePage(response: unknown): void {
  const { statusCode, headers, body } = response as {
    readonly statusCode: number
    readonly headers: Readonly<Record<string, string>>
    readonly body?: { destroy?(): void }
  }
  if (isPassingStatus(statusCode) || !isPage(headers['content-type'])) return
  body?.destroy?.()
  throw new PageInstead(statusCode)
}
