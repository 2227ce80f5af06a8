import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { it } from 'node:test'

/** Packages of the stores' vendors that this process has asked for. */
const loaded = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    if (/^(@aws-sdk|@smithy|@azure|@google-cloud)\//.test(specifier)) loaded.add(specifier)
    return next(specifier, context)
  },
})

it('loads the SDK of AWS at the first request, and no other; a folder needs none', async () => {
  const { openLocation, openParts, Registry } = await import('../../src/index.ts')
  const { storages } = new Registry().use(openParts).freeze()
  const folder = openLocation('file:///nowhere/at/all', storages)
  assert.deepEqual(await folder.listFolders(''), [])
  const store = openLocation('s3://bucket?endpoint=http://127.0.0.1:1&region=x', storages)
  assert.deepEqual([...loaded], [])
  await assert.rejects(store.listFolders(''))
  assert.ok(loaded.has('@aws-sdk/client-s3'))
  assert.ok(![...loaded].some((name) => /^@(azure|google-cloud)\//.test(name)), [...loaded].join(' '))
  await store.close()
  await folder.close()
})
