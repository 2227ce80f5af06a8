import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { FilesystemBackend } from '../../packages/core/src/storage/filesystem/backend.ts'
import { prune, writeRuns } from '../../packages/core/test/repository/pruned-archive.ts'
import { dataBatch, draft, ORDERS_0, writeSegment } from '../../packages/core/test/verify/archive-writer.ts'
import { type SampleArchive, writeSampleArchive } from '../../packages/core/test/verify/sample-archive.ts'
import { expectExit } from '../harness/archive.ts'
import { recordLoaded } from '../harness/loaded-files.ts'

const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/kafka-backup.js', import.meta.url))

let folder: string
/** Of the object that is damaged. */
let damagedKey: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cat-'))
  await inRepository('sample', writeSampleArchive)
  await inRepository('gap', writeWithGap)
  damagedKey = await damage(await inRepository('damaged', writeSampleArchive))
  await inRepository('pruned', async (storage) => {
    await writeRuns(storage, 4)
    await prune(storage, { keepRuns: 2, graceMs: 0 })
  })
})

after(() => rm(folder, { recursive: true, force: true }))

async function inRepository<T>(name: string, write: (storage: FilesystemBackend) => Promise<T>): Promise<T> {
  const storage = new FilesystemBackend(join(folder, name))
  try {
    return await write(storage)
  } finally {
    await storage.close()
  }
}

/** In the last frame of the first segment of orders/0. */
async function damage({ state }: SampleArchive): Promise<string> {
  const isFirst = ({ topic, firstOffset }: { topic: string; firstOffset: bigint }) =>
    topic === 'orders' && firstOffset === 0n
  const { key, index } = state.segments.find(({ parts }) => parts.some(isFirst))!
  const path = join(folder, 'damaged', key)
  const bytes = await readFile(path)
  bytes[index.position - 20]! ^= 1
  await writeFile(path, bytes)
  return key
}

/** orders/0: 0-9, and 20-29 behind a gap. */
async function writeWithGap(storage: FilesystemBackend): Promise<void> {
  const state = new BackupState('daily')
  const segments = []
  for (const [sequence, beginOffset] of [
    [1, 0n],
    [2, 20n],
  ] as const) {
    const frames = [{ batches: [dataBatch(beginOffset, 10)] }]
    segments.push(
      await writeSegment(storage, {
        streams: [ORDERS_0],
        extents: [{ beginOffset, holes: [] }],
        frames,
        sequence,
      }),
    )
  }
  const place = { topic: 'orders', partition: 0, lineage: 1, reason: 'deleted_before_read' } as const
  const commit = draft('run-1', 'complete', {
    topics: [{ name: 'orders', topicId: ORDERS_0.topicId, partitions: 1 }],
    begins: [{ topic: 'orders', partition: 0, offset: 0n }],
    gaps: [{ ...place, firstOffset: 10n, endOffset: 20n }],
    segments,
  })
  await appendCommit(storage, state, commit)
}

function args(verb: string, repository: string, ...more: readonly string[]): string[] {
  return [verb, '--repo', pathToFileURL(join(folder, repository)).href, '--backup-id', 'daily', ...more]
}

/** `orders/0 12` of each line that was printed. */
function placesIn(stdout: string): string[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('  ').slice(0, 2).join(' '))
}

const span = (partition: string, first: number, count: number) =>
  Array.from({ length: count }, (_, at) => `${partition} ${first + at}`)

const ORDERS_0_PLACES = [
  ...span('orders/0', 0, 9),
  ...span('orders/0', 12, 6),
  ...span('orders/0', 20, 12),
  ...span('orders/0', 32, 3),
]
// 100 and 101 were aborted, 103 and 107 are markers.
const ORDERS_1_PLACES = [
  ...span('orders/1', 102, 1),
  ...span('orders/1', 104, 3),
  ...span('orders/1', 108, 10),
]

