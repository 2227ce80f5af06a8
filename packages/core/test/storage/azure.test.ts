import { after, before, describe } from 'node:test'
import { describeStorageBackend } from '../../../testkit/src/conformance/storage-backend.ts'
import { type AzureServer, startAzureServer } from '../../../testkit/src/stores/azurite.ts'
import { freshContainer, openContainer } from './azure-subject.ts'

describe('Azure, on Azurite', () => {
  let server: AzureServer

  before(async () => {
    server = await startAzureServer()
  })

  after(() => server?.close())

  describeStorageBackend('azure', async () => {
    const place = `${await freshContainer(server)}/some/prefix`
    const backend = openContainer(server, place)
    return {
      backend,
      reopen: async () => openContainer(server, place),
      close: () => backend.close(),
    }
  })
})
