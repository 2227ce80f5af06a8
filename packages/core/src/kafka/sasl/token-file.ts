import { KafkaBackupError } from '../../errors/kafka-backup-error.ts'
import { LIMITS } from '../../runtime/limits.ts'
import { Secret } from '../../runtime/secret.ts'
import type { TokenSource } from '../security.ts'
import { readBoundedFile } from './bounded-file.ts'
import { tokenExpiryMs } from './token-expiry.ts'

/** A file whose content somebody else keeps fresh, such as a projected service account. Read again for each connection. */
export function tokenFile(path: string): TokenSource {
  return async (signal) => {
    signal?.throwIfAborted()
    const text = await readToken(path)
    return { token: new Secret(text), expiresAtMs: tokenExpiryMs(text) ?? Number.POSITIVE_INFINITY }
  }
}

async function readToken(path: string): Promise<string> {
  const text = await readBoundedFile(path, LIMITS.tokenMaxBytes).catch((error: NodeJS.ErrnoException) => {
    throw unusable(path, `cannot be read (${error.code ?? error.message})`, error)
  })
  if (text === undefined) throw unusable(path, `is larger than ${LIMITS.tokenMaxBytes} bytes`)
  const token = text.trim()
  if (token === '') throw unusable(path, 'is empty')
  return token
}

function unusable(path: string, what: string, cause?: unknown): KafkaBackupError {
  return new KafkaBackupError('KB_AUTHENTICATION_FAILED', `the token file ${path} ${what}`, {
    context: { path },
    hint: 'Check sasl_oauthbearer_token_file, and that what writes the file is running.',
    ...(cause === undefined ? {} : { cause }),
  })
}
