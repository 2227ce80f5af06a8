// Writes one object and prints the outcome as JSON: one-write.ts ROOT put|replace|stream KEY BYTES
import { writeSync } from 'node:fs'
import { isKafkaBackupError } from '../../../src/errors/kafka-backup-error.ts'
import { FilesystemBackend } from '../../../src/storage/filesystem/backend.ts'

const [root = '', kind = '', key = '', byteCount = '0'] = process.argv.slice(2)
const backend = new FilesystemBackend(root)
const bytes = Buffer.alloc(Number(byteCount), 'x')
const chunkBytes = 1024 * 1024

async function write(): Promise<void> {
  if (kind === 'put') return backend.put(key, bytes)
  if (kind === 'replace') return backend.replace(key, bytes)
  const writer = await backend.openWrite(key)
  for (let begin = 0; begin < bytes.length; begin += chunkBytes) {
    const middle = begin + chunkBytes / 2
    await writer.write([bytes.subarray(begin, middle), bytes.subarray(middle, begin + chunkBytes)])
  }
  await writer.commit()
}

try {
  await write()
  writeSync(1, '{"code":"resolved"}')
} catch (error) {
  if (!isKafkaBackupError(error)) throw error
  writeSync(1, JSON.stringify({ code: error.code, message: error.message }))
}
