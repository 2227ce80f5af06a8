import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, assertExit, backupArgs, restoreArgs, validateArgs } from '../harness/archive.ts'
import { expectEveryOffsetOnce } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectSameRecords, readTopics } from '../harness/same-content.ts'
import { expectError, treeOf } from './evidence.ts'
import { PrivateMounts } from './other-places.ts'

// Compressed, about three times the disk.
const RECORDS = 24_000
const DISK = '2m'
const SMALL_SEGMENTS = ['--segment-max-bytes', '1048576', '--checkpoint-interval-secs', '1']

let cluster: KafkaCluster

before(async () => {
  cluster = await startKafkaCluster()
  await createTopics(cluster, { orders: { partitions: 2 } })
  await fillTopics(cluster, [{ topic: 'orders', records: RECORDS }])
})

after(() => cluster?.close())

test('a full disk: said, nothing lost, and the same command goes on when there is room', async () => {
  await using mounts = await PrivateMounts.open()
  const archive = await mountDisk(mounts, 'full')
  const backup = [...backupArgs(cluster, archive, ['orders']), ...SMALL_SEGMENTS]
  const refusal = { exitCode: 7, code: 'KB_STORAGE_FULL', says: ['the disk is full', 'Free some space'] }
  expectError(await mounts.runProgram(backup), refusal)
  const inside = { ...archive, folder: mounts.pathOf(archive.folder) }
  const kept = await treeOf(inside.folder)

  await mounts.run('mount', '-o', 'remount,size=200m', archive.folder)
  assertExit(await mounts.runProgram(backup), 0)
  const now = await treeOf(inside.folder)
  for (const [path, sha256] of Object.entries(kept)) {
    if (path.includes('/commits/')) assert.equal(now[path], sha256, `${path} was committed and stays`)
  }
  await expectEveryOffsetOnce(inside, await endOffsets(cluster, ['orders']))
  assertExit(await mounts.runProgram(validateArgs(archive)), 0)
  const names = new Map([['orders', 'orders-after-full']])
  assertExit(await mounts.runProgram(restoreArgs(cluster, archive, names)), 0)
  const contents = await readTopics(cluster, ['orders', 'orders-after-full'])
  await expectSameRecords(names, contents, contents)
})

test('a read-only file system: refused, nothing changed, and it works when it is writable again', async () => {
  await using mounts = await PrivateMounts.open()
  const archive = await mountDisk(mounts, 'read-only')
  await mounts.run('mount', '-o', 'remount,ro,size=200m', archive.folder)
  const backup = backupArgs(cluster, archive, ['orders'])
  const inside = mounts.pathOf(archive.folder)
  const refusal = {
    exitCode: 8,
    code: 'KB_STORAGE_PERMISSION',
    says: ['the file system is read-only (EROFS)', 'write access'],
  }
  const before = await treeOf(inside)
  expectError(await mounts.runProgram(backup), refusal)
  assert.deepEqual(await treeOf(inside), before)

  await mounts.run('mount', '-o', 'remount,rw,size=200m', archive.folder)
  assertExit(await mounts.runProgram(backup), 0)
  await mounts.run('mount', '-o', 'remount,ro', archive.folder)
  // What only reads needs no right to write.
  assertExit(await mounts.runProgram(validateArgs(archive)), 0)
  assertExit(await mounts.runProgram([...backup, '--dry-run']), 0)
  const committed = await treeOf(inside)
  expectError(await mounts.runProgram(backup), refusal)
  assert.deepEqual(await treeOf(inside), committed)
})

async function mountDisk(mounts: PrivateMounts, name: string): Promise<Archive> {
  const folder = join(cluster.folder, name)
  await mkdir(folder)
  await mounts.run('mount', '-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', folder)
  return { folder, backupId: 'daily' }
}
