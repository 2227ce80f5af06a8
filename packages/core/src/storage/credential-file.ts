import { access, constants, stat } from 'node:fs/promises'
import { KafkaBackupError } from '../errors/kafka-backup-error.ts'

/**
 * Refuses a file that credentials come from and that cannot be read, before a library of a vendor says less about it. `namedBy`
 * is the setting or the variable that names it. @throws KB_CONFIG_UNREADABLE
 */
export async function assertCredentialFile(namedBy: string, path: string): Promise<void> {
  try {
    await access(path, constants.R_OK)
    // A pipe will do, as a shell gives it for <(…).
    if ((await stat(path)).isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
  } catch (error) {
    throw unreadableCredentialFile(namedBy, path, error)
  }
}

/** KB_CONFIG_UNREADABLE for what the file system says of such a file. Its path is no secret, what is in it is not looked at. */
export function unreadableCredentialFile(namedBy: string, path: string, error: unknown): KafkaBackupError {
  const { code = 'unknown' } = (error ?? {}) as NodeJS.ErrnoException
  const message = `the file with credentials that ${namedBy} names cannot be read: ${path} (${code})`
  return new KafkaBackupError('KB_CONFIG_UNREADABLE', message)
}
