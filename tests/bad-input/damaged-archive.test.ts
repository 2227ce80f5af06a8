import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectComplete, expectExit, restoreArgs } from '../harness/archive.ts'
import { createTopics } from '../harness/new-topics.ts'
import { runProgram } from '../harness/run-program.ts'
import { countRecords, expectSameRecords, readTopics } from '../harness/same-content.ts'
import { type ErrorDocument, expectError, expectRefused, offsetsOf, treeWithoutLedgers } from './evidence.ts'
import { runWithoutPrivilegedReads } from './other-places.ts'

// Several frames, so that some are written before the damaged one is met.
const MANY = 12_000
const FEW = 200

interface Findings {
  readonly verdict: string
  readonly findings: readonly {
    readonly severity: string
    readonly code: string
    readonly key: string
    readonly partitions: readonly { topic: string; partition: number; first_offset?: string }[]
  }[]
}

let cluster: KafkaCluster
let intact: Archive
let copies = 0

before(async () => {
  cluster = await startKafkaCluster()
  intact = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  await createTopics(cluster, { orders: { partitions: 1 }, payments: { partitions: 2 } })
  await fillTopics(cluster, [
    { topic: 'orders', records: MANY },
    { topic: 'payments', records: FEW },
  ])
  await expectExit(0, backupArgs(cluster, intact, ['orders', 'payments']))
})

after(() => cluster?.close())

test('a flipped bit: nothing of the damaged frame is written, and what was written is said', async () => {
  const archive = await copyOfArchive()
  const key = await segmentKeyOf(archive, 'orders', 0)
  await flipBit(join(archive.folder, key))
  const finding = await expectFinding(archive, key, 'KB_SEGMENT_CORRUPT')
  const [partition] = finding.partitions
  assert.deepEqual([partition?.topic, partition?.partition], ['orders', 0])
  const firstDamaged = Number(partition?.first_offset)
  assert.ok(firstDamaged > 0, 'the first frame is intact')

  const target = `orders-flipped`
  const { error } = await expectDamagedRestore(archive, key, new Map([['orders', target]]))
  const [, written] = /(\d+) of 12000 records are there for good/.exec(error.message) ?? []
  assert.ok(written !== undefined, error.message)
  assert.equal(countRecords(await readTopics(cluster, [target])), Number(written), 'as a consumer sees it')
  assert.ok(
    Number(written) <= firstDamaged,
    `${written} records are written, the damage is at ${firstDamaged}`,
  )
  assert.match(error.hint, /--resume/)
  assert.ok(
    error.hint.includes(
      `kafka-backup validate --repo ${pathToFileURL(archive.folder).href} --backup-id daily`,
    ),
  )
  await expectRefused(
    restoreArgs(cluster, intact, new Map([['orders', target]])),
    { exitCode: 5, code: 'KB_TARGET_NOT_EMPTY', says: [target] },
    { folders: [intact.folder], clusters: [cluster] },
  )
})

const damages: readonly (readonly [
  name: string,
  code: RegExp,
  damage: (path: string) => Promise<unknown>,
])[] = [
  ['deleted', /KB_OBJECT_NOT_FOUND|KB_SEGMENT_CORRUPT/, (path) => rm(path)],
  ['truncated', /KB_SEGMENT_CORRUPT/, async (path) => truncate(path, (await readFile(path)).length >> 1)],
  ['empty', /KB_SEGMENT_CORRUPT/, (path) => truncate(path, 0)],
  ['replaced', /KB_OBJECT_NOT_FOUND|KB_SEGMENT_CORRUPT/, (path) => rm(path).then(() => mkdir(path))],
]

for (const [name, code, damage] of damages) {
  test(`a segment that is ${name} is found and not restored`, async () => {
    const archive = await copyOfArchive()
    const key = await segmentKeyOf(archive, 'payments', 1)
    await damage(join(archive.folder, key))
    const finding = await expectFinding(archive, key, code)
    assert.deepEqual(
      finding.partitions.map((entry) => `${entry.topic}/${entry.partition}`),
      ['payments/1'],
    )
    await expectDamagedRestore(archive, key, new Map([['payments', `payments-${name}`]]))
  })
}

test('two segments that changed places are found, and neither is restored', async () => {
  const archive = await copyOfArchive()
  const [left, right] = [
    await segmentKeyOf(archive, 'payments', 0),
    await segmentKeyOf(archive, 'payments', 1),
  ]
  const paths = [join(archive.folder, left), join(archive.folder, right)] as const
  await rename(paths[0], `${paths[0]}.moved`)
  await rename(paths[1], paths[0])
  await rename(`${paths[0]}.moved`, paths[1])
  await expectFinding(archive, left, 'KB_SEGMENT_CORRUPT')
  await expectFinding(archive, right, 'KB_SEGMENT_CORRUPT')
  const { error } = await restoreFails(archive, new Map([['payments', 'payments-swapped']]))
  assert.match(error.message, /topics\/payments\/partition=[01]\/segment-/)
  const offsets = await offsetsOf(cluster)
  assert.deepEqual([offsets['payments-swapped/0'], offsets['payments-swapped/1']], ['0-0', '0-0'])
})

test('a segment that the account may not read is no damage: permission, and the object', async (t) => {
  const archive = await copyOfArchive()
  const key = await segmentKeyOf(archive, 'payments', 0)
  await chmod(join(archive.folder, key), 0o000)
  if (process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).error) return t.skip('no setpriv')
  const args = ['--output-format', 'json']
  const names = new Map([['payments', 'payments-unreadable']])
  const refusal = { exitCode: 8, code: 'KB_STORAGE_PERMISSION', says: [key, 'access is denied'] }
  expectError(await runWithoutPrivilegedReads(restoreArgs(cluster, archive, names)), refusal)
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  expectError(await runWithoutPrivilegedReads(['validate', ...place, '--deep', ...args]), refusal)
  assert.equal(
    (await offsetsOf(cluster))['payments-unreadable/0'],
    undefined,
    'not even its topic was created',
  )
  await chmod(join(archive.folder, key), 0o600)
  await expectComplete(archive)
})

