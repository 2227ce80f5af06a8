import { constants } from 'node:os'
import type { ErrorCode } from '../../errors/error-codes.ts'
import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { objectNotFound } from '../object-errors.ts'
import type { ObjectKey } from '../storage-backend.ts'

/** What was tried, for the sentence "cannot write topics/x: the disk is full (ENOSPC)". */
export type FilesystemAction = 'read' | 'write' | 'list' | 'delete'

interface Meaning {
  readonly code: ErrorCode
  readonly reason: string
  readonly hint?: string
}

const FOREIGN_FILE_HINT = 'Move away what is in the way; the folder must belong to kafka-backup alone.'

const NAMES_BY_NUMBER: ReadonlyMap<number, string> = new Map(
  // Where two names share a number, as ENOTSUP and EOPNOTSUPP do, either may come out.
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
)

// What cannot pass by itself must not be KB_STORAGE_UNAVAILABLE: that code is retried.
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: { code: 'KB_STORAGE_FULL', reason: 'the disk is full' },
  EDQUOT: { code: 'KB_STORAGE_FULL', reason: 'the disk quota is used up' },
  EFBIG: { code: 'KB_STORAGE_FULL', reason: 'the file is larger than the file system or a limit allows' },
  EACCES: { code: 'KB_STORAGE_PERMISSION', reason: 'access is denied' },
  EPERM: { code: 'KB_STORAGE_PERMISSION', reason: 'the operation is not permitted' },
  EROFS: { code: 'KB_STORAGE_PERMISSION', reason: 'the file system is read-only' },
  EIO: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'the device reports an error' },
  EMFILE: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'this process has too many open files' },
  ENFILE: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'the system has too many open files' },
  ESTALE: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'the file server has lost the file' },
  ETIMEDOUT: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'the file server does not answer' },
  ENOENT: { code: 'KB_STORAGE_UNAVAILABLE', reason: 'a folder or temporary file was removed meanwhile' },
  ENOTDIR: {
    code: 'KB_STORAGE_UNSUPPORTED',
    reason: 'a file is where a folder is needed',
    hint: FOREIGN_FILE_HINT,
  },
  EISDIR: {
    code: 'KB_STORAGE_UNSUPPORTED',
    reason: 'a folder is where a file is needed',
    hint: FOREIGN_FILE_HINT,
  },
  ELOOP: { code: 'KB_STORAGE_UNSUPPORTED', reason: 'it is a symbolic link', hint: FOREIGN_FILE_HINT },
  EXDEV: {
    code: 'KB_STORAGE_UNSUPPORTED',
    reason: 'its folder is on another file system than the root of the store',
    hint: 'Mount the file system at the root of the store, not below it.',
  },
  ENAMETOOLONG: {
    code: 'KB_STORAGE_UNSUPPORTED',
    reason: 'the path is too long for this file system',
    hint: 'Choose a location with a shorter path.',
  },
}

/**
 * Errors of the operating system as ours; every other value, such as an abort reason or a defect, unchanged.
 * An error number that is not in the table may pass by itself, for all we know, and is named in the message.
 */
export function translateFilesystemError(error: unknown, action: FilesystemAction, subject: string): unknown {
  const name = errnoNameOf(error)
  if (name === undefined) return error
  if (name === 'ENOENT' && action === 'read') return objectNotFound(subject, error)
  const meaning = MEANINGS[name] ?? {
    code: 'KB_STORAGE_UNAVAILABLE',
    reason: 'the system reports an error',
  }
  const place = subject === '' ? 'the root folder' : subject
  return new KafkaBackupError(meaning.code, `cannot ${action} ${place}: ${meaning.reason} (${name})`, {
    context: { key: subject },
    cause: error,
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
  })
}

/** Runs a step and translates what it throws; see {@link translateFilesystemError}. */
export async function translating<T>(
  action: FilesystemAction,
  subject: string,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw translateFilesystemError(error, action, subject)
  }
}

/** True when `error` comes from the operating system with one of these error names. */
export function hasErrno(error: unknown, ...names: readonly string[]): error is NodeJS.ErrnoException {
  const name = errnoNameOf(error)
  return name !== undefined && names.includes(name)
}

/** KB_STORAGE_UNSUPPORTED: a folder of the key is a symbolic link, or not spelled like that on disk. */
export function folderNotConfined(key: ObjectKey, folder: string): KafkaBackupError {
  const message = `cannot write ${key}: ${folder} is a symbolic link, a file, or differs in case`
  return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', message, {
    context: { key, path: folder },
    hint: FOREIGN_FILE_HINT,
  })
}

/** KB_STORAGE_UNSUPPORTED: what is above the folder is there, and the file system says that it is not, as /proc does. */
export function folderImpossible(path: string): KafkaBackupError {
  return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', `nobody can make the folder ${path} there (ENOENT)`, {
    context: { path },
    hint: 'Choose a location on a file system that keeps files.',
  })
}

/** KB_STORAGE_UNAVAILABLE: the root cannot be reached although it is there: a link to a folder that is not mounted. */
export function rootUnreachable(root: string): KafkaBackupError {
  return new KafkaBackupError('KB_STORAGE_UNAVAILABLE', `the folder ${root} is a link to nothing`, {
    context: { path: root },
  })
}

/** KB_STORAGE_UNSUPPORTED: exclusive creation needs hard links, and this file system has none. */
export function hardLinksMissing(
  key: ObjectKey,
  root: string,
  cause: NodeJS.ErrnoException,
): KafkaBackupError {
  const message = `cannot write ${key}: the file system of ${root} has no hard links (${errnoNameOf(cause)})`
  return new KafkaBackupError('KB_STORAGE_UNSUPPORTED', message, {
    context: { key, path: root },
    hint: 'Choose a file system with hard links; without them two runs could overwrite each other.',
    cause,
  })
}

/** The name of an error number, such as ENOSPC; undefined for what does not come from the operating system. */
/** The name of an error of the operating system, such as `ENOENT`. */
export function errnoNameOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { errno, code } = error as NodeJS.ErrnoException
  if (typeof errno !== 'number' || typeof code !== 'string') return undefined
  // libuv has no name for some numbers (EDQUOT, ESTALE): their code is "Unknown system error -122".
  return NAMES_BY_NUMBER.get(-errno) ?? code
}
