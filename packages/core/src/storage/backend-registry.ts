import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { holdsConnectionString } from '../errors/pasted-secrets.ts'
import { invalidLocation } from './location-errors.ts'
import { hasDotElements, splitScheme } from './location-scheme.ts'
import type { RequestHooks } from './request-gate.ts'
import type { StorageBackend } from './storage-backend.ts'
import { NO_CREDENTIALS, type StorageCredentials } from './storage-credentials.ts'

/**
 * Makes the backend of one scheme. It does no I/O and loads no vendor's SDK: both wait for the first call. What is no secret
 * (region, endpoint, …) stands in the query of the URL, secrets in `credentials`. A backend that sends requests tells `hooks` of
 * them. @throws KB_LOCATION_INVALID
 */
export type BackendFactory = (
  url: URL,
  credentials: StorageCredentials,
  hooks?: RequestHooks,
) => StorageBackend

/**
 * The backend of a location such as `file:///var/backups`. `factories` is keyed by scheme, in lower case and
 * without the colon; `s3a`, `az` and `gcs` are other names of some. @throws KB_LOCATION_INVALID
 */
export function openLocation(
  location: string,
  factories: ReadonlyMap<string, BackendFactory>,
  credentials: StorageCredentials = NO_CREDENTIALS,
  hooks?: RequestHooks,
): StorageBackend {
  if (holdsConnectionString(location)) throw connectionString(location)
  const schemed = splitScheme(location)
  if (schemed === undefined) throw plainPath(location)
  const { scheme, written, rest } = schemed
  const factory = factories.get(scheme)
  if (!factory) throw unknownScheme(location, written, factories)
  // The URL parser would take `file:backups` for the folder /backups, wherever the program runs.
  if (!rest.startsWith('//')) {
    throw invalidLocation(location, `${written}: is not followed by //`, `Write ${written}://…`)
  }
  // In a folder `..` has a meaning. In a store it is part of a name, and resolving it would choose another place than was written.
  if (scheme !== 'file' && hasDotElements(rest)) {
    throw invalidLocation(location, 'its path has a . or .. in it', 'Write the folder that is meant in full.')
  }
  return factory(parseUrl(`${scheme}:${rest}`), credentials, hooks)
}

function unknownScheme(
  location: string,
  scheme: string,
  factories: ReadonlyMap<string, BackendFactory>,
): Error {
  const known = [...factories.keys()].sort().map((name) => `${name}://`)
  return invalidLocation(
    location,
    `unknown scheme ${scheme}`,
    `This version knows ${known.join(', ')} only. A folder can be a plain path too: --path /var/backups.`,
  )
}

function parseUrl(location: string): URL {
  try {
    return new URL(location)
  } catch {
    // The parser's error repeats the text, which may hold a secret, so it is no cause here.
    throw invalidLocation(location, 'it is not a URL', 'Write it like file:///var/backups.')
  }
}

/** A location is printed, also where nothing is wrong with it. */
function connectionString(location: string): Error {
  const hint =
    'Write azure://ACCOUNT/CONTAINER/PREFIX, and set storage.account_key or storage.sas_token; see docs/configuration.md.'
  return invalidLocation(location, 'it has a connection string of Azure in it', hint)
}

function plainPath(location: string): Error {
  if (location.trim() === '') {
    return invalidLocation(location, 'it is empty', 'Write it like file:///var/backups.')
  }
  const suggestion = pathToFileURL(resolve(location)).href
  return invalidLocation(location, 'it is a path, not a URL', `Did you mean ${suggestion} ?`)
}
