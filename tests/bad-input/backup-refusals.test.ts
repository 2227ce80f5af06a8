import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import { type Archive, backupArgs, expectComplete, expectExit } from '../harness/archive.ts'
import { expectEveryOffsetOnce } from '../harness/committed-batches.ts'
import { createTopics } from '../harness/new-topics.ts'
import { expectRefused, offsetsOf } from './evidence.ts'

const QUICKLY_MS = 15_000
const RECORDS = 400

let cluster: KafkaCluster
let other: KafkaCluster

before(async () => {
  ;[cluster, other] = await Promise.all([startKafkaCluster(), startKafkaCluster()])
  await createTopics(cluster, { orders: { partitions: 2 }, reborn: { partitions: 1 } })
  await createTopics(other, { orders: { partitions: 2 } })
  await fillTopics(cluster, [
    { topic: 'orders', records: RECORDS },
    { topic: 'reborn', records: RECORDS },
  ])
})

after(async () => {
  await Promise.all([cluster?.close(), other?.close()])
})

test('refuses a topic that does not exist, with or without others that do', async () => {
  const archive = await newArchive()
  await expectRefused(
    backupArgs(cluster, archive, ['orders', 'ordesr', 'paymnets']),
    {
      exitCode: 2,
      code: 'KB_TOPIC_NOT_FOUND',
      says: ['"ordesr", "paymnets"', cluster.bootstrap, 'Check the spelling'],
    },
    { folders: [archive.folder], clusters: [cluster] },
  )
  await expectRefused(
    backupArgs(cluster, archive, ['nothing-*']),
    { exitCode: 2, code: 'KB_TOPIC_NOT_FOUND', says: ['nothing-*', cluster.bootstrap] },
    { folders: [archive.folder], clusters: [cluster] },
  )
  await createTopics(cluster, { ordesr: { partitions: 1 }, paymnets: { partitions: 1 } })
  await expectExit(0, backupArgs(cluster, archive, ['orders', 'ordesr', 'paymnets']))
  await expectComplete(archive)
})

test('says quickly that no broker answers, and goes on when one does', async () => {
  const archive = await newArchive()
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  await fillTopics(cluster, [{ topic: 'orders', records: RECORDS }])
  const ends = bigints(await offsetsOf(cluster), 'orders/')
  await cluster.broker(1).stop()
  try {
    const beganMs = performance.now()
    await expectRefused(
      backupArgs(cluster, archive, ['orders']),
      {
        exitCode: 6,
        code: 'KB_CLUSTER_UNREACHABLE',
        says: [cluster.bootstrap, 'ECONNREFUSED', 'Check the address'],
      },
      { folders: [archive.folder] },
    )
    assert.ok(performance.now() - beganMs < QUICKLY_MS)
  } finally {
    await cluster.broker(1).start()
  }
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  await expectEveryOffsetOnce(archive, ends)
})

test('says quickly that an address takes connections and never answers', async () => {
  const archive = await newArchive()
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  assert.ok(address && typeof address === 'object')
  const bootstrap = `127.0.0.1:${address.port}`
  try {
    const beganMs = performance.now()
    await expectRefused(
      backupArgs({ bootstrap }, archive, ['orders']),
      { exitCode: 6, code: 'KB_CLUSTER_UNREACHABLE', says: [bootstrap, 'Check the address'] },
      { folders: [archive.folder] },
    )
    // As long as a connection is waited for; a loaded machine needs seconds more to start the program.
    assert.ok(performance.now() - beganMs < 2 * QUICKLY_MS)
  } finally {
    for (const socket of sockets) socket.destroy()
    silent.close()
  }
})

test('refuses to continue the backup of another cluster', async () => {
  const archive = await newArchive()
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  await expectRefused(
    backupArgs(other, archive, ['orders']),
    {
      exitCode: 5,
      code: 'KB_WRONG_CLUSTER',
      says: [cluster.clusterId, other.clusterId, archive.backupId, '--backup-id'],
    },
    { folders: [archive.folder], clusters: [other] },
  )
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  await expectComplete(archive)
})

test('refuses to begin a backup inside of another one, and takes places beside it', async () => {
  const archive = await newArchive()
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  const scene = { folders: [archive.folder], clusters: [cluster] }
  const inside = (folder: string) => ({ folder: join(archive.folder, folder), backupId: 'weekly' })
  const says = ['is inside of backup "daily"', `--repo ${pathToFileURL(archive.folder).href}`]
  for (const folder of ['daily', 'daily/topics', 'daily/a/b/c']) {
    const refusal = { exitCode: 2, code: 'KB_LOCATION_INVALID', says }
    await expectRefused(backupArgs(cluster, inside(folder), ['orders']), refusal, scene)
    const place = ['--repo', pathToFileURL(inside(folder).folder).href, '--backup-id', 'weekly']
    const groups = ['snapshot-groups', '--bootstrap-servers', cluster.bootstrap, ...place]
    await expectRefused(groups, refusal, scene)
  }
  for (const folder of ['team', 'daily-2', 'daily-2/team']) {
    const beside = inside(folder)
    await expectExit(0, backupArgs(cluster, beside, ['orders']))
    await expectComplete(beside)
  }
  await expectExit(0, backupArgs(cluster, archive, ['orders']))
  await expectComplete(archive)
})

async function newArchive(): Promise<Archive> {
  return { folder: await mkdtemp(join(cluster.folder, 'archive-')), backupId: 'daily' }
}

function bigints(offsets: Readonly<Record<string, string>>, prefix: string): Map<string, bigint> {
  const own = Object.entries(offsets).filter(([name]) => name.startsWith(prefix))
  return new Map(own.map(([name, range]) => [name, BigInt(range.split('-')[1] ?? '')]))
}
