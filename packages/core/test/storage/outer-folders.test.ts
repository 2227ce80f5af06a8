import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outerFolders } from '../../src/storage/outer-folders.ts'

const CASES: readonly (readonly [location: string, ...outer: (readonly [string, string])[]])[] = [
  ['s3://bucket/a/b%20c?region=x', ['b c', 's3://bucket/a?region=x'], ['a', 's3://bucket?region=x']],
  ['s3://bucket?region=x'],
  ['gs://bucket/a', ['a', 'gs://bucket']],
  ['azure://acct/box/a', ['a', 'azure://acct/box'], ['box', 'azure://acct']],
  ['file:///repo/daily', ['daily', 'file:///repo'], ['repo', 'file://']],
  ['file:///repo/daily/', ['daily', 'file:///repo'], ['repo', 'file://']],
  ['s3://bucket/a/%E0%A4%A/b', ['b', 's3://bucket/a/%E0%A4%A']],
  ['memory:///name', ['name', 'memory://']],
  ['/a/b'],
]

test('the folders of a location are told from the innermost on, each with what it is in', () => {
  for (const [location, ...outer] of CASES) {
    const found = [...outerFolders(location)].map((own) => [own.folder, own.outerLocation])
    assert.deepEqual(found, outer, location)
  }
})
