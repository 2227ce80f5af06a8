import type { StorageRequestKind } from '../storage-request.ts'

/**
 * What a request of the JSON API is, by its method and its path with query. A session's requests are parts; its last one ends the
 * upload and is sent as they are.
 */
export function requestKind(method: string, path: string): StorageRequestKind {
  const isUpload = path.startsWith('/upload/')
  switch (method) {
    case 'POST':
      if (!isUpload) return 'other'
      return path.includes('uploadType=resumable') ? 'begin_upload' : 'put'
    case 'PUT':
      return isUpload ? 'upload_part' : 'other'
    case 'GET':
      if (path.includes('alt=media')) return 'get'
      if (/\/o\?/.test(path)) return 'list'
      return /\/o\/[^/]+$/.test(path) ? 'head' : 'other'
    case 'DELETE':
      return 'delete'
    default:
      return 'other'
  }
}
