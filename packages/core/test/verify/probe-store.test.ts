import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { collect, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { openTempFolder, type TempFolder } from '../../../testkit/src/temp-folder.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { listBackups } from '../../src/repository/list-backups.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { openFilesystem } from '../../src/storage/filesystem/location.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { type ProbeOptions, type ProbeReport, probeStore } from '../../src/verify/probe-store.ts'
import { errorXml, type LossyProxy, openLossyProxy } from '../storage/lossy-proxy.ts'
import { freshBucket, keysOf, openBucket } from '../storage/s3-subject.ts'
import { openForgetfulStore } from './forgetful-store.ts'

const NEEDED = [
  ...['write', 'put_if_absent', 'streamed_put_if_absent', 'read_after_write'],
  ...['streamed_write', 'ranged_read', 'list', 'replace'],
]
const FOREIGN = [
  { key: 'daily/manifest.json', text: 'a backup' },
  { key: 'probe=store/0123456789abcdef-range', text: 'of somebody else' },
]

function probe(storage: StorageBackend, more: Partial<ProbeOptions> = {}): Promise<ProbeReport> {
  const signal = new AbortController().signal
  return probeStore({ storage, clock: systemClock, random: systemRandom, signal, ...more })
}

/** Answers by id. */
function answers(report: ProbeReport): Record<string, string> {
  return Object.fromEntries(report.capabilities.map(({ id, answer }) => [id, answer]))
}

function expectOnlyMissing(report: ProbeReport, missing: readonly string[]): void {
  const found = report.capabilities.filter(({ isNeeded, answer }) => isNeeded && answer !== 'yes')
  assert.deepEqual(
    found.map(({ id }) => id),
    missing,
    JSON.stringify(report, null, 2),
  )
  assert.equal(report.verdict, missing.length === 0 ? 'suitable' : 'unsuitable')
}

async function putForeign(storage: StorageBackend): Promise<void> {
  for (const { key, text } of FOREIGN) await storage.put(key, Buffer.from(text))
}

/** What was there before is there unchanged, and nothing else but `left`. */
async function expectForeignOnly(storage: StorageBackend, left: readonly string[] = []): Promise<void> {
  const keys = (await collect(storage.list(''))).map(({ key }) => key)
  assert.deepEqual(keys.toSorted(), [...FOREIGN.map(({ key }) => key), ...left].toSorted())
  for (const { key, text } of FOREIGN) assert.equal((await storage.read(key, 100)).toString(), text)
}

describe('a probe of a folder', () => {
  let folder: TempFolder

  before(async () => {
    folder = await openTempFolder('kb-probe-')
  })
  after(() => folder?.close())

  it('finds all that a backup needs, and leaves only what was there', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(folder.path).href))
    await putForeign(storage)
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.deepEqual([report.exitCode, report.leftovers], [0, []])
    const found = answers(report)
    for (const id of [...NEEDED, 'delete', 'clock']) assert.equal(found[id], 'yes', id)
    assert.equal(found.versioning, 'unknown')
    await expectForeignOnly(storage)
    await storage.close()
  })

  it('leaves a folder with all its folders as it was, also when it is stopped', async () => {
    const root = `${folder.path}/as-it-was`
    for (const path of ['.tmp', 'probe=store/of-others', 'daily'])
      await mkdir(`${root}/${path}`, { recursive: true })
    await writeFile(`${root}/probe=store/of-others/object`, 'x')
    const before = (await readdir(root, { recursive: true })).toSorted()
    const storage = openFilesystem(new URL(pathToFileURL(root).href))
    const report = await probe(storage)
    assert.deepEqual([report.exitCode, report.isPlaceThere], [0, true])
    assert.deepEqual((await readdir(root, { recursive: true })).toSorted(), before)
    const controller = new AbortController()
    const list = storage.list.bind(storage)
    storage.list = (prefix, options) => {
      if (prefix.endsWith('list'))
        controller.abort(new KafkaBackupError('KB_INTERRUPTED', 'stopped by the test'))
      return list(prefix, options)
    }
    await expectCode(probe(storage, { signal: controller.signal }), 'KB_INTERRUPTED')
    assert.deepEqual((await readdir(root, { recursive: true })).toSorted(), before)
    await storage.close()
  })

  it('says that a folder is not there, and does not make it', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/not/there/yet`).href))
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.equal(report.isPlaceThere, false)
    await assert.rejects(readdir(`${folder.path}/not`), { code: 'ENOENT' })
    await storage.close()
  })

  it('shows no backup while it runs', async () => {
    await mkdir(`${folder.path}/while`)
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/while`).href))
    const running = probe(storage)
    const seen = new Set<string>()
    let isOver = false
    void running.finally(() => {
      isOver = true
    })
    let looks = 0
    while (!isOver) {
      for (const id of await listBackups(storage)) seen.add(id)
      for (const name of await storage.listFolders('')) if (name === 'probe=store') looks++
    }
    await running
    assert.ok(looks > 0, 'it was there to be seen')
    assert.deepEqual([...seen], [])
    await storage.close()
  })

  it('notices one wrong byte of a range, and a key that is not listed', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/wrong`).href))
    const readRange = storage.readRange.bind(storage)
    storage.readRange = async (key, range, options) => {
      const bytes = await readRange(key, range, options)
      if (range.begin === 1) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return bytes
    }
    const list = storage.list.bind(storage)
    storage.list = async function* (prefix, options) {
      for await (const entry of list(prefix, options)) if (!entry.key.includes('list.a/')) yield entry
    }
    const report = await probe(storage)
    expectOnlyMissing(report, ['ranged_read', 'list'])
    const details = report.capabilities.map(({ detail }) => detail ?? '').join('\n')
    assert.match(details, /bytes 1 to 4097 were not those/)
    assert.match(details, /4 of 20 keys were not listed/)
    await storage.close()
  })

  it('notices a clock that is an hour away', async () => {
    const storage = openFilesystem(new URL(pathToFileURL(`${folder.path}/clock`).href))
    const clock = { ...systemClock, nowMs: () => Date.now() + 3_600_000 }
    const report = await probe(storage, { clock })
    const entry = report.capabilities.find(({ id }) => id === 'clock')
    assert.equal(entry?.answer, 'no')
    assert.match(entry?.detail ?? '', /clock of the store is 3600 s behind/)
    assert.ok(Math.abs((report.clockDifferenceMs ?? 0) + 3_600_000) < 5_000)
    assert.equal(report.exitCode, 0, 'a clock alone keeps nobody from backing up')
    await storage.close()
  })
})

describe('a probe of S3', { skip: missingS3Server() }, () => {
  let server: S3Server

  before(async () => {
    server = await startS3Server()
  })
  after(() => server?.close())

  const through = (proxy: LossyProxy, bucket: string, query = '') =>
    openS3(new URL(`s3://${bucket}?endpoint=${proxy.endpoint}${query}`), keysOf(server))

  it('finds all that a backup needs, and leaves only what was there', async () => {
    const storage = openBucket(server, `${await freshBucket(server)}/some/prefix`)
    await putForeign(storage)
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.deepEqual([report.exitCode, report.leftovers], [0, []])
    const { versioning, object_lock, default_retention, clock } = answers(report)
    assert.deepEqual([versioning, object_lock, default_retention, clock], ['no', 'no', 'no', 'yes'])
    await expectForeignOnly(storage)
    await storage.close()
  })

  it('notices that conditions are ignored', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openForgetfulStore(server, bucket, ['PUT', 'POST'])
    const storage = through(proxy, bucket)
    const report = await probe(storage)
    expectOnlyMissing(report, ['put_if_absent', 'streamed_put_if_absent'])
    assert.equal(report.exitCode, 7)
    const [entry] = report.capabilities.filter(({ id }) => id === 'put_if_absent')
    assert.equal(entry?.code, 'KB_STORAGE_UNSUPPORTED')
    assert.match(entry?.detail ?? '', /a second object was stored under a key that was taken/)
    assert.match(entry?.advice ?? '', /storage\.single_writer: true/)
    assert.deepEqual(await collect(storage.list('')), [])
    await storage.close()
  })

  it('notices that they are ignored for uploads only', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openForgetfulStore(server, bucket, ['POST'])
    const storage = through(proxy, bucket)
    expectOnlyMissing(await probe(storage), ['streamed_put_if_absent'])
    await storage.close()
  })

  it('does not need them when somebody vouches for a single writer, and tells all the same', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openForgetfulStore(server, bucket, ['PUT', 'POST'])
    const storage = through(proxy, bucket, '&single_writer=true')
    const exclusive = through(proxy, bucket)
    const report = await probe(storage, { exclusive })
    expectOnlyMissing(report, [])
    assert.deepEqual([report.exitCode, report.isSingleWriter], [0, true])
    assert.equal(answers(report).put_if_absent, 'no')
    await storage.close()
    await exclusive.close()
  })

  it('says of a store that refuses conditions what to set', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = (method) => (method === 'PUT' ? { refuse: 501, body: errorXml('NotImplemented') } : 'pass')
    const storage = through(proxy, bucket)
    const report = await probe(storage)
    const [entry] = report.capabilities.filter(({ id }) => id === 'put_if_absent')
    assert.equal(entry?.answer, 'no')
    assert.match(entry?.advice ?? '', /storage\.single_writer: true/)
    assert.deepEqual([report.exitCode, answers(report).ranged_read], [7, 'unknown'])
    await storage.close()
  })

  it('notices a listing without order', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = (_, path) => (path.includes('list-type=2') ? { rewrite: reversedListing } : 'pass')
    const storage = through(proxy, bucket)
    const report = await probe(storage)
    expectOnlyMissing(report, ['list'])
    assert.equal(report.exitCode, 7)
    await storage.close()
  })

  it('notices ranges that are not what was asked for', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = (method, path) =>
      method === 'GET' && /-range\b/.test(path) ? { rewrite: (body) => body.replace(/./s, '?') } : 'pass'
    const storage = through(proxy, bucket)
    const report = await probe(storage)
    expectOnlyMissing(report, ['ranged_read'])
    await storage.close()
  })

  it('names what it may not delete, and needs no such right', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    proxy.decide = (method, path) =>
      method === 'DELETE' && !path.includes('uploadId')
        ? { refuse: 403, body: errorXml('AccessDenied') }
        : 'pass'
    const storage = through(proxy, bucket)
    await putForeign(storage)
    const report = await probe(storage)
    expectOnlyMissing(report, [])
    assert.deepEqual([report.exitCode, answers(report).delete], [0, 'no'])
    assert.ok(report.leftovers.length > 20)
    await expectForeignOnly(storage, report.leftovers)
    // A second one does not stumble over what the first had to leave.
    const again = await probe(storage)
    expectOnlyMissing(again, [])
    await expectForeignOnly(storage, [...report.leftovers, ...again.leftovers])
    await storage.close()
  })

  it('tells a missing right from a missing capability', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    const storage = through(proxy, bucket)
    const denied = { refuse: 403, body: errorXml('AccessDenied') }
    proxy.decide = (method) => (method === 'PUT' || method === 'POST' ? denied : 'pass')
    const readOnly = await probe(storage)
    assert.deepEqual([readOnly.exitCode, answers(readOnly).write], [8, 'no'])
    assert.equal(answers(readOnly).put_if_absent, 'unknown')
    proxy.decide = (_, path) => (path.includes('list-type=2') ? denied : 'pass')
    const listless = await probe(storage)
    assert.equal(listless.exitCode, 8)
    assert.equal(answers(listless).list, 'no')
    await storage.close()
  })

  it('asks of versions and locks what it may, and goes on without an answer', async () => {
    const bucket = await freshBucket(server)
    await using proxy = await openLossyProxy(server.endpoint)
    const storage = through(proxy, bucket)
    for (const fate of [
      { refuse: 403, body: errorXml('AccessDenied') },
      { refuse: 501, body: errorXml('SomethingElse') },
      { refuse: 405, body: errorXml('MethodNotAllowed') },
    ]) {
      proxy.decide = (_, path) => (/\?(versioning|object-lock)\b/.test(path) ? fate : 'pass')
      const facts = await storage.inspectPlace?.()
      assert.deepEqual(facts, { versioning: 'unknown', objectLock: 'unknown', defaultRetention: null })
    }
    assert.ok(proxy.seen.some((line) => line.includes('object-lock')))
    await storage.close()
  })

  it('removes everything when it is stopped, wherever it is', async () => {
    for (const stopAt of [2, 15, 40, 70]) {
      const bucket = await freshBucket(server)
      await using proxy = await openLossyProxy(server.endpoint)
      const controller = new AbortController()
      const reason = new KafkaBackupError('KB_INTERRUPTED', 'stopped by the test')
      proxy.decide = (_method, _path, count) => {
        if (count === stopAt) controller.abort(reason)
        return 'pass'
      }
      const storage = through(proxy, bucket)
      await putForeign(openBucket(server, bucket))
      await expectCode(probe(storage, { signal: controller.signal }), 'KB_INTERRUPTED')
      assert.ok(proxy.seen.length > stopAt, 'it was stopped in the middle')
      await expectForeignOnly(storage)
      await storage.close()
    }
  })

  it('fails when nothing answers, and when the bucket is not there', async () => {
    const nobody = openS3(new URL('s3://any?endpoint=http://127.0.0.1:1'), keysOf(server))
    const named: string[] = []
    const onLeft = (keys: readonly string[]) => void named.push(...keys)
    await expectCode(probe(nobody, { onLeft }), 'KB_STORAGE_UNAVAILABLE')
    assert.deepEqual(named, [], 'nothing was reached, so nothing can be left')
    await nobody.close()
    const bucket = await freshBucket(server)
    const wrong = keysOf(server, { secret_key: 'another' })
    const stranger = openS3(new URL(`s3://${bucket}?endpoint=${server.endpoint}`), wrong)
    const refused = await probe(stranger)
    assert.deepEqual([refused.exitCode, refused.leftovers], [8, []])
    await stranger.close()
    const absent = openBucket(server, 'absent-bucket')
    await expectCode(probe(absent), 'KB_LOCATION_INVALID')
    await absent.close()
  })
})

function reversedListing(body: string): string {
  const entries = body.match(/<Contents>.*?<\/Contents>/gs) ?? []
  let at = entries.length
  return body.replace(/<Contents>.*?<\/Contents>/gs, () => entries[--at] ?? '')
}
