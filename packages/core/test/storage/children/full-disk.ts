// Fills a tiny file system, then makes it read-only; prints what happened as JSON: full-disk.ts MOUNT_POINT
import { execFileSync } from 'node:child_process'
import { readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isKafkaBackupError } from '../../../src/errors/kafka-backup-error.ts'
import { FilesystemBackend } from '../../../src/storage/filesystem/backend.ts'

const [mountPoint = ''] = process.argv.slice(2)
const root = join(mountPoint, 'store')
const backend = new FilesystemBackend(root)

async function codeOf(step: Promise<unknown>): Promise<string> {
  try {
    await step
    return 'resolved'
  } catch (error) {
    return isKafkaBackupError(error) ? `${error.code}: ${error.message}` : String(error)
  }
}

async function state(): Promise<{ keys: string[]; temporary: string[] }> {
  const keys: string[] = []
  for await (const entry of new FilesystemBackend(root).list('')) keys.push(`${entry.key} ${entry.bytes}`)
  return { keys, temporary: readdirSync(join(root, '.tmp')) }
}

async function streamTooMuch(): Promise<void> {
  const writer = await backend.openWrite('a/stream')
  try {
    for (let at = 0; at < 20; at++) await writer.write([Buffer.alloc(50_000), Buffer.alloc(50_000)])
    await writer.commit()
  } finally {
    await writer.abort()
  }
}

const outcome: Record<string, unknown> = {}
await backend.put('a/kept', Buffer.alloc(500_000))
await backend.replace('manifest', Buffer.alloc(10_000))
outcome.putFull = await codeOf(backend.put('a/put', Buffer.alloc(600_000)))
outcome.replaceFull = await codeOf(backend.replace('manifest', Buffer.alloc(600_000)))
outcome.streamFull = await codeOf(streamTooMuch())
outcome.afterFull = await state()
outcome.putSmall = await codeOf(backend.put('a/small', Buffer.alloc(1_000)))

execFileSync('mount', ['-o', 'remount,ro', mountPoint])
outcome.putReadOnly = await codeOf(backend.put('a/put', Buffer.alloc(10)))
outcome.replaceReadOnly = await codeOf(backend.replace('manifest', Buffer.alloc(10)))
outcome.openReadOnly = await codeOf(backend.openWrite('a/stream'))
outcome.deleteReadOnly = await codeOf(backend.delete('a/kept'))
outcome.newStoreReadOnly = await codeOf(
  new FilesystemBackend(join(mountPoint, 'other')).put('x', Buffer.alloc(1)),
)
outcome.readReadOnly = (await backend.read('a/kept', 500_000)).length
outcome.afterReadOnly = await state()
writeSync(1, JSON.stringify(outcome))
