import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { openTempFolder, type TempFolder } from '../../../testkit/src/temp-folder.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { listBackups } from '../../src/repository/list-backups.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { openFilesystem } from '../../src/storage/filesystem/location.ts'
import { MemoryBackend } from '../../src/storage/memory/backend.ts'
import { altered } from './altered-backend.ts'

import {
  answers,
  detailOf,
  expectForeignOnly,
  expectOnlyMissing,
  NEEDED,
  probe,
  putForeign,
} from './probe-subject.ts'

describe('a probe of a store that is nearly one', () => {
  it('sees an upload that is visible before its end', async () => {
    const inner = new MemoryBackend('early')
    const storage = altered(inner, {
      openWrite: async (key) => ({
        write: (chunks) => inner.put(key, Buffer.concat(chunks)),
        commit: async () => undefined,
        abort: () => inner.delete(key),
      }),
    })
    const report = await probe(storage)
    assert.match(detailOf(report, 'streamed_write'), /visible before its end/)
    assert.equal(answers(report).streamed_write, 'no')
    assert.equal(report.exitCode, 7)
  })

  it('sees several winners of a race, though one after the other only the first one wins', async () => {
    const inner = new MemoryBackend('racy')
    const storage = altered(inner, {
      put: async (key, bytes) => {
        if (await inner.stat(key)) return inner.put(key, bytes)
        await delay(20)
        await inner.replace(key, bytes)
      },
    })
    const report = await probe(storage)
    assert.match(detailOf(report, 'put_if_absent'), /8 of 8 writers at once created the same key/)
    assert.equal(report.exitCode, 7)
  })
})

describe('a probe of a folder', () => {
  let folder: TempFolder

  before(async () => {
    folder = await openTempFolder('kb-probe-')
  })
  after(() => folder?.close())

  it('finds all that a backup needs, and leaves only what was there', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(folder.path).href))
    await putForeign(storage)
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.deepEqual([report.exitCode, report.leftovers], [0, []])
    const found = answers(report)
    for (const id of [...NEEDED, 'delete', 'clock']) assert.equal(found[id], 'yes', id)
    assert.equal(found.versioning, 'unknown')
    await expectForeignOnly(storage)
    await storage.close()
  })

  it('leaves a folder with all its folders as it was, also when it is stopped', async () => {
    const root = `${folder.path}/as-it-was`
    for (const path of ['.tmp', 'probe=store/of-others', 'daily'])
      await mkdir(`${root}/${path}`, { recursive: true })
    await writeFile(`${root}/probe=store/of-others/object`, 'x')
    const before = (await readdir(root, { recursive: true })).toSorted()
    const storage = openFilesystem(new URL(pathToFileURL(root).href))
    const report = await probe(storage)
    assert.deepEqual([report.exitCode, report.isPlaceThere], [0, true])
    assert.deepEqual((await readdir(root, { recursive: true })).toSorted(), before)
    const controller = new AbortController()
    const list = storage.list.bind(storage)
    storage.list = (prefix, options) => {
      if (prefix.endsWith('list'))
        controller.abort(new KafkaBackupError('KB_INTERRUPTED', 'stopped by the test'))
      return list(prefix, options)
    }
    await expectCode(probe(storage, { signal: controller.signal }), 'KB_INTERRUPTED')
    assert.deepEqual((await readdir(root, { recursive: true })).toSorted(), before)
    await storage.close()
  })

  it('may run several times at once on one folder, and all find it suitable and leave nothing', async () => {
    const root = `${folder.path}/at-once`
    await mkdir(root)
    const others = Array.from({ length: 3 }, async () => {
      const storage = openFilesystem(new URL(pathToFileURL(root).href))
      const report = await probe(storage)
      await storage.close()
      return report
    })
    for (const report of await Promise.all(others)) expectOnlyMissing(report, [])
    // Whether the folder of unfinished writes was there before is not always to be told.
    assert.deepEqual(
      (await readdir(root, { recursive: true })).filter((name) => name !== '.tmp'),
      [],
    )
  })

  it('keeps its folder from another probe that made it for a time', async () => {
    const root = `${folder.path}/made/for-a-time`
    const first = openFilesystem(new URL(pathToFileURL(root).href))
    const note = await first.noteFolders?.('probe=store/')
    await first.put('probe=store/list/a', Buffer.from('x'))
    const second = openFilesystem(new URL(pathToFileURL(root).href))
    const stat = second.stat.bind(second)
    let isFirstLook = true
    second.stat = async (key, options) => {
      const found = await stat(key, options)
      // As soon as the second one has looked at the folder, the first one ends.
      if (isFirstLook) {
        isFirstLook = false
        await first.delete('probe=store/list/a')
        await note?.removeNew()
      }
      return found
    }
    expectOnlyMissing(await probe(second), [])
    assert.deepEqual(await readdir(root), ['.tmp'], 'the folder itself was there when it began')
    await first.close()
    await second.close()
  })

  it('says that a folder is not there, and does not make it', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/not/there/yet`).href))
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.equal(report.isPlaceThere, false)
    await assert.rejects(readdir(`${folder.path}/not`), { code: 'ENOENT' })
    await storage.close()
  })

  it('shows no backup while it runs', async () => {
    await mkdir(`${folder.path}/while`)
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/while`).href))
    const running = probe(storage)
    const seen = new Set<string>()
    let isOver = false
    void running.finally(() => {
      isOver = true
    })
    let looks = 0
    while (!isOver) {
      for (const id of await listBackups(storage)) seen.add(id)
      for (const name of await storage.listFolders('')) if (name === 'probe=store') looks++
    }
    await running
    assert.ok(looks > 0, 'it was there to be seen')
    assert.deepEqual([...seen], [])
    await storage.close()
  })

  it('notices one wrong byte of a range, and a key that is not listed', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/wrong`).href))
    const readRange = storage.readRange.bind(storage)
    storage.readRange = async (key, range, options) => {
      const bytes = await readRange(key, range, options)
      if (range.begin === 1) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return bytes
    }
    const list = storage.list.bind(storage)
    storage.list = async function* (prefix, options) {
      for await (const entry of list(prefix, options)) if (!entry.key.includes('list.a/')) yield entry
    }
    const report = await probe(storage)
    expectOnlyMissing(report, ['ranged_read', 'list'])
    const details = report.capabilities.map(({ detail }) => detail ?? '').join('\n')
    assert.match(details, /bytes 1 to 4097 were not those/)
    assert.match(details, /4 of 20 keys were not listed/)
    await storage.close()
  })

  it('notices a clock that is an hour away', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/clock`).href))
    const clock = { ...systemClock, nowMs: () => Date.now() + 3_600_000 }
    const report = await probe(storage, { clock })
    const entry = report.capabilities.find(({ id }) => id === 'clock')
    assert.equal(entry?.answer, 'no')
    assert.match(entry?.detail ?? '', /clock of the store is 3600 s behind/)
    assert.ok(Math.abs((report.clockDifferenceMs ?? 0) + 3_600_000) < 5_000)
    assert.equal(report.exitCode, 0, 'a clock alone keeps nobody from backing up')
    await storage.close()
  })
})
