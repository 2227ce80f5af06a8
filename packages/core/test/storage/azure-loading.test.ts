import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { it } from 'node:test'
import { Secret } from '../../src/runtime/secret.ts'

/** Packages of Azure that this process has asked for. */
const loaded = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith('@azure/')) loaded.add(specifier)
    return next(specifier, context)
  },
})

it('loads the SDK of Azure at the first request, and that of identities only without a key', async () => {
  const { openParts } = await import('../../src/plugin/open-parts.ts')
  assert.equal(openParts.name, 'open-parts')
  const { openAzure } = await import('../../src/storage/azure/location.ts')
  const key = new Map([['account_key', new Secret('a2V5')]] as const)
  const withKey = openAzure(new URL('azure://account/container?endpoint=http://127.0.0.1:1'), key)
  assert.deepEqual([...loaded], [])
  await assert.rejects(withKey.listFolders(''))
  assert.ok(loaded.has('@azure/storage-blob'))
  assert.ok(!loaded.has('@azure/identity'))
  await withKey.close()
  process.env.AZURE_TOKEN_CREDENTIALS = 'EnvironmentCredential'
  const without = openAzure(new URL('azure://account/container?endpoint=https://127.0.0.1:1'), new Map())
  await assert.rejects(without.listFolders(''))
  assert.ok(loaded.has('@azure/identity'))
  await without.close()
})
