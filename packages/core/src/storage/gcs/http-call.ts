import { type Agent, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

/** One request. */
export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With its query, below the endpoint. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Where a request goes. */
export interface HttpTarget {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly agent: Agent
  readonly signal: AbortSignal | undefined
}

/**
 * Sends a request once: it follows no redirection, repeats nothing and decodes nothing. The signal also breaks off the body
 * of the answer. @throws errors of the network, for `errors.ts`
 */
export function sendOnce(
  { method, path, headers, body }: HttpCall,
  { endpoint, agent, signal }: HttpTarget,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const url = new URL(path, endpoint)
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const length = body === undefined && method === 'GET' ? {} : { 'content-length': body?.byteLength ?? 0 }
  const request = send(url, {
    method,
    agent,
    headers: { ...headers, ...length },
    ...(signal === undefined ? {} : { signal }),
  })
  request.once('response', resolve)
  // It may fail again after the answer has begun, where the body of the answer tells.
  request.on('error', reject)
  request.end(body)
  return promise
}
