import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load-config.ts'
import { failure, load, withFolder } from './sandbox.ts'

const read = { verb: 'read' } as const

describe('the repository', () => {
  const storages: readonly [string, string][] = [
    ['storage: { backend: filesystem, path: /var/backups }', 'file:///var/backups'],
    ['storage: { path: /var/backups/ }', 'file:///var/backups'],
    ['storage: { type: filesystem, path: /var/backups, prefix: prod/eu }', 'file:///var/backups/prod/eu'],
    ['storage: { path: /var/backups, prefix: /prod }', 'file:///var/backups/prod'],
    ['storage: { path: "/a b/50%/?x#y/ü" }', 'file:///a%20b/50%25/%3Fx%23y/%C3%BC'],
    ['repo: file:///var/backups', 'file:///var/backups'],
    ['repo: memory:///test', 'memory:///test'],
  ]
  for (const [text, url] of storages) {
    it(`${text} is ${url}`, async () => {
      assert.equal((await load({ ...read, text })).config.repositoryUrl, url)
    })
  }

  it('is found from the folder of the file, or for a flag from the working folder', async () => {
    await withFolder(async (cwd) => {
      await mkdir(join(cwd, 'etc'))
      await writeFile(join(cwd, 'etc/backup.yaml'), 'storage: { path: ../data }')
      const base = { ...read, env: {}, cwd, file: 'etc/backup.yaml' }
      assert.equal((await loadConfig({ ...base, flags: {} })).config.repositoryUrl, `file://${cwd}/data`)
      const flags = { 'storage.path': 'data' }
      assert.equal((await loadConfig({ ...base, flags })).config.repositoryUrl, `file://${cwd}/data`)
      const env = { KAFKA_BACKUP_STORAGE_PATH: './x' }
      assert.equal((await loadConfig({ ...base, env, flags: {} })).config.repositoryUrl, `file://${cwd}/x`)
    })
  })

  it('comes from the stronger source when two name it', async () => {
    // What the replaced storage needs does not matter either.
    const text = `storage: { backend: s3, bucket: b, access_key: "$\{NOBODY_SET_THIS}" }`
    const byFlag = await load({ ...read, text, flags: { repo: 'file:///flag' } })
    assert.equal(byFlag.config.repositoryUrl, 'file:///flag')
    const byPath = await load({ ...read, text: 'repo: file:///file', flags: { 'storage.path': '/flag' } })
    assert.equal(byPath.config.repositoryUrl, 'file:///flag')
    const env = { KAFKA_BACKUP_REPO: 'file:///env' }
    const byEnv = await load({ ...read, env, text: 'storage: { path: /file, prefix: p }' })
    assert.equal(byEnv.config.repositoryUrl, 'file:///env')
    const prefixed = await load({
      ...read,
      text: 'storage: { path: /file }',
      flags: { 'storage.prefix': 'p' },
    })
    assert.equal(prefixed.config.repositoryUrl, 'file:///file/p')
  })

  const conflicts: readonly [string, Record<string, string>, RegExp][] = [
    ['repo: file:///a\nstorage: { path: /b }', {}, /^backup\.yaml:1: repo and storage both say/],
    ['', { repo: 'file:///a', 'storage.path': '/b' }, /^--repo and storage both say/],
    ['repo: file:///a', { 'storage.prefix': 'p' }, /^--prefix needs storage\.path/],
    ['storage: { prefix: p }', {}, /^backup\.yaml:1: storage\.prefix needs storage\.path/],
    ['storage: { backend: filesystem }', {}, /^say where the repository is/],
  ]
  for (const [text, flags, message] of conflicts) {
    it(`is not clear from ${JSON.stringify(text)} and ${JSON.stringify(flags)}`, async () => {
      assert.match((await failure({ ...read, text, flags }, 'KB_CONFIG_INVALID')).message, message)
    })
  }

  it('is not clear when a flag goes with the storage that a variable replaces', async () => {
    const env = { KAFKA_BACKUP_REPO: 'file:///env' }
    const given = { ...read, env, text: 'storage: { path: /file }', flags: { 'storage.prefix': 'p' } }
    assert.match((await failure(given, 'KB_CONFIG_INVALID')).message, /^--prefix is part of storage/)
  })

  it('can be in memory', async () => {
    for (const text of ['storage: { backend: memory }', 'repo: memory:///repository']) {
      const { config, warnings } = await load({ ...read, text })
      assert.equal(config.repositoryUrl, 'memory:///repository')
      assert.deepEqual(warnings, [])
    }
    const text = 'storage: { backend: memory, bucket: b }'
    const error = await failure({ ...read, text }, 'KB_CONFIG_INVALID')
    assert.match(error.message, /storage\.bucket is for s3, ceph, gcs, and storage\.backend is memory/)
  })
})
