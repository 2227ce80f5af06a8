import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { expectExit } from '../harness/archive.ts'
import { recordLoaded } from '../harness/loaded-files.ts'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-backup-start-'))
})

after(() => rm(folder, { recursive: true, force: true }))

test('a help, the version and a typo load nothing of the engine but its errors', async () => {
  const recorder = recordLoaded(folder)
  for (const [exitCode, args] of [
    [0, ['--help']],
    [0, ['--version']],
    [2, ['backpu', '--topics', 'a']],
    [2, []],
  ] as const) {
    await expectExit(exitCode, args, { env: recorder.env })
    assert.deepEqual(await recorder.read(), { engine: ['doors', 'errors'], packages: ['commander'] })
  }
})

test('the help of a verb loads the settings, and not what the verb does', async () => {
  const recorder = recordLoaded(folder)
  await expectExit(0, ['restore', '--help'], { env: recorder.env })
  const { engine, packages } = await recorder.read()
  assert.deepEqual(packages, ['commander', 're2js'])
  const working = ['backup', 'verify', 'plugin', 'storage', 'format', 'protocol']
  assert.deepEqual(
    engine.filter((name) => working.includes(name)),
    [],
  )
})

/** Where the compiled program is kept when these variables are set; undefined removes one. */
async function keptIn(home: string, env: Readonly<Record<string, string | undefined>> = {}) {
  const none = { NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: undefined }
  const { stderr } = await expectExit(0, ['--version'], {
    cwd: folder,
    env: { ...none, XDG_CACHE_HOME: undefined, HOME: home, ...env },
  })
  assert.equal(stderr, '')
  return filesIn(join(home, '.cache'))
}

function filesIn(path: string): number {
  return existsSync(path) && statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).length : 0
}

test('the compiled program is kept in the cache folder of the user, where nobody else can write', async () => {
  const home = join(folder, 'home')
  await mkdir(home)
  assert.ok((await keptIn(home)) > 10)
  const kept = join(home, '.cache', 'kafka-backup', 'compiled')
  assert.equal(statSync(kept).mode & 0o077, 0)

  const own = join(folder, 'own')
  await mkdir(own)
  await keptIn(home, { XDG_CACHE_HOME: own })
  assert.ok(filesIn(join(own, 'kafka-backup', 'compiled')) > 10)
})

test('what Node is told of its cache counts more', async () => {
  const home = join(folder, 'told')
  await mkdir(home)
  assert.equal(await keptIn(home, { NODE_DISABLE_COMPILE_CACHE: '1' }), 0)
  const place = join(folder, 'place')
  assert.equal(await keptIn(home, { NODE_COMPILE_CACHE: place }), 0)
  assert.ok(filesIn(place) > 10)
})

test('without a place for it the program starts all the same, and says nothing', async () => {
  assert.equal(await keptIn(join(folder, 'absent')), 0)
  assert.equal(existsSync(join(folder, 'absent')), false)
  assert.equal(await keptIn('/dev/null'), 0)
  // Where folders cannot be made, and the file system says that what is above them is missing.
  assert.equal(await keptIn('absent', { XDG_CACHE_HOME: '/proc' }), 0)
  // A relative path would be another place in every folder.
  assert.equal(await keptIn('absent', { XDG_CACHE_HOME: 'relative' }), 0)
  assert.equal(existsSync(join(folder, 'relative')), false)

  const open = join(folder, 'open')
  const kept = join(open, '.cache', 'kafka-backup', 'compiled')
  await mkdir(kept, { recursive: true })
  await chmod(kept, 0o777)
  await keptIn(open)
  assert.equal(filesIn(kept), 0, 'what others may write is not run')
})
