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
import { s3Backend } from './backend.ts'
import { S3Connection, type S3ConnectionOptions } from './connection.ts'
import type { S3Place } from './place.ts'

/** The parameters of a location `s3://bucket/prefix?…`. */
export const S3_PARAMETERS = ['region', 'endpoint', 'path_style', 'allow_http', 'profile', 'single_writer']

const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/
// Stores beside AWS check the name of the region in signatures, and this is what they expect unless they were told.
const REGION_OF_ENDPOINTS = 'us-east-1'

/**
 * Opens `s3://bucket/prefix?region=…&endpoint=…`; it does no I/O. An endpoint, also one that the environment or the profile
 * names, means that the bucket is part of the path, unless path_style=false: few stores beside AWS have a name for every
 * bucket. @throws KB_LOCATION_INVALID
 */
export function openS3(
  url: URL,
  credentials: StorageCredentials,
  hooks: RequestHooks = {},
  options: S3ConnectionOptions = {},
): StorageBackend {
  const place = placeOf(url)
  const isHalf = credentials.has('access_key') !== credentials.has('secret_key')
  if (isHalf || (credentials.has('session_token') && !credentials.has('access_key'))) {
    throw invalidLocation(
      url.href,
      'its keys are incomplete',
      'Set both storage.access_key and storage.secret_key, or neither.',
    )
  }
  if (place.profile !== undefined && credentials.has('access_key')) {
    throw invalidLocation(
      url.href,
      'a profile and keys are given',
      'Remove profile, or storage.access_key and storage.secret_key.',
    )
  }
  return s3Backend(
    place,
    canonicalLocation(place),
    new S3Connection(place, credentials, { ...options, onRequest: hooks.onRequest }),
    hooks,
  )
}

function placeOf(url: URL): S3Place {
  const parameters = readLocationQuery(url, S3_PARAMETERS)
  if (url.port !== '') {
    throw invalidLocation(
      url.href,
      'it has a port',
      'Write s3://BUCKET/PREFIX?endpoint=http://HOST:PORT; the bucket stands where the host would.',
    )
  }
  if (!BUCKET.test(url.hostname)) {
    throw invalidLocation(
      url.href,
      'it names no bucket',
      'Write s3://BUCKET/PREFIX, such as s3://backups/prod.',
    )
  }
  const endpoint = endpointOf(url, parameters)
  return {
    bucket: url.hostname,
    prefix: prefixOfPath(url),
    region: parameters.get('region') ?? (endpoint === undefined ? undefined : REGION_OF_ENDPOINTS),
    endpoint,
    isPathStyle: booleanParameter(url, parameters, 'path_style'),
    profile: parameters.get('profile'),
    isSingleWriter: booleanParameter(url, parameters, 'single_writer') ?? false,
  }
}

/** Whoever writes http:// means it; allow_http=false beside it is a contradiction. */
function endpointOf(url: URL, parameters: ReadonlyMap<string, string>): string | undefined {
  const text = parameters.get('endpoint')
  const mayBePlain = booleanParameter(url, parameters, 'allow_http')
  if (text === undefined) return undefined
  const endpoint = URL.canParse(text) ? new URL(text) : undefined
  const isPlace = endpoint !== undefined && /^https?:$/.test(endpoint.protocol) && endpoint.hostname !== ''
  const hasMore = endpoint && (endpoint.username || endpoint.password || endpoint.search || endpoint.hash)
  if (!isPlace || hasMore) {
    const hint = 'Write it like endpoint=https://s3.example.com, without an account.'
    throw invalidLocation(url.href, 'its endpoint is not the address of a server', hint)
  }
  if (endpoint.protocol === 'http:' && mayBePlain === false) {
    throw invalidLocation(
      url.href,
      'its endpoint is not encrypted, and allow_http=false',
      'Write https:// in the endpoint, or remove allow_http.',
    )
  }
  return endpoint.href.replace(/\/$/, '')
}

function canonicalLocation(place: S3Place): string {
  const parameters = new Map<string, string>()
  const hasUsualRegion = place.endpoint !== undefined && place.region === REGION_OF_ENDPOINTS
  if (place.region !== undefined && !hasUsualRegion) parameters.set('region', place.region)
  if (place.endpoint !== undefined) parameters.set('endpoint', place.endpoint)
  // Without an endpoint of its own, the place may have one of the environment.
  const isUsualStyle = place.isPathStyle === undefined || (place.isPathStyle && place.endpoint !== undefined)
  if (!isUsualStyle) parameters.set('path_style', String(place.isPathStyle))
  if (place.profile !== undefined) parameters.set('profile', place.profile)
  if (place.isSingleWriter) parameters.set('single_writer', 'true')
  const path = place.prefix === '' ? '' : `/${encodedPath(place.prefix)}`
  return `s3://${place.bucket}${path}${encodedQuery(parameters)}`
}
