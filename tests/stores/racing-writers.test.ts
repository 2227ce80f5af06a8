import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import {
  type AzureServer,
  type GcsServer,
  missingGcsServer,
  missingS3Server,
  openTempFolder,
  type S3Server,
  startAzureServer,
  startGcsServer,
  startS3Server,
  type TempFolder,
} from '@kafka-backup/testkit'
import { BackupState } from '../../packages/core/src/format/backup-state.ts'
import { appendCommit } from '../../packages/core/src/repository/commit-log.ts'
import { commitPrefix } from '../../packages/core/src/repository/key-layout.ts'
import { openBackup } from '../../packages/core/src/repository/open-backup.ts'
import { Secret } from '../../packages/core/src/runtime/secret.ts'
import { openAzure } from '../../packages/core/src/storage/azure/location.ts'
import { openFilesystem } from '../../packages/core/src/storage/filesystem/location.ts'
import { openGcs } from '../../packages/core/src/storage/gcs/location.ts'
import { openS3 } from '../../packages/core/src/storage/s3/location.ts'
import type { StorageBackend } from '../../packages/core/src/storage/storage-backend.ts'
import { BACKUP, draft, ORDERS_TOPIC } from '../../packages/core/test/verify/archive-writer.ts'
import type { CommitOutcome } from './children/racing-writer.ts'

const WRITERS = 8
const ROUNDS = 20
const FIRST_RUN = 'first'
const BACKUP_ID = BACKUP
const CHILD = fileURLToPath(new URL('children/racing-writer.ts', import.meta.url))

/** Eight processes append to one backup at the same moment, twenty times; the log stays one chain that names each success. */
function describeRace(
  name: string,
  place: () => Promise<{ location: string; env: Record<string, string>; open: () => StorageBackend }>,
): void {
  test(`${WRITERS} processes that append ${ROUNDS} times each make one lineage on ${name}`, async () => {
    const { location, env, open } = await place()
    await begin(open())
    const writers = Array.from({ length: WRITERS }, (_, at) => new RacingWriter(location, at, env))
    const successes = new Map([['1', FIRST_RUN]])
    let conflicts = 0
    try {
      await Promise.all(writers.map((writer) => writer.ready()))
      for (let round = 0; round < ROUNDS; round++) {
        const outcomes = await Promise.all(writers.map((writer) => writer.append(round)))
        const won = outcomes.filter((outcome) => outcome.kind === 'committed')
        assert.ok(won.length > 0, `somebody gets through in round ${round}`)
        for (const { number, runId } of won) {
          assert.ok(!successes.has(number), `commit ${number} is only one writer's`)
          successes.set(number, runId)
        }
        conflicts += outcomes.length - won.length
      }
    } finally {
      for (const writer of writers) await writer.end()
    }
    assert.ok(conflicts > 0, 'writers of one partition met each other')
    await expectOneLineage(open(), successes)
  })
}

async function expectOneLineage(
  storage: StorageBackend,
  successes: ReadonlyMap<string, string>,
): Promise<void> {
  const keys: string[] = []
  for await (const { key } of storage.list(commitPrefix(BACKUP_ID))) keys.push(key)
  assert.equal(
    keys.length,
    successes.size,
    'every commit that is there was reported, and every reported one is there',
  )
  // Folding every commit checks numbers and the digests by which each names the one before.
  const runs: [string, string][] = []
  for (const key of keys) {
    const document = JSON.parse((await storage.read(key, 1024 * 1024)).toString())
    runs.push([String(document.number), document.run.id])
  }
  assert.deepEqual(new Map(runs), successes)
  const state = await openBackup(storage, BACKUP_ID, { useSnapshots: false })
  assert.equal(state.tip?.number, BigInt(keys.length))
  await storage.close()
}

/** The first commit, with the partitions that the writers extend. */
async function begin(storage: StorageBackend): Promise<void> {
  const begins = [0, 1, 2, 3].map((partition) => ({ topic: 'orders', partition, offset: 0n }))
  const parts = { topics: [{ ...ORDERS_TOPIC, partitions: 4 }], begins }
  await appendCommit(storage, new BackupState(BACKUP_ID), {
    ...draft(FIRST_RUN, 'complete', parts),
    backupId: BACKUP_ID,
  })
  await storage.close()
}

class RacingWriter {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(location: string, at: number, env: Record<string, string>) {
    this.#child = spawn(process.execPath, [CHILD, location, BACKUP_ID, String(at)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    if (!this.#child.stdout) throw new Error('the child has no stdout')
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  async ready(): Promise<void> {
    assert.equal((await this.#lines.next()).value, 'ready')
  }

  async append(round: number): Promise<CommitOutcome> {
    this.#child.stdin?.write(`${round}\n`)
    const { value } = await this.#lines.next()
    return JSON.parse(value) as CommitOutcome
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
}

describe('racing writers', () => {
  let folder: TempFolder
  let server: S3Server | undefined
  let azure: AzureServer | undefined
  let google: GcsServer | undefined
  const skip = missingS3Server()

  before(async () => {
    folder = await openTempFolder('kb-race-')
    if (skip === false) server = await startS3Server()
    azure = await startAzureServer()
    if (missingGcsServer() === false) google = await startGcsServer()
  })
  after(async () => {
    await google?.close()
    await azure?.close()
    await server?.close()
    await folder?.close()
  })

  describeRace('a filesystem', async () => {
    const location = pathToFileURL(folder.path).href
    return { location, env: {}, open: () => openFilesystem(new URL(location)) }
  })

  describeRace('Azure', async () => {
    assert.ok(azure)
    const { account, accountKey, endpoint } = azure
    const credential = new StorageSharedKeyCredential(account, accountKey)
    await new ContainerClient(`${endpoint}/races`, credential).create()
    const location = `azure://${account}/races/here?endpoint=${endpoint}`
    const key = new Map([['account_key', new Secret(accountKey)]] as const)
    return {
      location,
      env: { RACE_ACCOUNT_KEY: accountKey },
      open: () => openAzure(new URL(location), key),
    }
  })

  describe('on Google', { skip: missingGcsServer() }, () => {
    describeRace('Google Cloud Storage', async () => {
      assert.ok(google)
      await google.createBucket('races')
      const location = `gs://races/here?endpoint=${google.endpoint}`
      return { location, env: {}, open: () => openGcs(new URL(location)) }
    })
  })

  describe('on S3', { skip }, () => {
    describeRace('S3', async () => {
      assert.ok(server)
      await server.createBucket('races')
      const location = `s3://races/here?endpoint=${server.endpoint}`
      const keys = new Map([
        ['access_key', new Secret(server.accessKey)],
        ['secret_key', new Secret(server.secretKey)],
      ] as const)
      const env = { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey }
      return { location, env, open: () => openS3(new URL(location), keys) }
    })
  })
})
