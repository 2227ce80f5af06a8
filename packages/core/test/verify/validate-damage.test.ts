import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding } from '../../src/verify/finding.ts'
import type { ValidationReport } from '../../src/verify/validation-report.ts'
import { BACKUP, validate } from './archive-writer.ts'
import { type SampleArchive, writeSampleArchive } from './sample-archive.ts'
import { STORES, withStore } from './tamperable-store.ts'

/*
 * Whatever changes in a backup is found and attributed to the object that changed. What cannot be found from inside of a
 * repository, by anyone: that its newest commits are gone together with everything that was derived from them (manifest,
 * snapshots). Such a repository is bit for bit what it was before they were made; only a memory elsewhere knows better.
 * Nor that a snapshot is gone, which costs time at the next opening and nothing else.
 */

// Files take ten times as long, and hold the same bytes.
const SPREAD_POSITIONS = { memory: 40, filesystem: 12 } as const
// Each bit of each object in memory, one at a time: twelve minutes.
const IS_EVERY_BIT = process.env.ALL_BITS === '1'

function serious(report: ValidationReport): Finding[] {
  return report.findings.filter((finding) => finding.severity !== 'note')
}

/** Damage was found, in this object and in no other, and at least the partitions it holds are named. */
function expectFinding(report: ValidationReport, archive: SampleArchive, key: string, what: string): void {
  const findings = serious(report)
  assert.equal(report.verdict, 'damaged', what)
  assert.deepEqual([...new Set(findings.map((finding) => finding.key))], [key], what)
  assert.ok(
    findings.every((finding) => finding.severity === 'damage' && finding.partitions.length > 0),
    what,
  )
  const named = new Set(
    findings.flatMap((finding) => finding.partitions.map((entry) => `${entry.topic}/${entry.partition}`)),
  )
  const expected = archive.partitionsByKey.get(key) ?? []
  const isFrameOfBundle =
    key.includes('/bundles/') && findings.some((finding) => finding.message.startsWith('frame '))
  // Damage within one frame of a bundle concerns only the partition of that frame.
  const missing = expected.filter((name) => !named.has(name))
  if (isFrameOfBundle) assert.ok(missing.length < expected.length, `${what}: named ${[...named].join()}`)
  else assert.deepEqual(missing, [], `${what}: named ${[...named].join()}`)
}

function spreadBits(kind: keyof typeof STORES, length: number): { position: number; bit: number }[] {
  if (IS_EVERY_BIT && kind === 'memory') {
    return Array.from({ length: length * 8 }, (_, at) => ({ position: at >> 3, bit: at & 7 }))
  }
  const count = SPREAD_POSITIONS[kind]
  const positions = new Set([0, length - 1])
  for (let at = 0; at < count; at++) positions.add(Math.floor(((at + 0.5) * length) / count))
  return [...positions].map((position) => ({ position, bit: (position * 5 + (length & 7)) & 7 }))
}

for (const kind of Object.keys(STORES) as (keyof typeof STORES)[]) {
  test(`a deep validation finds each flipped bit and names its object (${kind})`, () =>
    withStore(kind, async (store) => {
      const archive = await writeSampleArchive(store.backend)
      for (const key of archive.partitionsByKey.keys()) {
        const original = await store.read(key)
        for (const { position, bit } of spreadBits(kind, original.length)) {
          const changed = Buffer.from(original)
          changed[position]! ^= 1 << bit
          await store.write(key, changed)
          expectFinding(await validate(store.backend), archive, key, `${key}: byte ${position}, bit ${bit}`)
        }
        await store.write(key, original)
      }
      assert.equal((await validate(store.backend)).verdict, 'complete')
    }))

  test(`a truncated, extended, emptied or removed object is found and named (${kind})`, () =>
    withStore(kind, async (store) => {
      const archive = await writeSampleArchive(store.backend)
      for (const key of archive.partitionsByKey.keys()) {
        const original = await store.read(key)
        const changes: [string, Buffer][] = [
          ['one byte less', original.subarray(0, -1)],
          ['half of it', original.subarray(0, original.length >> 1)],
          ['empty', Buffer.alloc(0)],
          ['one byte more', Buffer.concat([original, Buffer.from([0x0a])])],
          ['first byte lost', original.subarray(1)],
        ]
        for (const [what, changed] of changes) {
          await store.write(key, changed)
          for (const isDeep of [true, false]) {
            expectFinding(
              await validate(store.backend, { isDeep }),
              archive,
              key,
              `${key}: ${what}, deep ${isDeep}`,
            )
          }
        }
        await store.remove(key)
        const report = await validate(store.backend)
        // A snapshot is a cache that anyone may remove; nothing else says that it was there.
        if (key.includes('/snapshots/')) assert.equal(report.verdict, 'complete')
        else expectFinding(report, archive, key, `${key}: removed`)
        await store.write(key, original)
      }
      assert.equal((await validate(store.backend)).verdict, 'complete')
    }))

  test(`bytes under another object's name are found, and both objects are named (${kind})`, () =>
    withStore(kind, async (store) => {
      const archive = await writeSampleArchive(store.backend)
      const keys = [...archive.partitionsByKey.keys()]
      const ofKind = (part: string) => keys.filter((key) => key.includes(part))
      for (const group of [ofKind('/topics/'), ofKind('/commits/')]) {
        for (const [at, left] of group.entries()) {
          for (const right of group.slice(at + 1)) {
            const [leftBytes, rightBytes] = [await store.read(left), await store.read(right)]
            await store.write(left, rightBytes)
            await store.write(right, leftBytes)
            const found = serious(await validate(store.backend)).map((finding) => finding.key)
            assert.deepEqual([...new Set(found)].sort(), [left, right].sort())
            await store.write(right, rightBytes)
            // One of them alone, so that the same object is there twice.
            expectFinding(await validate(store.backend), archive, left, `${left} holds ${right}`)
            await store.write(left, leftBytes)
          }
        }
      }
    }))
}

test('every change of an index, a header or a seek table is found without reading the data', () =>
  withStore('memory', async (store) => {
    const archive = await writeSampleArchive(store.backend)
    for (const { key, index } of archive.state.segments) {
      const original = await store.read(key)
      const headerBytes = original.readUInt32LE(4) + 8
      for (let position = 0; position < original.length; position++) {
        if (position >= headerBytes && position < index.position) continue
        // The seek table whole; of the documents, which are long, every seventh byte.
        if (position % 7 !== 0 && position < index.position + index.bytes) continue
        const changed = Buffer.from(original)
        changed[position]! ^= 1 << (position & 7)
        await store.write(key, changed)
        expectFinding(
          await validate(store.backend, { isDeep: false }),
          archive,
          key,
          `${key}: byte ${position}`,
        )
      }
      await store.write(key, original)
    }
  }))

test('an older manifest is a note that says what it shows', () =>
  withStore('memory', async (store) => {
    const archive = await writeSampleArchive(store.backend)
    await store.write(`${BACKUP}/manifest.json`, archive.olderManifest)
    const report = await validate(store.backend)
    assert.equal(report.verdict, 'complete')
    assert.deepEqual(
      report.findings.map(({ severity, key, message }) => ({ severity, key, message })),
      [
        {
          severity: 'note',
          key: `${BACKUP}/manifest.json`,
          message: 'it shows commit 2; the log goes on to 4',
        },
      ],
    )
  }))
