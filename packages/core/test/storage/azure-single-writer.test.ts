import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { expectCode, patternBytes } from '../../../testkit/src/conformance/storage-subject.ts'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import { openAzure } from '../../src/storage/azure/location.ts'
import { freshContainer, keyOf, openContainer } from './azure-subject.ts'
import { errorXml, openLossyProxy } from './lossy-proxy.ts'

const LARGE_BYTES = 9 * 1024 * 1024

describe('Azure with single_writer', () => {
  let server: AzureServer

  before(async () => {
    server = await startAzureServer()
  })
  after(() => server?.close())

  it('looks before it writes, and refuses what is there', async () => {
    const backend = openContainer(server, await freshContainer(server), '&single_writer=true')
    await backend.put('small', Buffer.from('first'))
    await expectCode(backend.put('small', Buffer.from('second')), 'KB_OBJECT_EXISTS')
    assert.equal((await backend.read('small', 10)).toString(), 'first')
    const writer = await backend.openWrite('small')
    await writer.write([patternBytes(LARGE_BYTES, 1)])
    await expectCode(writer.commit(), 'KB_OBJECT_EXISTS')
    const large = await backend.openWrite('large')
    await large.write([patternBytes(LARGE_BYTES, 1)])
    await large.commit()
    assert.equal((await backend.stat('large'))?.bytes, LARGE_BYTES)
    await backend.close()
  })

  it('says that it is the way when a store refuses the condition', async () => {
    await using proxy = await openLossyProxy(new URL(server.endpoint).origin)
    proxy.decide = () => ({ refuse: 400, body: errorXml('ConditionHeadersNotSupported') })
    const endpoint = `${proxy.endpoint}/${server.account}`
    const place = `azure://${server.account}/${await freshContainer(server)}?endpoint=${endpoint}`
    const backend = openAzure(new URL(place), keyOf(server))
    await assert.rejects(
      backend.put('a', Buffer.from('x')),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'KB_STORAGE_UNSUPPORTED')
        assert.match(error.hint ?? '', /storage\.single_writer: true/)
        return true
      },
    )
    await backend.close()
  })
})
