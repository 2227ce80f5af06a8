import { isKafkaBackupError, KafkaBackupError } from '../errors/kafka-backup-error.ts'
import type { ObjectKey } from './storage-backend.ts'

/** Bytes of UTF-8 in a key; the limit of S3, the tightest of the supported stores. */
export const OBJECT_KEY_MAX_BYTES = 1024
/** Bytes of UTF-8 in one path element; the limit of common file systems. */
export const OBJECT_KEY_ELEMENT_MAX_BYTES = 255

const BACKSLASH = 0x5c
const FIRST_PRINTABLE = 0x20
const DELETE = 0x7f
const QUOTED_MAX_LENGTH = 200

/**
 * Refuses what could be read as another place by some store, so that a key means the same everywhere.
 * Returns the key's path elements.
 * @throws KB_INTERNAL: keys are built by one module from validated parts, so a bad one is a defect.
 */
export function checkObjectKey(key: ObjectKey): string[] {
  checkText(key, 'key')
  const elements = key.split('/')
  for (const element of elements) checkElement(element, key)
  const [first = ''] = elements
  if (elements.length > 1 && isReservedFolder(first)) refuse(key, `the folder ${first} is reserved`)
  return elements
}

/**
 * Checks the prefix of a listing, which may end within an element. Returns the folders that are complete and
 * the rest that names below them begin with.
 * @throws KB_INTERNAL
 */
export function checkPrefix(prefix: string): { folders: string[]; rest: string } {
  checkText(prefix, 'prefix')
  const folders = prefix.split('/')
  const rest = folders.pop() ?? ''
  for (const folder of folders) checkElement(folder, prefix)
  const [first] = folders
  if (first !== undefined && isReservedFolder(first)) refuse(prefix, `the folder ${first} is reserved`)
  return { folders, rest }
}

/** Checks the prefix of a folder listing: empty, or ending with '/'. Returns its folders. @throws KB_INTERNAL */
export function checkFolderPrefix(prefix: string): string[] {
  const { folders, rest } = checkPrefix(prefix)
  if (rest !== '') refuse(prefix, "a folder prefix ends with '/'")
  return folders
}

/**
 * Folders at the root of a store that hold no objects: our own `.tmp`, what other programs hide (`.snapshot`,
 * `.Trash-1000`), and the folder that ext4 makes at the root of each volume and that only root may read.
 */
export function isReservedFolder(name: string): boolean {
  return name.startsWith('.') || name === 'lost+found'
}

/** False for names that a store lists and that no key can be, such as the marker of a folder. */
export function isPossibleKey(key: string): boolean {
  try {
    checkObjectKey(key)
    return true
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_INTERNAL')) throw error
    return false
  }
}

/** Orders keys by their UTF-8 bytes, as object stores do. JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(left: ObjectKey, right: ObjectKey): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

/** True for a key that a listing of what is behind `after` has; undefined: of everything. */
export function isBehind(key: ObjectKey, after: ObjectKey | undefined): boolean {
  return after === undefined || compareKeys(key, after) > 0
}

function checkText(text: string, kind: 'key' | 'prefix'): void {
  // A lone surrogate has no UTF-8 form: two different keys would become the same name.
  if (!text.isWellFormed()) refuse(text, 'it is not valid Unicode')
  if (Buffer.byteLength(text) > OBJECT_KEY_MAX_BYTES) {
    refuse(text, `a ${kind} has at most ${OBJECT_KEY_MAX_BYTES} bytes`)
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < FIRST_PRINTABLE || code === DELETE) refuse(text, 'it holds a control character')
    if (code === BACKSLASH) refuse(text, 'it holds a backslash')
  }
}

function checkElement(element: string, whole: string): void {
  if (element === '') refuse(whole, 'it has an empty path element')
  if (element === '.' || element === '..') refuse(whole, `it has the path element ${element}`)
  if (Buffer.byteLength(element) > OBJECT_KEY_ELEMENT_MAX_BYTES) {
    refuse(whole, `a path element has at most ${OBJECT_KEY_ELEMENT_MAX_BYTES} bytes`)
  }
}

function refuse(text: string, reason: string): never {
  const quoted = JSON.stringify(text.slice(0, QUOTED_MAX_LENGTH))
  throw new KafkaBackupError('KB_INTERNAL', `invalid object key ${quoted}: ${reason}`)
}
