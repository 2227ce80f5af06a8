import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestKind as azureKind } from '../../src/storage/azure/request-kind.ts'
import { requestKind as gcsKind } from '../../src/storage/gcs/request-kind.ts'

const BLOB = 'https://account.blob.core.windows.net/container/prefix/key'
const OBJECT = '/storage/v1/b/bucket/o/prefix%2Fkey'
const UPLOAD = '/upload/storage/v1/b/bucket/o'

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

test('requests to Google Cloud Storage are told apart by what they cost', () => {
  assert.equal(gcsKind('POST', `${UPLOAD}?uploadType=multipart&ifGenerationMatch=0`), 'put')
  assert.equal(gcsKind('POST', `${UPLOAD}?uploadType=resumable&ifGenerationMatch=0`), 'begin_upload')
  assert.equal(gcsKind('PUT', `${UPLOAD}?uploadType=resumable&upload_id=1`), 'upload_part')
  assert.equal(gcsKind('GET', `${OBJECT}?alt=media`), 'get')
  assert.equal(gcsKind('GET', OBJECT), 'head')
  assert.equal(gcsKind('GET', '/storage/v1/b/bucket/o?prefix=a%2F'), 'list')
  assert.equal(gcsKind('GET', '/storage/v1/b/bucket'), 'other')
  assert.equal(gcsKind('DELETE', OBJECT), 'delete')
})
