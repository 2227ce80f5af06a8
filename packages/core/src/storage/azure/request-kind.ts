import type { StorageRequestKind } from '../storage-request.ts'

/** What Azure charges for a request, by its method and the parameter `comp` of its address. */
export function requestKind(method: string, url: string): StorageRequestKind {
  const comp = URL.canParse(url) ? new URL(url).searchParams.get('comp') : null
  switch (method) {
    case 'PUT':
      if (comp === 'block') return 'upload_part'
      if (comp === 'blocklist') return 'complete_upload'
      return comp === null ? 'put' : 'other'
    case 'GET':
      if (comp === 'list') return 'list'
      return comp === null ? 'get' : 'other'
    case 'HEAD':
      return 'head'
    case 'DELETE':
      return 'delete'
    default:
      return 'other'
  }
}