test('a damaged commit stops every verb, and validate names the object', async () => {
  const archive = await copyOfArchive()
  const commits = (await readdir(join(archive.folder, 'daily', 'commits'))).sort()
  const key = `daily/commits/${commits[0]}`
  await flipBit(join(archive.folder, key))
  const refusal = { exitCode: 4, code: 'KB_COMMIT_CORRUPT', says: [key, 'kafka-backup validate --repo'] }
  const scene = { folders: [archive.folder], clusters: [cluster] }
  await expectRefused(backupArgs(cluster, archive, ['orders']), refusal, scene)
  await expectRefused(restoreArgs(cluster, archive, new Map([['orders', 'orders-x']])), refusal, scene)
  for (const verb of ['status', 'describe', 'list']) {
    const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
    expectError(await runProgram([verb, ...place, '--output-format', 'json']), refusal)
  }
  await expectFinding(archive, key, 'KB_COMMIT_CORRUPT')

  // One damaged backup does not hide the others.
  await cp(join(intact.folder, 'daily'), join(archive.folder, 'nightly'), { recursive: true })
  await expectExit(0, backupArgs(cluster, { ...archive, backupId: 'weekly' }, ['payments']))
  const list = await expectExit(4, ['list', '--repo', pathToFileURL(archive.folder).href])
  assert.match(list.stdout, /^weekly +1 +200 /m)
  assert.match(list.stdout, /^Damaged: daily\/commits\/0+1\.json: .*\n {2}KB_COMMIT_CORRUPT · /m)
  assert.match(list.stdout, /^Damaged: nightly\/commits\//m)
})

test('a foreign file is named by validate and stops neither backup nor restore', async () => {
  const archive = await copyOfArchive()
  await writeFile(join(archive.folder, 'daily', 'topics', 'notes.txt'), 'remember the milk')
  const finding = await expectFinding(archive, 'daily/topics/notes.txt', 'KB_VALIDATION_FAILED')
  assert.equal(finding.severity, 'foreign')
  await expectExit(0, backupArgs(cluster, archive, ['orders', 'payments']))
  await expectExit(0, restoreArgs(cluster, archive, new Map([['payments', 'payments-foreign']])))
  await rm(join(archive.folder, 'daily', 'topics', 'notes.txt'))
  await expectComplete(archive)
})

test('the same archive without the damage restores every record', async () => {
  await expectComplete(intact)
  const names = new Map([
    ['orders', 'orders-intact'],
    ['payments', 'payments-intact'],
  ])
  await expectExit(0, restoreArgs(cluster, intact, names))
  const contents = await readTopics(cluster, [...names.keys(), ...names.values()])
  await expectSameRecords(names, contents, contents)
})

async function copyOfArchive(): Promise<Archive> {
  const folder = join(cluster.folder, `copy-${++copies}`)
  await cp(intact.folder, folder, { recursive: true })
  return { ...intact, folder }
}

async function segmentKeyOf(archive: Archive, topic: string, partition: number): Promise<string> {
  const folder = `${archive.backupId}/topics/${topic}/partition=${partition}`
  const [name] = (await readdir(join(archive.folder, folder))).filter((entry) => entry.startsWith('segment-'))
  assert.ok(name, `${folder} holds a segment`)
  return `${folder}/${name}`
}

/** In the middle, which in a segment is data. */
async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path)
  const at = bytes.length >> 1
  bytes[at] = bytes[at]! ^ 0x10
  await writeFile(path, bytes)
}

/** `validate --deep` ends with 4, changes nothing, and names this object. */
async function expectFinding(archive: Archive, key: string, code: string | RegExp) {
  const place = ['--repo', pathToFileURL(archive.folder).href, '--backup-id', archive.backupId]
  const before = await treeWithoutLedgers(archive.folder)
  const end = await expectExit(4, ['validate', ...place, '--deep', '--output-format', 'json'])
  assert.deepEqual(await treeWithoutLedgers(archive.folder), before)
  const report = end.json<Findings>()
  assert.equal(report.verdict, 'damaged')
  const finding = report.findings.find((entry) => entry.key === key && entry.severity !== 'note')
  assert.ok(finding, `${key} is not in ${JSON.stringify(report.findings)}`)
  assert.match(finding.code, typeof code === 'string' ? new RegExp(`^${code}$`) : code)
  return finding
}

/** The restore ends with 4, names the object, and the partition of that object holds nothing behind the damage. */
async function expectDamagedRestore(
  archive: Archive,
  key: string,
  names: ReadonlyMap<string, string>,
): Promise<ErrorDocument> {
  const document = await restoreFails(archive, names)
  assert.ok(document.error.message.includes(key), document.error.message)
  assert.equal(document.error.context.key, key)
  return document
}

async function restoreFails(archive: Archive, names: ReadonlyMap<string, string>): Promise<ErrorDocument> {
  const before = await treeWithoutLedgers(archive.folder)
  const end = await runProgram(restoreArgs(cluster, archive, names))
  assert.deepEqual(await treeWithoutLedgers(archive.folder), before)
  const { error } = end.json<ErrorDocument>()
  const says = [
    /^(?:.|\n)*(?:The target is incomplete|No record was written)/,
    'kafka-backup validate --repo',
  ]
  return expectError(end, { exitCode: 4, code: error.code, says })
}
