import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { HOSTILE_KEYS } from '../../../testkit/src/conformance/storage-keys.ts'
import { expectCode, expectKeys, streamObject } from '../../../testkit/src/conformance/storage-subject.ts'
import { FilesystemBackend } from '../../src/storage/filesystem/backend.ts'
import { type Sandbox, temporaryNames, withSandbox } from './sandbox.ts'

const SECRET = 'not part of the store'
const MAX_BYTES = 1000

describe('filesystem backend confinement', () => {
  it('makes no file anywhere for hostile keys', () =>
    withSandbox(async ({ folder, root, backend }) => {
      const before = await readdir(folder, { recursive: true })
      for (const key of HOSTILE_KEYS) {
        await expectCode(backend.put(key, Buffer.from('x')), 'KB_INTERNAL')
        await expectCode(backend.replace(key, Buffer.from('x')), 'KB_INTERNAL')
        await expectCode(backend.openWrite(key), 'KB_INTERNAL')
      }
      assert.deepEqual(await readdir(folder, { recursive: true }), before)
      await backend.put('a', Buffer.from('x'))
      assert.deepEqual((await readdir(root)).sort(), ['.tmp', 'a'])
    }))

  for (const [story, prepare] of [
    [
      'a folder that links out of the root',
      (root: string, outside: string) => symlink(outside, join(root, 'linked')),
    ],
    [
      'a folder that links out of the root by a relative path',
      (root: string) => symlink('../outside', join(root, 'linked')),
    ],
    [
      'a chain of links inside the root',
      async (root: string, outside: string) => {
        await symlink(outside, join(root, 'first'))
        await symlink('first', join(root, 'linked'))
      },
    ],
    ['a link to another folder of the store', (root: string) => symlink('real', join(root, 'linked'))],
    ['a link to the root itself', (root: string) => symlink('.', join(root, 'linked'))],
    ['a link to itself', (root: string) => symlink('linked', join(root, 'linked'))],
    ['a link to nothing', (root: string) => symlink('/nothing/here', join(root, 'linked'))],
  ] as const) {
    it(`neither reads nor writes through ${story}`, () =>
      withLinks(prepare, async ({ backend, root }) => {
        for (const key of ['linked/secret', 'linked/new', 'linked/sub/secret', 'linked/sub/new']) {
          await expectCode(backend.put(key, Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
          await expectCode(backend.replace(key, Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
          const writer = await streamObject(backend, key, Buffer.from('x'))
          await expectCode(writer.commit(), 'KB_STORAGE_UNSUPPORTED')
          await expectCode(backend.read(key, MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
          await expectCode(backend.readRange(key, { begin: 0, end: 1 }), 'KB_OBJECT_NOT_FOUND')
          assert.equal(await backend.stat(key), undefined)
          await backend.delete(key)
        }
        await expectKeys(backend, ['real/secret', 'real/sub/secret'])
        await expectKeys(backend, [], 'linked/')
        await expectKeys(backend, [], 'linked')
        await expectKeys(backend, [], 'linked/sub/')
        assert.deepEqual(await backend.listFolders(''), ['real'])
        assert.deepEqual(await backend.listFolders('linked/'), [])
        assert.deepEqual(await temporaryNames(root), [])
      }))
  }

  it('treats a linked file as no object: not read, not listed, and its target is never changed', () =>
    withLinks(
      (root, outside) => symlink(join(outside, 'secret'), join(root, 'real', 'linked')),
      async ({ backend, root }) => {
        const key = 'real/linked'
        await expectCode(backend.read(key, MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
        await expectCode(backend.put(key, Buffer.from('x')), 'KB_OBJECT_EXISTS')
        const writer = await streamObject(backend, key, Buffer.from('x'))
        await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
        assert.equal(await backend.stat(key), undefined)
        await expectKeys(backend, ['real/secret', 'real/sub/secret'])
        await backend.delete(key)
        assert.ok(await readlink(join(root, key)), 'what is no object is not deleted')
        await backend.replace(key, Buffer.from('document'))
        assert.equal((await backend.read(key, MAX_BYTES)).toString(), 'document')
      },
    ))

  it('makes no file at the end of a dangling link', () =>
    withLinks(
      (root, outside) => symlink(join(outside, 'made'), join(root, 'real', 'linked')),
      async ({ backend }) => {
        await expectCode(backend.put('real/linked', Buffer.from('x')), 'KB_OBJECT_EXISTS')
        await backend.replace('real/linked', Buffer.from('x'))
      },
    ))

  it('keeps its temporary files inside, too', () =>
    withLinks(
      (root, outside) => symlink(outside, join(root, '.tmp')),
      async ({ backend }) => {
        await expectCode(backend.put('a', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
        await expectCode(backend.openWrite('a'), 'KB_STORAGE_UNSUPPORTED')
      },
    ))

  it('notices a folder that becomes a link while the backend is open', () =>
    withSandbox(async ({ folder, root, backend }) => {
      await backend.put('a/b/c', Buffer.from('x'))
      await rename(join(root, 'a'), join(folder, 'outside'))
      await symlink(join(folder, 'outside'), join(root, 'a'))
      await expectCode(backend.put('a/b/d', Buffer.from('x')), 'KB_STORAGE_UNSUPPORTED')
      await expectCode(backend.read('a/b/c', MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
      assert.deepEqual(await readdir(join(folder, 'outside', 'b')), ['c'])
    }))

  it('does not wait for a named pipe, and does not list it', () =>
    withSandbox(async ({ root, backend }) => {
      await backend.put('a/b', Buffer.from('x'))
      const path = join(root, 'a', 'pipe')
      execFileSync('mkfifo', [path])
      let hasWaited = false
      // Opening the other end ends the wait, so that this test can fail instead of hanging.
      const rescue = setTimeout(() => {
        hasWaited = true
        closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
      }, 2_000)
      await expectCode(backend.read('a/pipe', MAX_BYTES), 'KB_OBJECT_NOT_FOUND')
      clearTimeout(rescue)
      assert.ok(!hasWaited)
      assert.equal(await backend.stat('a/pipe'), undefined)
      await expectKeys(backend, ['a/b'])
    }))

  it('may itself be reached through a link', () =>
    withSandbox(async ({ folder, root, backend }) => {
      await backend.put('a/b', Buffer.from('x'))
      await symlink(root, join(folder, 'alias'))
      const alias = new FilesystemBackend(join(folder, 'alias'))
      await expectCode(alias.put('a/b', Buffer.from('y')), 'KB_OBJECT_EXISTS')
      await alias.put('a/c', Buffer.from('y'))
      await expectKeys(backend, ['a/b', 'a/c'])
    }))
})

/** A store with real objects beside links, and a folder outside that must be the same afterwards. */
async function withLinks(
  prepare: (root: string, outside: string) => Promise<void>,
  test: (sandbox: Sandbox) => Promise<void>,
): Promise<void> {
  await withSandbox(async (sandbox) => {
    const outside = join(sandbox.folder, 'outside')
    for (const place of [outside, join(sandbox.root, 'real')]) {
      await mkdir(join(place, 'sub'), { recursive: true })
      await writeFile(join(place, 'secret'), SECRET)
      await writeFile(join(place, 'sub', 'secret'), SECRET)
    }
    await prepare(sandbox.root, outside)
    await test(sandbox)
    for (const place of [outside, join(sandbox.root, 'real')]) {
      assert.equal(await readFile(join(place, 'secret'), 'utf8'), SECRET)
      assert.equal(await readFile(join(place, 'sub', 'secret'), 'utf8'), SECRET)
    }
    assert.deepEqual((await readdir(outside, { recursive: true })).sort(), ['secret', 'sub', 'sub/secret'])
  })
}
