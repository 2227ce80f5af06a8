import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { collect, expectCode } from '../../../testkit/src/conformance/storage-subject.ts'
import { missingS3Server, type S3Server, startS3Server } from '../../../testkit/src/stores/versity-gateway.ts'
import { KafkaBackupError } from '../../src/errors/kafka-backup-error.ts'
import { openS3 } from '../../src/storage/s3/location.ts'
import { errorXml, type LossyProxy, openLossyProxy } from '../storage/lossy-proxy.ts'
import { freshBucket, keysOf, openBucket } from '../storage/s3-subject.ts'
import { openForgetfulStore } from './forgetful-store.ts'
import { answers, expectForeignOnly, expectOnlyMissing, probe, putForeign } from './probe-subject.ts'

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
    proxy.decide = (method, path) => (method === 'GET' && !path.includes('list-type=2') ? denied : 'pass')
    const blind = await probe(storage)
    assert.equal(blind.exitCode, 8)
    // A refusal says nothing of what the store would do.
    for (const { id, answer, meaning } of [...listless.capabilities, ...blind.capabilities]) {
      const isRight = ['read_after_write', 'list', 'replace'].includes(id)
      if (isRight && answer === 'no') assert.match(meaning, /^The account may not /, id)
    }
    assert.match(blind.capabilities.find(({ id }) => id === 'replace')?.advice ?? '', /overwrite and read/)
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
