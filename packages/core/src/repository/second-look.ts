import { isKafkaBackupError } from '../errors/kafka-backup-error.ts'

const READS_MAX = 3

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
