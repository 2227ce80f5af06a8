import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalidLocation, refuseLocationExtras } from '../location-errors.ts'
import type { StorageBackend } from '../storage-backend.ts'
import { FilesystemBackend } from './backend.ts'

/** Opens `file:///abs/folder`; it does no I/O. @throws KB_LOCATION_INVALID */
export function openFilesystem(url: URL): StorageBackend {
  return new FilesystemBackend(folderOf(url))
}

function folderOf(url: URL): string {
  refuseLocationExtras(url)
  if (url.host !== '') {
    const hint = `Write three slashes and an absolute path: file:///${url.host}${url.pathname}`
    throw invalidLocation(url.href, 'its path is not absolute', hint)
  }
  const path = resolve(decodePath(url))
  if (path.includes('\0')) throw invalidLocation(url.href, 'it holds a NUL character', 'Remove the %00.')
  if (path === '/') {
    throw invalidLocation(url.href, 'it names no folder', 'Write it like file:///var/backups.')
  }
  return path
}

function decodePath(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    const hint = 'Write a literal % as %25; a / cannot be encoded.'
    throw invalidLocation(url.href, 'its percent-encoding is malformed', hint, cause)
  }
}
