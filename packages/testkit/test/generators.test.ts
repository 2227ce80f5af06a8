import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import { generateRecords, openTempFolder, seededRandom, writePayloadFile } from '../src/index.ts'

test('the same seed gives the same records, another seed gives others', () => {
  const records = generateRecords(seededRandom(7), 50)
  assert.deepEqual(generateRecords(seededRandom(7), 50), records)
  assert.notDeepEqual(generateRecords(seededRandom(8), 50), records)
  assert.notEqual(seededRandom(1).uint32(), seededRandom(2 ** 32 + 1).uint32())
})

test('a seeded random number is spread evenly', () => {
  const random = seededRandom(1)
  const counts = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) counts[random.below(10)]!++
  assert.ok(
    counts.every((count) => count > 9_500 && count < 10_500),
    counts.join(),
  )
})

test('generated records reach every corner of the encoding', () => {
  const records = generateRecords(seededRandom(1), 1_000)
  const corners = {
    nullKey: records.some((record) => record.key === null),
    emptyKey: records.some((record) => record.key?.length === 0),
    nullValue: records.some((record) => record.value === null),
    emptyValue: records.some((record) => record.value?.length === 0),
    nullHeader: records.some((record) => record.headers.some(([, value]) => value === null)),
    repeatedName: records.some(({ headers }) => new Set(headers.map(([name]) => name)).size < headers.length),
    unicodeName: records.some((record) => record.headers.some(([name]) => name === '件名')),
    backInTime: records.some((record, at) => at > 0 && record.timestampMs < records[at - 1]!.timestampMs),
  }
  for (const [corner, isReached] of Object.entries(corners)) assert.ok(isReached, corner)
  assert.ok(records.every((record) => record.timestampMs >= 0n))
})

for (const bytesPerRecord of [100, 1000]) {
  test(`payload lines of ${bytesPerRecord} bytes are JSON and compress about 4:1`, async () => {
    const folder = await openTempFolder('kafka-backup-payload-')
    try {
      const file = join(folder.path, 'payload')
      await writePayloadFile(file, { records: 20_000, bytesPerRecord, seed: 1 })
      const content = await readFile(file)
      const lines = content.toString('ascii').trimEnd().split('\n')
      assert.equal(lines.length, 20_000)
      assert.ok(lines.every((line) => line.length === bytesPerRecord && JSON.parse(line)))
      const compressed = zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })
      const ratio = content.length / compressed.length
      assert.ok(ratio > 3.8 && ratio < 4.8, String(ratio))
    } finally {
      await folder.close()
    }
  })
}