test('prints committed records in order, without loading what talks to clusters', async () => {
  const recorder = recordLoaded(folder)
  const all = await expectExit(0, args('cat', 'sample', 'orders'), { env: recorder.env })
  const { packages } = await recorder.read()
  assert.deepEqual(
    packages.filter((name) => /kafka$|aws-sdk|azure|google|yaml/.test(name)),
    [],
  )
  assert.deepEqual(placesIn(all.stdout), [...ORDERS_0_PLACES, ...ORDERS_1_PLACES])
  assert.match(all.stdout, /^orders\/0 {2}12 {2}2023-11-14T22:13:32\.000Z {2}key-12 {2}"value 0 value 0 /m)
  assert.equal(all.stderr, '')
  const some = await expectExit(
    0,
    args('cat', 'sample', 'orders', 'audit', '--partitions', 'orders:1', '--limit', '15'),
  )
  assert.deepEqual(placesIn(some.stdout), [...span('audit/0', 3, 6), ...ORDERS_1_PLACES.slice(0, 9)])
})

test('chooses by offsets, times, commits, keys and ends', async () => {
  const choices: readonly (readonly [flags: readonly string[], places: readonly string[]])[] = [
    [
      ['--offsets', 'orders/0:8-12,orders/1:103-105'],
      ['orders/0 8', 'orders/0 12', 'orders/1 104', 'orders/1 105'],
    ],
    [
      ['orders', '--offsets', 'orders/0:33-'],
      ['orders/0 33', 'orders/0 34'],
    ],
    [
      ['orders', '--from', '2023-11-14T22:13:36Z', '--to', '1700000020000'],
      ['orders/0 16', 'orders/0 17', 'orders/0 20'],
    ],
    [
      ['o*', '--partitions', '1', '--tail', '2'],
      ['orders/1 116', 'orders/1 117'],
    ],
    [
      ['~o.*s', '--partitions', '1', '--tail', '2', '--as-of-commit', '3'],
      ['orders/1 114', 'orders/1 115'],
    ],
    [['*', '--exclude-topics', 'orders', '--tail', '1'], ['audit/0 8']],
    [['--topics', 'orders', '--key', 'key-21'], ['orders/0 21']],
  ]
  for (const [flags, places] of choices) {
    const { stdout } = await expectExit(0, args('cat', 'sample', ...flags))
    assert.deepEqual(placesIn(stdout), places, flags.join(' '))
  }
})

test('greps and counts what it would print', async () => {
  const found = await expectExit(0, args('grep', 'sample', '~^key-3[34]$', '*', '--in', 'key'))
  assert.deepEqual(placesIn(found.stdout), ['orders/0 33', 'orders/0 34'])
  const nothing = await expectExit(0, args('grep', 'sample', 'key-33', '*', '--in', 'value'))
  assert.deepEqual([nothing.stdout, nothing.stderr], ['', 'No record\n'])
  const counted = await expectExit(0, args('count', 'sample', '*'))
  assert.match(
    counted.stdout,
    /^orders\/0 +30\norders\/1 +14\n50 records in 3 partitions of daily \(commit 4\)$/m,
  )
  const cut = await expectExit(
    0,
    args('count', 'sample', '--offsets', 'orders/0:8-12', '--output-format', 'json'),
  )
  assert.equal(cut.json().records, 2)
})

test('says which offsets are not there, where a reader comes by them', async () => {
  const gap = await expectExit(3, args('cat', 'gap', 'orders'))
  assert.deepEqual(placesIn(gap.stdout), [...span('orders/0', 0, 10), ...span('orders/0', 20, 10)])
  assert.equal(
    gap.stderr,
    'Gap: orders/0 offsets 10-19 were deleted on the source before they could be read\nIncomplete  20 records; what is not in the backup is named above\n',
  )
  assert.equal((await expectExit(0, args('cat', 'gap', 'orders', '--limit', '10'))).stderr, '')
  assert.equal((await expectExit(3, args('cat', 'gap', '--offsets', 'orders/0:5-12', '--quiet'))).stderr, '')
  assert.match(
    (await expectExit(3, args('count', 'gap', 'orders'))).stdout,
    /^Gap: orders\/0 offsets 10-19 were/m,
  )
  const left = await expectExit(0, args('cat', 'pruned', 'orders', '--partitions', '0'))
  assert.match(left.stderr, /^Pruned: orders\/0 offsets 0-19 were pruned \(records up to .*\)\n$/)
  const asked = await expectExit(3, args('cat', 'pruned', '--offsets', 'orders/0:10-25'))
  assert.deepEqual(placesIn(asked.stdout), span('orders/0', 20, 6))
  assert.match(asked.stderr, /were pruned .*, and were asked for\nIncomplete {2}6 records;/)
  const gone = await expectExit(5, args('cat', 'pruned', 'orders', '--as-of-commit', '1'))
  assert.match(gone.stderr, /of orders\/0 the offsets from 20 on are left\n {2}KB_PRUNED/)
})

test('ends with 4 at damage, names the object, and has printed what lies before', async () => {
  const end = await expectExit(4, args('cat', 'damaged', 'orders'))
  assert.deepEqual(placesIn(end.stdout), span('orders/0', 0, 9))
  assert.ok(end.stderr.includes(damagedKey) && /KB_SEGMENT_CORRUPT/.test(end.stderr), end.stderr)
  await expectExit(0, args('cat', 'damaged', 'orders', '--offsets', 'orders/0:20-'))
})

test('ends quietly when nobody reads any more, and reads no further', async () => {
  const command = args('cat', 'damaged', 'orders')
    .map((arg) => `'${arg}'`)
    .join(' ')
  // It would come by damage behind what it has printed.
  const script = `{ sleep 0.2; "${process.execPath}" "${PROGRAM}" ${command}; echo "exit $?" >&2; } | true`
  const { stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  assert.equal(stderr, 'exit 0\n')
})

test('refuses what is no choice before it looks at anything', async () => {
  const wrong: readonly (readonly [flags: readonly string[], says: RegExp])[] = [
    [[], /say which topics are meant/],
    [['orders', '--offsets', 'orders:1-2'], /--offsets must be offsets, such as .*, not "orders:1-2"/],
    [['orders', '--partitions', '7'], /"7" chooses no partition/],
    [['orders', '--tail', '2', '--key', 'a'], /--tail counts all records/],
    [['orders', '--header', 'a'], /--header takes a name and a value/],
    [['orders', '--output-format', 'json'], /must be table, ndjson, raw or hex, not "json"/],
    [['absent'], /topic "absent" does not exist in backup daily/],
  ]
  for (const [flags, says] of wrong) {
    const end = await expectExit(2, args('cat', 'sample', ...flags))
    assert.match(end.stderr, says)
    assert.equal(end.stdout, '')
  }
})
