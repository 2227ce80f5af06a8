// Puts each key whose number it reads on a line, and answers "won" or "lost": racer.ts ROOT NAME
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isKafkaBackupError } from '../../../src/errors/kafka-backup-error.ts'
import { FilesystemBackend } from '../../../src/storage/filesystem/backend.ts'

const [root = '', name = ''] = process.argv.slice(2)
const backend = new FilesystemBackend(root)

for await (const number of createInterface(process.stdin)) {
  try {
    await backend.put(`commits/${number}`, Buffer.from(name.repeat(2_000)))
    writeSync(1, 'won\n')
  } catch (error) {
    if (!isKafkaBackupError(error, 'KB_OBJECT_EXISTS')) throw error
    writeSync(1, 'lost\n')
  }
}
