import { splitScheme } from './location-scheme.ts'

/** A folder of a location, and the location that it is in. */
export interface OuterFolder {
  readonly folder: string
  readonly outerLocation: string
}

/**
 * The folders that lead to a location, the innermost first: of `s3://bucket/a/b?region=x` they are `b` in `s3://bucket/a?region=x` and `a` in
 * `s3://bucket?region=x`. What the last of them are in need not be a location that can be opened. A folder whose encoding is malformed
 * ends them.
 */
export function* outerFolders(location: string): Generator<OuterFolder, void, undefined> {
  const { written = '', rest = '' } = splitScheme(location) ?? {}
  const [, host, path = '', query = ''] = /^\/\/([^/?]*)([^?]*)(.*)$/s.exec(rest) ?? []
  if (host === undefined) return
  let left = path.replace(/\/+$/, '')
  while (left !== '') {
    const at = left.lastIndexOf('/')
    const folder = decoded(left.slice(at + 1))
    if (folder === undefined) return
    left = left.slice(0, at)
    yield { folder, outerLocation: `${written}://${host}${left}${query}` }
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
