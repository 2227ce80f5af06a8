import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { fillTopics, type KafkaCluster, startKafkaCluster } from '@kafka-backup/testkit'
import {
  type Archive,
  archivePath,
  assertExit,
  backupArgs,
  expectComplete,
  expectExit,
} from '../harness/archive.ts'
import { SHORT_QUOTA_WINDOWS, throttleProgram } from '../harness/client-quota.ts'
import { expectEveryOffsetOnce, readCommits } from '../harness/committed-batches.ts'
import { endOffsets } from '../harness/end-offsets.ts'
import { createTopics } from '../harness/new-topics.ts'
import { startProgram } from '../harness/run-program.ts'
import { until } from '../harness/until.ts'

const RECORDS = 16_000
const BYTES_PER_SEC = 1_000_000
const OFTEN = [
  '--checkpoint-interval-secs',
  '1',
  '--segment-max-interval-ms',
  '100',
  '--fetch-max-bytes',
  '500000',
]

interface StatusDocument {
  readonly state: string
  readonly commit: string
  readonly lag: string | null
  readonly live: { readonly liveness: string; readonly from: string; readonly commit: string | null } | null
  readonly partitions: readonly {
    topic: string
    partition: number
    next_offset: string
    lag: string | null
  }[]
}

let cluster: KafkaCluster
let archive: Archive
/** Where the state of this "machine" is. */
let database: string

before(async () => {
  cluster = await startKafkaCluster({ properties: SHORT_QUOTA_WINDOWS })
  archive = { folder: join(cluster.folder, 'archive'), backupId: 'daily' }
  database = join(cluster.folder, 'state', 'offsets.db')
  await createTopics(cluster, { orders: { partitions: 2 } })
  await fillTopics(cluster, [{ topic: 'orders', records: RECORDS }])
})

after(() => cluster?.close())

describe('a run that is killed', () => {
  test('is shown as running while it lives, and as gone without a word when it does not', async (t) => {
    await throttleProgram(cluster, { readBytesPerSec: BYTES_PER_SEC })
    const running = startProgram(backup(OFTEN))
    t.after(() => running.child.kill('SIGKILL'))
    await until('a commit is in the state', async () => {
      assert.equal(running.child.exitCode, null, running.output().stderr)
      return existsSync(database) && (await status()).live?.commit != null
    })
    const alive = await status(0)
    assert.deepEqual([alive.state, alive.live?.from], ['running', 'local'])
    assert.match((await expectExit(0, statusArgs('table'))).stdout, /^daily {3}running since .* on /)
    running.child.kill('SIGKILL')
    await running.ended
    await until('its heartbeats are missed', async () => (await status()).state === 'gone')
    const gone = await expectExit(3, statusArgs('table'))
    assert.match(gone.stdout, /^daily {3}not running any more: no heartbeat for .* did not say how it ended/)
    const address = join(cluster.folder, 'another-name')
    await symlink(archive.folder, address)
    const renamed = (await startProgram(statusArgs('json', address)).ended).json<StatusDocument>()
    assert.deepEqual(
      [renamed.state, renamed.live?.from],
      ['gone', 'local'],
      'whatever the repository is called',
    )
    const elsewhere = ['--offset-storage-db-path', join(cluster.folder, 'elsewhere.db')]
    await rm(archivePath(archive, 'state'), { recursive: true, force: true })
    const far = await expectExit(3, [...statusArgs('table'), ...elsewhere])
    assert.match(far.stdout, /^daily {3}last run did not commit its end, and nothing tells of it here: /)
  })

  test('is gone on from with every offset once, and the state follows', async () => {
    await throttleProgram(cluster, { readBytesPerSec: 100_000_000 })
    await expectExit(0, backup())
    await expectWhole()
    const { state, live, partitions } = await status(0)
    assert.deepEqual([state, live?.liveness, live?.from], ['complete', 'ended', 'local'])
    assert.deepEqual(
      partitions.map((entry) => [`${entry.topic}/${entry.partition}`, BigInt(entry.next_offset)]),
      [...(await endOffsets(cluster, ['orders']))],
    )
  })

  test('told of nothing but offsets and itself: no secret, and no other backup in the copy', async () => {
    const copy = new DatabaseSync(archivePath(archive, 'state', 'offsets.db'), { readOnly: true })
    const tables = copy.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['backup_jobs', 'job_circuits', 'job_details', 'offsets', 'seen_commits'],
    )
    assert.equal(copy.prepare('SELECT status FROM backup_jobs').get()?.status, 'completed')
    copy.close()
  })
})

