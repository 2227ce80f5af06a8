import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'

const READS_MAX = 3

/**
 * Bytes of which no digest is known: what two reads in a row agree on, or the last of four. A transfer can be damaged without the
 * archive being.
 */
export async function readUntilAlike(read: () => Promise<Buffer>): Promise<Buffer> {
  let bytes = await read()
  for (let looks = 0; looks < READS_MAX; looks++) {
    const again = await read()
    if (again.equals(bytes)) return again
    bytes = again
  }
  return bytes
}

/**
 * Reads bytes and decodes them. Bytes that fail are read again, since a transfer can be damaged without the archive being: only
 * the same wrong bytes twice, or nothing but wrong ones in three reads, are what the archive holds. @throws what `decode` throws
 */
export async function readWithSecondLook<T>(
  read: () => Promise<Buffer>,
  decode: (bytes: Buffer) => T | Promise<T>,
): Promise<T> {
  let wrong: Buffer | undefined
  for (let reads = 1; ; reads++) {
    const bytes = await read()
    try {
      return await decode(bytes)
    } catch (error) {
      const isDamage = isKafkaBackupError(error) && error.category === 'integrity'
      if (!isDamage || reads === READS_MAX || wrong?.equals(bytes)) throw error
      wrong = bytes
    }
  }
}
