// Started by test-cache.test.ts: fills the cache, and says in a file that it began. With `fail` and `die` the first one breaks off.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureCached } from '../src/test-cache.ts'

const FILL_MS = 700
/** Longer than a lock goes without being renewed. */
const SLOW_MS = 4_000
const [startsFile = '', manner] = process.argv.slice(2)

const folder = await ensureCached('server-1', async (partial) => {
  appendFileSync(startsFile, `${process.pid}\n`)
  const isFirst = readFileSync(startsFile, 'utf8').split('\n').length === 2
  if (manner === 'die' && isFirst) process.kill(process.pid, 'SIGKILL')
  await delay(manner === 'slow' ? SLOW_MS : FILL_MS)
  if (manner === 'fail' && isFirst) throw new Error('the proxy is away')
  writeFileSync(join(partial, 'server'), 'built')
})
process.stdout.write(readFileSync(join(folder, 'server'), 'utf8'))
