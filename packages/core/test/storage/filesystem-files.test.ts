import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import {
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  collect,
  expectBytes,
  expectCode,
  expectKeys,
  patternBytes,
  streamObject,
} from '../../../testkit/src/conformance/storage-subject.ts'
import { isKafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'
import { translateFilesystemError } from '../../src/storage/filesystem/errors.ts'
import { temporaryNames, withSandbox } from './sandbox.ts'

const MAX_BYTES = 1000
const HOUR_MS = 60 * 60 * 1000

describe('filesystem backend reads', () => {
  it('goes on where the kernel gave less than was asked for', (t) =>
    withSandbox(async ({ folder, backend }) => {
      const bytes = patternBytes(1000, 1)
      await backend.put('a', bytes)
      // The class of file handles has no name to import it by.
      await using handle = await open(join(folder, 'any'), 'w')
      const files: { read(...args: unknown[]): unknown } = Object.getPrototypeOf(handle)
      const { read } = files
      const short = t.mock.method(files, 'read', function (this: unknown, ...args: unknown[]) {
        const [buffer, offset, length, position] = args
        return Reflect.apply(read, this, [buffer, offset, Math.min(Number(length), 300), position])
      })
      expectBytes(await backend.read('a', MAX_BYTES), bytes)
      expectBytes(await backend.readRange('a', { begin: 10, end: 710 }), bytes.subarray(10, 710))
      assert.equal(short.mock.callCount(), 4 + 3)
    }))
})

describe('filesystem backend root', () => {
  it('is made by the first write, with all folders above it, for this account only', () =>
    withSandbox(async ({ folder, backend: absent }) => {
      await expectKeys(absent, [])
      await expectCode(absent.read('a', MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
      await absent.delete('a')
      assert.deepEqual(await readdir(folder), [])
      const root = join(folder, 'x', 'y', 'z')
      const backend = new FilesystemBackend(root)
      await backend.put('a/b', Buffer.from('x'))
      await expectKeys(backend, ['a/b'])
      assert.equal((await stat(root)).mode & 0o777, 0o700)
      assert.equal((await stat(join(root, 'a/b'))).mode & 0o777, 0o600)
    }))

  it('may be made by many writers at once', () =>
    withSandbox(async ({ folder }) => {
      const root = join(folder, 'x', 'y')
      const clients = Array.from({ length: 10 }, () => new FilesystemBackend(root))
      await Promise.all(clients.map((client, at) => client.put(`a/${at}/b`, Buffer.from('x'))))
      assert.equal((await collect(new FilesystemBackend(root).list(''))).length, 10)
    }))

  it('may lose a folder to somebody who removes empty ones, which is no foreign folder and may pass', () =>
    withSandbox(async ({ root, backend }) => {
      let isOver = false
      const remove = async () => {
        while (!isOver) await rmdir(join(root, 'a/b')).catch(() => undefined)
      }
      const removers = [remove(), remove()]
      try {
        for (let at = 0; at < 100; at++) {
          await backend.put(`a/b/${at}`, Buffer.from('x')).catch((error: unknown) => {
            assert.ok(isKafkaBackupError(error, 'KB_STORAGE_UNAVAILABLE'), String(error))
          })
          await backend.delete(`a/b/${at}`)
        }
      } finally {
        isOver = true
        await Promise.all(removers)
      }
    }))

  it('is refused when it is a file, or below one', () =>
    withSandbox(async ({ folder }) => {
      await writeFile(join(folder, 'file'), 'x')
      const onFile = new FilesystemBackend(join(folder, 'file'))
      await expectCode(onFile.put('a', Buffer.from('x')), 'KB_LOCATION_INVALID')
      await expectCode(collect(onFile.list('')), 'KB_LOCATION_INVALID')
      const below = new FilesystemBackend(join(folder, 'file', 'store'))
      await expectCode(below.put('a', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      await symlink('/nothing/here', join(folder, 'dangling'))
      const dangling = new FilesystemBackend(join(folder, 'dangling'))
      await expectCode(dangling.put('a', Buffer.from('x')), 'KB_STORAGE_UNAVAILABLE')
    }))

  it('is refused below what takes no folders, as /proc, which says that something above is missing', async (t) => {
    if (!existsSync('/proc/self')) return t.skip('there is no /proc here')
    for (const root of ['/proc/kafka-backup', '/proc/kafka-backup/x/y']) {
      const put = new FilesystemBackend(root).put('a', Buffer.from('x'))
      await assert.rejects(put, (error) => {
        assert.ok(isKafkaBackupError(error, 'KB_STORAGE_UNSUPPORTED'), String(error))
        assert.equal(error.message, 'nobody can make the folder /proc/kafka-backup there (ENOENT)')
        return true
      })
    }
  })

  it('fails when another folder takes its place, as the empty mount point does after an unmount', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a', Buffer.from('x'))
      const writer = await streamObject(backend, 'b', Buffer.from('x'))
      await rename(root, `${root}-moved`)
      await expectCode(backend.put('c', Buffer.from('x')), 'KB_STORAGE_UNAVAILABLE')
      await mkdir(root)
      await expectCode(backend.put('c', Buffer.from('x')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(backend.read('a', MAX_BYTES), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(collect(backend.list('')), 'KB_STORAGE_UNAVAILABLE')
      await expectCode(writer.commit(), 'KB_STORAGE_UNAVAILABLE')
      assert.deepEqual(await readdir(root), [])
    }))
})

describe('filesystem backend files', () => {
  it('lists every regular file, also foreign ones, but no reserved folder at the root', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a/b', Buffer.from('x'))
      for (const folder of ['.snapshot', 'lost+found', 'a/.hidden', 'a/.tmp', 'empty/empty']) {
        await mkdir(join(root, folder), { recursive: true })
      }
      for (const file of [
        '.DS_Store',
        '.snapshot/x',
        'lost+found/x',
        'a/.hidden/x',
        'a/.tmp/x',
        'back\\slash',
      ]) {
        await writeFile(join(root, file), 'foreign')
      }
      await writeFile(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8')
      await expectKeys(backend, [
        '.DS_Store',
        'a/.hidden/x',
        'a/.tmp/x',
        'a/b',
        'a/\ufffd\ufffd',
        'back\\slash',
      ])
      assert.equal((await collect(backend.list('a/\ufffd'))).length, 0)
      assert.equal((await collect(backend.list('a/'))).at(-1)?.bytes, 'not UTF-8'.length)
      assert.deepEqual(await backend.listFolders(''), ['a'])
    }))

  it('reports a truncated file as corrupt and names it', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a/b', patternBytes(10_000, 1))
      await truncate(join(root, 'a/b'), 5_000)
      assert.equal((await backend.readRange('a/b', { begin: 0, end: 5_000 })).length, 5_000)
      await assert.rejects(backend.readRange('a/b', { begin: 4_000, end: 6_000 }), (error) => {
        assert.ok(isKafkaBackupError(error, 'KB_SEGMENT_CORRUPT'))
        assert.equal(error.context.key, 'a/b')
        assert.match(error.message, /bytes 4000 to 6000 of a\/b: it has only 5000 bytes/)
        return true
      })
    }))

  it('refuses a huge sparse file before it allocates', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a', Buffer.from('x'))
      await truncate(join(root, 'a'), 2 ** 40)
      await expectCode(backend.read('a', MAX_BYTES), 'KB_LIMIT_EXCEEDED')
      await expectCode(backend.readRange('a', { begin: 0, end: 2 ** 40 }), 'KB_LIMIT_EXCEEDED')
      await expectCode(backend.read('a', Number.MAX_SAFE_INTEGER), 'KB_LIMIT_EXCEEDED')
    }))

  it('says what is in the way when a file and a folder would need the same name', () =>
    withSandbox(async ({ backend }) => {
      await backend.put('a', Buffer.from('x'))
      await expectCode(backend.put('a/b', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      await backend.put('c/d', Buffer.from('x'))
      await expectCode(backend.replace('c', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      await expectKeys(backend, ['a', 'c/d'])
    }))

  it('goes on when somebody removes its folders between two writes', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a/b/c', Buffer.from('x'))
      await rm(join(root, 'a'), { recursive: true })
      await rm(join(root, '.tmp'), { recursive: true })
      await backend.put('a/b/c', Buffer.from('y'))
      await expectKeys(backend, ['a/b/c'])
    }))

  it('removes leftovers of its own after a day, and nothing else', () =>
    withSandbox(async ({ root, backend }) => {
      const temporary = join(root, '.tmp')
      await mkdir(temporary, { recursive: true })
      const name = (digit: string) => `${digit.repeat(16)}-${digit.repeat(32)}.part`
      const old = new Date(systemClock.nowMs() - 25 * HOUR_MS)
      const recent = new Date(systemClock.nowMs() - 23 * HOUR_MS)
      for (const [file, time] of [
        [name('a'), old],
        [name('b'), recent],
        ['foreign.part', old],
        [`${name('c')}.bak`, old],
      ] as const) {
        await writeFile(join(temporary, file), 'x')
        await utimes(join(temporary, file), time, time)
      }
      await mkdir(join(temporary, name('d')))
      await backend.put('a', Buffer.from('x'))
      const expected = [name('b'), 'foreign.part', `${name('c')}.bak`, name('d')]
      assert.deepEqual((await temporaryNames(root)).sort(), expected.sort())
    }))

  it('refuses a second call before the first has resolved', () =>
    withSandbox(async ({ root, backend }) => {
      const writer = await backend.openWrite('a')
      const first = writer.write([patternBytes(1_000_000, 1)])
      await expectCode(writer.write([Buffer.from('x')]), 'KB_INTERNAL')
      await first
      await writer.commit()
      assert.equal((await backend.stat('a'))?.bytes, 1_000_000)
      assert.deepEqual(await temporaryNames(root), [])
    }))
})

describe('filesystem errors', () => {
  it('speaks of the key and of the cause, by name and by number', () => {
    for (const [code, errno, expected] of [
      ['ENOSPC', -28, 'KB_STORAGE_FULL: cannot write a/b: the disk is full (ENOSPC)'],
      [
        'Unknown system error -122',
        -122,
        'KB_STORAGE_FULL: cannot write a/b: the disk quota is used up (EDQUOT)',
      ],
      ['EACCES', -13, 'KB_STORAGE_PERMISSION: cannot write a/b: access is denied (EACCES)'],
      ['EIO', -5, 'KB_STORAGE_UNAVAILABLE: cannot write a/b: the device reports an error (EIO)'],
      ['EXFULL', -54, 'KB_STORAGE_UNAVAILABLE: cannot write a/b: the system reports an error (EXFULL)'],
    ] as const) {
      const error = translateFilesystemError(Object.assign(new Error('x'), { code, errno }), 'write', 'a/b')
      assert.ok(isKafkaBackupError(error))
      assert.equal(`${error.code}: ${error.message}`, expected)
    }
  })

  it('leaves defects and abort reasons as they are', () => {
    for (const error of [new TypeError('x'), 'reason', undefined, new DOMException('x', 'AbortError')]) {
      assert.equal(translateFilesystemError(error, 'write', 'a'), error)
    }
  })
})
