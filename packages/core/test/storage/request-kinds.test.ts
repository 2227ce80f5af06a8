import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestKind as azureKind } from '../../src/storage/azure/request-kind.ts'

const BLOB = 'https://account.blob.core.windows.net/container/prefix/key'

test('requests to Azure are told apart by what they cost', () => {
  assert.equal(azureKind('PUT', BLOB), 'put')
  assert.equal(azureKind('PUT', `${BLOB}?comp=block&blockid=YQ%3D%3D`), 'upload_part')
  assert.equal(azureKind('PUT', `${BLOB}?comp=blocklist`), 'complete_upload')
  assert.equal(azureKind('PUT', `${BLOB}?comp=metadata`), 'other')
  assert.equal(azureKind('GET', BLOB), 'get')
  assert.equal(azureKind('GET', 'https://a.example/c?restype=container&comp=list'), 'list')
  assert.equal(azureKind('GET', 'https://a.example/?comp=properties'), 'other')
  assert.equal(azureKind('HEAD', BLOB), 'head')
  assert.equal(azureKind('DELETE', BLOB), 'delete')
})
