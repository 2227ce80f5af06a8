import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { canRun, childScript, runProgram } from './child-process.ts'
import { withSandbox } from './sandbox.ts'

// A mount of its own: as root in a new mount namespace, otherwise in a user namespace too.
const UNSHARE = [['-m'], ['-rm']].find((flags) =>
  canRun('unshare', [...flags, 'mount', '-t', 'tmpfs', 'x', '/mnt']),
)

describe('filesystem backend on a tiny file system', () => {
  it('reports a full and a read-only disk, and leaves no part of an object', async (t) => {
    if (!UNSHARE) {
      t.diagnostic('cannot mount in a namespace here: a really full disk is not tested, only injected errors')
      t.skip('unshare with mount is not permitted')
      return
    }
    const outcome = await withSandbox(async ({ folder }) => {
      const mountPoint = join(folder, 'mnt')
      await mkdir(mountPoint)
      const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1"'
      const args = ['sh', '-c', script, 'sh', mountPoint, process.execPath, childScript('full-disk.ts')]
      const child = await runProgram('unshare', [...UNSHARE, ...args])
      assert.equal(child.exitCode, 0, child.stderr)
      return JSON.parse(child.stdout)
    })
    const kept = ['a/kept 500000', 'manifest 10000']
    assert.deepEqual(outcome, {
      putFull: 'KB_STORAGE_FULL: cannot write a/put: the disk is full (ENOSPC)',
      replaceFull: 'KB_STORAGE_FULL: cannot write manifest: the disk is full (ENOSPC)',
      streamFull: 'KB_STORAGE_FULL: cannot write a/stream: the disk is full (ENOSPC)',
      afterFull: { keys: kept, temporary: [] },
      putSmall: 'resolved',
      putReadOnly: 'KB_STORAGE_PERMISSION: cannot write a/put: the file system is read-only (EROFS)',
      replaceReadOnly: 'KB_STORAGE_PERMISSION: cannot write manifest: the file system is read-only (EROFS)',
      openReadOnly: 'KB_STORAGE_PERMISSION: cannot write a/stream: the file system is read-only (EROFS)',
      deleteReadOnly: 'KB_STORAGE_PERMISSION: cannot delete a/kept: the file system is read-only (EROFS)',
      newStoreReadOnly: 'KB_STORAGE_PERMISSION: cannot write x: the file system is read-only (EROFS)',
      readReadOnly: 500_000,
      afterReadOnly: { keys: ['a/kept 500000', 'a/small 1000', 'manifest 10000'], temporary: [] },
    })
  })
})
