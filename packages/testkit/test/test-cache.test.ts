import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from './process-state.ts'

const FILLER = fileURLToPath(new URL('cache-filler.ts', import.meta.url))
const START_TIMEOUT_MS = 30_000

describe('the cache of what the tests build', () => {
  let root: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kb-cache-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  const cache = () => join(root, 'cache')
  const starts = () => readFileSync(join(root, 'starts'), 'utf8').split('\n').length - 1

  /** One process that wants the server. */
  async function want(manner = 'build'): Promise<{ readonly code: number | null; readonly printed: string }> {
    const env = { ...process.env, KAFKA_BACKUP_TEST_CACHE: cache() }
    const child = spawn(process.execPath, [FILLER, join(root, 'starts'), manner], { env })
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    return { code, printed }
  }

  it('is filled once by four processes that begin together', async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => want()))
    assert.deepEqual(
      results,
      results.map(() => ({ code: 0, printed: 'built' })),
    )
    assert.equal(starts(), 1)
    assert.deepEqual(readdirSync(cache()), ['server-1'])
  })

  it('is filled by the one that waited when the first one fails', async () => {
    const results = await Promise.all([1, 2].map(() => want('fail')))
    assert.deepEqual(results.map(({ code }) => code).toSorted(), [0, 1])
    assert.equal(starts(), 2)
    assert.deepEqual(readdirSync(cache()), ['server-1'])
  })

  it('is filled by another when the first one was killed', async () => {
    assert.equal((await want('die')).printed, '')
    const lock = join(cache(), 'server-1.lock')
    assert.ok(existsSync(lock))
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(lock, longAgo, longAgo)
    assert.deepEqual(await want(), { code: 0, printed: 'built' })
    assert.equal(starts(), 2)
  })

  it('has its lock renewed while it is filled', async () => {
    const filling = want('slow')
    const lock = join(cache(), 'server-1.lock')
    await waitUntil(() => existsSync(lock), START_TIMEOUT_MS)
    const longAgo = Date.now() - 60_000
    utimesSync(lock, new Date(longAgo), new Date(longAgo))
    await waitUntil(() => statSync(lock).mtimeMs > longAgo + 30_000, START_TIMEOUT_MS)
    assert.equal((await filling).code, 0)
    assert.equal(existsSync(lock), false)
  })
})
