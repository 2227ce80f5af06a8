import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
/** Requests that commit or remove offsets, or make a member of a group, as the client library writes their names. */
const FORBIDDEN =
  /\b(?:offsetCommit|txnOffsetCommit|addOffsetsToTxn|offsetDelete|deleteGroups|joinGroup|syncGroup|leaveGroup|heartbeat|consumerGroupHeartbeat|alterShareGroupOffsets|shareGroupHeartbeat|streamsGroupHeartbeat)V\d+/i
/** The same by their numbers, where a request is encoded by ourselves: `key: 8`, `offsetCommit: 8`. */
const FORBIDDEN_KEYS = [8, 11, 12, 13, 14, 25, 28, 42, 47, 68, 76, 88, 91]

test('no package knows a request that sets the offset of a group', () => {
  const files = globSync('packages/{core,cli}/src/**/*.ts', { cwd: ROOT })
  assert.ok(files.length > 300)
  const requests: number[] = []
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    assert.doesNotMatch(text, FORBIDDEN, file)
    if (!file.startsWith('packages/core/src/kafka/')) continue
    const places = file.endsWith('/api-versions.ts') ? /^ {2}\w+: (\d+),$/gm : /\bkey: (\d+)/g
    for (const [, key] of text.matchAll(places)) requests.push(Number(key))
  }
  assert.ok(requests.includes(0) && requests.includes(9), 'Produce and OffsetFetch are among them')
  assert.deepEqual(
    requests.filter((key) => FORBIDDEN_KEYS.includes(key)),
    [],
  )
})
