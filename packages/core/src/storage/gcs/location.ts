import { invalidLocation } from '../location-errors.ts'
import {
  booleanParameter,
  encodedPath,
  encodedQuery,
  prefixOfPath,
  readLocationQuery,
} from '../location-query.ts'
import type { RequestHooks } from '../request-gate.ts'
import type { StorageBackend } from '../storage-backend.ts'
import type { StorageCredentials } from '../storage-credentials.ts'
import { gcsBackend } from './backend.ts'
import { GcsConnection } from './connection.ts'
import type { GcsPlace } from './place.ts'

/** The parameters of a location `gs://bucket/prefix?…`. */
export const GCS_PARAMETERS = ['endpoint', 'service_account_path', 'single_writer']

const BUCKET_MAX_LENGTH = 222
// The rule of Google: parts between dots have at most 63 characters, and begin and end with a letter or a digit.
const BUCKET =
  /^(?=.{3,222}$)[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*$/

/**
 * Opens `gs://bucket/prefix?endpoint=…`; it does no I/O. An endpoint with `http:` is an emulator, which gets no
 * credentials. @throws KB_LOCATION_INVALID
 */
export function openGcs(
  url: URL,
  _credentials?: StorageCredentials,
  hooks: RequestHooks = {},
): StorageBackend {
  const place = placeOf(url)
  return gcsBackend(place, canonicalLocation(place), new GcsConnection(place, hooks.onRequest), hooks)
}

function placeOf(url: URL): GcsPlace {
  const parameters = readLocationQuery(url, GCS_PARAMETERS)
  if (url.port !== '') {
    throw invalidLocation(url.href, 'it has a port', 'Write gs://BUCKET/PREFIX?endpoint=http://HOST:PORT.')
  }
  if (!BUCKET.test(url.hostname)) {
    const hint = `Write gs://BUCKET/PREFIX; a bucket has 3 to ${BUCKET_MAX_LENGTH} small letters, digits, hyphens, underscores and dots.`
    throw invalidLocation(url.href, 'it names no bucket', hint)
  }
  const place = {
    bucket: url.hostname,
    prefix: prefixOfPath(url),
    endpoint: endpointOf(url, parameters),
    serviceAccountPath: parameters.get('service_account_path'),
    isSingleWriter: booleanParameter(url, parameters, 'single_writer') ?? false,
  }
  if (place.endpoint?.startsWith('http:') && place.serviceAccountPath !== undefined) {
    const hint = 'Write https:// in the endpoint, or leave service_account_path out.'
    throw invalidLocation(url.href, 'its endpoint is not encrypted, and gets no credentials', hint)
  }
  return place
}

function endpointOf(url: URL, parameters: ReadonlyMap<string, string>): string | undefined {
  const text = parameters.get('endpoint')
  if (text === undefined) return undefined
  const endpoint = URL.canParse(text) ? new URL(text) : undefined
  const isPlace = endpoint !== undefined && /^https?:$/.test(endpoint.protocol) && endpoint.hostname !== ''
  const hasMore = endpoint && (endpoint.username || endpoint.password || endpoint.search || endpoint.hash)
  if (!isPlace || hasMore || endpoint.pathname !== '/') {
    const hint =
      'Write it like endpoint=https://storage.googleapis.com, without a path and without an account.'
    throw invalidLocation(url.href, 'its endpoint is not the address of a server', hint)
  }
  return endpoint.origin
}

function canonicalLocation({
  bucket,
  prefix,
  endpoint,
  serviceAccountPath,
  isSingleWriter,
}: GcsPlace): string {
  const parameters = new Map<string, string>()
  if (endpoint !== undefined) parameters.set('endpoint', endpoint)
  if (serviceAccountPath !== undefined) parameters.set('service_account_path', serviceAccountPath)
  if (isSingleWriter) parameters.set('single_writer', 'true')
  const path = prefix === '' ? '' : `/${encodedPath(prefix)}`
  return `gs://${bucket}${path}${encodedQuery(parameters)}`
}