describe('status', () => {
  test('shows the copy in the repository to another machine, and the commits where there is none', async () => {
    const elsewhere = ['--offset-storage-db-path', join(cluster.folder, 'elsewhere.db')]
    const far = (await expectExit(0, [...statusArgs('json'), ...elsewhere])).json<StatusDocument>()
    assert.deepEqual([far.state, far.live?.from], ['complete', 'copy'])
    const copy = archivePath(archive, 'state', 'offsets.db')
    const bytes = readFileSync(copy)
    await writeFile(copy, 'garbage')
    const blind = await expectExit(0, [...statusArgs('json'), ...elsewhere])
    assert.match(blind.stderr, /Warning: the copy of the state cannot be read: .*not a database/)
    assert.deepEqual(
      [blind.json<StatusDocument>().state, blind.json<StatusDocument>().live],
      ['complete', null],
    )
    await writeFile(copy, bytes)
  })

  test('shows what the machine knows when the repository is away, and says so', async () => {
    const hidden = `${archive.folder}-away`
    const args = statusArgs('table')
    await rename(archive.folder, hidden)
    try {
      const end = await expectExit(2, args)
      assert.match(end.stdout, /^daily {3}last run complete, ended .*KB_BACKUP_NOT_FOUND/s)
    } finally {
      await rename(hidden, archive.folder)
    }
  })

  test('shows the lag when the cluster is given, and does without when it does not answer', async () => {
    await fillTopics(cluster, [{ topic: 'orders', records: 500 }])
    const asking = (server: string) => [...statusArgs('json'), '--bootstrap-servers', server]
    const { lag, partitions } = (await expectExit(0, asking(cluster.bootstrap))).json<StatusDocument>()
    assert.equal(lag, '500')
    assert.equal(
      partitions.reduce((sum, entry) => sum + Number(entry.lag), 0),
      500,
    )
    const mute = await expectExit(0, asking('127.0.0.1:1'))
    assert.equal(mute.json<StatusDocument>().lag, null)
    assert.match(mute.stderr, /Warning: no lag is shown: /)
  })
})

describe('a state that something happened to changes nothing of what is backed up', () => {
  let older: string

  before(async () => {
    await expectExit(0, backup())
    older = `${database}.older`
    await copyFile(database, older)
  })

  const HARM: readonly (readonly [what: string, harm: () => Promise<void>, warning: RegExp | null])[] = [
    ['deleted', () => rm(database), null],
    ['an older copy', () => copyFile(older, database), null],
    [
      'cut short',
      () => truncate(database, 5_000),
      /Warning: the local state .*was damaged, is now .*\.damaged/,
    ],
    [
      'garbage',
      () => writeFile(database, Buffer.alloc(50_000, 'x')),
      /Warning: the local state .*was damaged/,
    ],
    ['that of another backup', () => stateOfAnother(), null],
    [
      'a folder',
      () => rm(database).then(() => mkdir(database)),
      /Warning: the local state .*it is not a file/,
    ],
  ]
  for (const [what, harm, warning] of HARM) {
    test(`when it is ${what}`, async () => {
      await harm()
      await fillTopics(cluster, [{ topic: 'orders', records: 100 }])
      const end = await expectExit(0, backup())
      if (warning) assert.match(end.stderr, warning)
      else assert.doesNotMatch(end.stderr, /Warning/)
      assert.ok((end.stderr.match(/Warning/g)?.length ?? 0) <= 1, end.stderr)
      assert.equal(end.json<{ records: number }>().records, 100)
      await expectEveryOffsetOnce(archive, await endOffsets(cluster, ['orders']))
    })
  }

  test('when it cannot be written at all, and is kept nowhere', async () => {
    await rm(database, { recursive: true, force: true })
    // Below /proc a folder can be made by nobody, and the file system says that what is above it is missing.
    for (const nowhere of ['/dev/null/offsets.db', '/proc/kafka-backup/offsets.db']) {
      const args = [...backupArgs(cluster, archive, ['orders']), '--offset-storage-db-path', nowhere]
      const end = await expectExit(0, args)
      assert.ok(end.stderr.includes(`Warning: the local state ${nowhere}: `), end.stderr)
    }
    const inMemory = ['--offset-storage-backend', 'memory']
    const silent = await expectExit(0, [...backupArgs(cluster, archive, ['orders']), ...inMemory])
    assert.doesNotMatch(silent.stderr, /Warning/)
    await expectWhole()
    assert.equal(existsSync(database), false)
  })
})

describe('a repository that is put back in time', () => {
  test('is gone on from with a warning, once; its records are read again', async () => {
    await expectExit(0, backup())
    const commits = await readCommits(archive)
    const last = commits.length
    for (const number of [last, last - 1]) {
      await rm(archivePath(archive, 'commits', `${String(number).padStart(20, '0')}.json`))
    }
    const seen = await expectExit(0, statusArgs('json'))
    const warning = `Warning: the backup ends at commit ${last - 2}, and this machine saw commit ${last} of it`
    assert.ok(seen.stderr.includes(warning), seen.stderr)
    const end = await expectExit(0, backup())
    assert.ok(end.stderr.includes(warning), end.stderr)
    await expectWhole()
    const again = await expectExit(0, backup())
    assert.doesNotMatch(again.stderr, /Warning/)
  })
})

async function stateOfAnother(): Promise<void> {
  await rm(database)
  const other = { ...archive, backupId: 'hourly' }
  await expectExit(0, [...backupArgs(cluster, other, ['orders']), '--offset-storage-db-path', database])
}

/** Every offset of the source is in the archive exactly once, and every byte of it is right. */
async function expectWhole(): Promise<void> {
  await expectEveryOffsetOnce(archive, await endOffsets(cluster, ['orders']))
  await expectComplete(archive)
}

function backup(more: readonly string[] = []): string[] {
  return [...backupArgs(cluster, archive, ['orders']), '--offset-storage-db-path', database, ...more]
}

function statusArgs(format: 'json' | 'table', folder = archive.folder): string[] {
  const place = ['--repo', `file://${folder}`, '--backup-id', archive.backupId]
  return ['status', ...place, '--offset-storage-db-path', database, '--output-format', format]
}

/** With an exit code: insists on it. */
async function status(exitCode?: number): Promise<StatusDocument> {
  const end = await startProgram(statusArgs('json')).ended
  if (exitCode !== undefined) assertExit(end, exitCode)
  return end.json<StatusDocument>()
}
