import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { it } from 'node:test'

/** Packages of Google that this process has asked for. */
const loaded = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    if (/^(@google-cloud\/|google-auth-library|gaxios)/.test(specifier)) loaded.add(specifier)
    return next(specifier, context)
  },
})

it('loads the library of Google at the first request that needs credentials', async () => {
  const { openParts } = await import('../../src/plugin/open-parts.ts')
  assert.equal(openParts.name, 'open-parts')
  const { openGcs } = await import('../../src/storage/gcs/location.ts')
  const emulator = openGcs(new URL('gs://bucket?endpoint=http://127.0.0.1:1'))
  const real = openGcs(new URL('gs://bucket?endpoint=https://127.0.0.1:1'))
  await assert.rejects(emulator.listFolders(''))
  assert.deepEqual([...loaded], [])
  // A file that is there, and no key.
  process.env.GOOGLE_APPLICATION_CREDENTIALS = import.meta.filename
  await assert.rejects(real.listFolders(''))
  assert.ok(loaded.has('@google-cloud/storage'))
  await emulator.close()
  await real.close()
})
